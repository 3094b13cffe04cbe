//go:build linux

package world

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

// Command runs a program to its end and returns its standard output.
func (w *World) Command(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.Ctx, name, args...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(problem.Bytes()))
	}
	return out.String(), nil
}

// Inside runs a program in h.
func (w *World) Inside(h *Host, args ...string) (string, error) {
	return w.Command("ip", append([]string{"netns", "exec", h.NS}, args...)...)
}

// Feed runs a program in h with text on its standard input.
func (w *World) Feed(h *Host, text string, args ...string) error {
	cmd := exec.CommandContext(w.Ctx, "ip", append([]string{"netns", "exec", h.NS}, args...)...)
	cmd.Stdin = bytes.NewReader([]byte(text))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v in %s: %w: %s", args, h.Name, err, bytes.TrimSpace(out))
	}
	return nil
}

// Process is a program that keeps running in a host.
type Process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
	errs *tail
}

// Start begins a program in h; its standard output goes to the named file.
func (w *World) Start(h *Host, stdout string, args ...string) (*Process, error) {
	out, err := os.Create(stdout)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &Process{name: args[0], done: make(chan struct{}), errs: new(tail)}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", h.NS}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = out, p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := w.spawn(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", args[0], h.Name, err)
	}
	w.procs = append(w.procs, p)
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

// spawn starts a program from a thread that lives as long as the world: a
// parent-death signal is sent when the forking thread ends, and the threads
// that visited a namespace do.
func (w *World) spawn(cmd *exec.Cmd) error {
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

// End asks the process to finish and waits for it.
func (p *Process) End(sig syscall.Signal) error {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
		return nil
	case <-time.After(10 * time.Second):
		p.kill()
		return fmt.Errorf("%s did not end: %s", p.name, p.errs)
	}
}

func (p *Process) kill() {
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

// Wait polls until ok holds, the process (if any) has ended, or time is up.
func (w *World) Wait(what string, p *Process, ok func() bool) error {
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
		if err := w.Pause(10 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// Pause sleeps, or returns the reason why the run is to end.
func (w *World) Pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-w.Ctx.Done():
		return context.Cause(w.Ctx)
	}
}

// Parallel runs the functions at the same time and joins their errors.
func Parallel(fs ...func() error) error {
	errs := make([]error, len(fs))
	var wg sync.WaitGroup
	for i, f := range fs {
		wg.Go(func() { errs[i] = f() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Complaints is what the processes said on standard error, to explain a
// failure.
func (w *World) Complaints() string {
	var said strings.Builder
	for _, p := range w.procs {
		if s := strings.TrimSpace(p.errs.String()); s != "" && p.name == "setpriv" {
			fmt.Fprintf(&said, "\n%s: %s", p.name, s)
		}
	}
	return said.String()
}
