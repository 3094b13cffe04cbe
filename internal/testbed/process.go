//go:build linux

package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// command runs a program to its end and returns its standard output.
func (w *world) command(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.ctx, name, args...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(problem.Bytes()))
	}
	return out.String(), nil
}

// inside runs a program in h.
func (w *world) inside(h *host, args ...string) (string, error) {
	return w.command("ip", append([]string{"netns", "exec", h.NS}, args...)...)
}

// feed runs a program in h with text on its standard input.
func (w *world) feed(h *host, text string, args ...string) error {
	cmd := exec.CommandContext(w.ctx, "ip", append([]string{"netns", "exec", h.NS}, args...)...)
	cmd.Stdin = bytes.NewReader([]byte(text))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v in %s: %w: %s", args, h.name, err, bytes.TrimSpace(out))
	}
	return nil
}

// process is a program that keeps running in a host.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	errs *tail
}

// start begins a program in h; its standard output goes to the named file.
func (w *world) start(h *host, stdout string, args ...string) (*process, error) {
	out, err := os.Create(stdout)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{name: args[0], done: make(chan struct{}), errs: new(tail)}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", h.NS}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = out, p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := w.spawn(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", args[0], h.name, err)
	}
	w.procs = append(w.procs, p)
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

// spawn starts a program from a thread that lives as long as the bed: a
// parent-death signal is sent when the forking thread ends, and the threads
// that visited a namespace do.
func (w *world) spawn(cmd *exec.Cmd) error {
	if w.forks == nil {
		forks := make(chan func())
		go func() {
			runtime.LockOSThread()
			for f := range forks {
				f()
			}
		}()
		w.forks = forks
	}
	done := make(chan error, 1)
	w.forks <- func() { done <- cmd.Start() }
	return <-done
}

// end asks the process to finish and waits for it.
func (p *process) end(sig syscall.Signal) error {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		p.kill()
		return fmt.Errorf("%s did not end: %s", p.name, p.errs)
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// tail keeps what a process wrote to standard error.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() < 1<<20 {
		t.buf.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}

// wait polls until ok holds, the process (if any) has ended, or time is up.
func (w *world) wait(what string, p *process, ok func() bool) error {
	limit := time.Now().Add(10 * time.Second)
	for !ok() {
		if p != nil {
			select {
			case <-p.done:
				return fmt.Errorf("%s: %s ended: %s", what, p.name, p.errs)
			default:
			}
		}
		if time.Now().After(limit) {
			return fmt.Errorf("%s: not within 10 s", what)
		}
		if err := w.pause(10 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pause sleeps, or returns the reason why the run is to end.
func (w *world) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

// parallel runs the functions at the same time and joins their errors.
func parallel(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// complaints is what the processes said on standard error, to explain a
// failure.
func (w *world) complaints() string {
	var said strings.Builder
	for _, p := range w.procs {
		if s := strings.TrimSpace(p.errs.String()); s != "" && p.name == "setpriv" {
			fmt.Fprintf(&said, "\n%s: %s", p.name, s)
		}
	}
	return said.String()
}
