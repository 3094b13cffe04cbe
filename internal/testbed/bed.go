//go:build linux

package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// bed is one scenario being played: the world of namespaces, what runs in it
// and what was recorded. It is built, played and torn down by Run.
type bed struct {
	ctx      context.Context
	scenario Scenario
	dir      string // of the results
	tmp      string // of configurations and sockets, removed at the end
	prefix   string // of namespace names
	rng      *rand.Rand
	rngMu    sync.Mutex
	v6       bool

	node   *host
	hosts  []*host
	spaces []string
	procs  []*process
	forks  chan<- func()
	closer []func()

	rec      recorder
	pods     []*pod
	sniffers []*sniffer
	notes    truthNotes
	lookups  lookups
}

// truthNotes is what a scenario knows about its capture that the records do
// not show.
type truthNotes struct {
	incomplete bool                              // the capture misses bytes on every leg
	missing    int                               // one packet of so many is taken out of the captures; 0: none
	brief      bool                              // exchanges are many and alike: the truth leaves their bytes out
	oddTurns   bool                              // turns are not exchanges
	sameObject bool                              // nothing separates the exchanges
	alike      map[netip.Addr]bool               // nor those of clients at these addresses
	payload    bool                              // the capture has packets with payload only
	halves     bool                              // of each redirected connection, lo shows one direction only
	lost       map[netip.AddrPort]string         // with halves: which is lost, by the client's end as lo shows it
	masquerade string                            // interface of the node behind its NAT, where it captures too
	vips       map[netip.AddrPort]netip.AddrPort // kube-proxy's services
	keys       keyLog                            // of TLS
}

func newBed(ctx context.Context, s Scenario, dir string, seed int64) (*bed, error) {
	tmp, err := os.MkdirTemp("", "pm-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil { // the proxy runs as another user
		return nil, err
	}
	prefix := SpacePrefix() + filepath.Base(tmp)[3:] + "-"
	b := &bed{ctx: ctx, scenario: s, dir: dir, tmp: tmp, prefix: prefix, v6: s.v6,
		rng: rand.New(rand.NewPCG(uint64(seed), 0x706d)), hosts: worldHosts(prefix)}
	b.notes.vips = map[netip.AddrPort]netip.AddrPort{}
	b.sweep()
	return b, nil
}

// SpacePrefix begins the names of all network namespaces of this process.
func SpacePrefix() string { return fmt.Sprintf("pm%d-", os.Getpid()) }

// host returns the host of that name; the names are fixed in worldHosts.
func (b *bed) host(name string) *host {
	for _, h := range b.hosts {
		if h.name == name {
			return h
		}
	}
	return b.node
}

func (b *bed) later(f func()) { b.closer = append(b.closer, f) }

// close ends all processes and removes the namespaces, in that order, since a
// process outlives its namespace's name.
func (b *bed) close() {
	for i := len(b.closer) - 1; i >= 0; i-- {
		b.closer[i]()
	}
	for i := len(b.procs) - 1; i >= 0; i-- {
		b.procs[i].kill()
	}
	if b.forks != nil {
		close(b.forks)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, ns := range b.spaces {
		_ = exec.CommandContext(ctx, "ip", "netns", "del", ns).Run()
	}
	_ = os.RemoveAll(b.tmp)
}

// command runs a program to its end and returns its standard output.
func (b *bed) command(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(b.ctx, name, args...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %v: %w: %s", name, args, err, bytes.TrimSpace(problem.Bytes()))
	}
	return out.String(), nil
}

// inside runs a program in h.
func (b *bed) inside(h *host, args ...string) (string, error) {
	return b.command("ip", append([]string{"netns", "exec", h.ns}, args...)...)
}

// feed runs a program in h with text on its standard input.
func (b *bed) feed(h *host, text string, args ...string) error {
	cmd := exec.CommandContext(b.ctx, "ip", append([]string{"netns", "exec", h.ns}, args...)...)
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
func (b *bed) start(h *host, stdout string, args ...string) (*process, error) {
	out, err := os.Create(stdout)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := &process{name: args[0], done: make(chan struct{}), errs: new(tail)}
	p.cmd = exec.Command("ip", append([]string{"netns", "exec", h.ns}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = out, p.errs
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := b.spawn(p.cmd); err != nil {
		return nil, fmt.Errorf("start %s in %s: %w", args[0], h.name, err)
	}
	b.procs = append(b.procs, p)
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	return p, nil
}

// spawn starts a program from a thread that lives as long as the bed: a
// parent-death signal is sent when the forking thread ends, and the threads
// that visited a namespace do.
func (b *bed) spawn(cmd *exec.Cmd) error {
	if b.forks == nil {
		forks := make(chan func())
		go func() {
			runtime.LockOSThread()
			for f := range forks {
				f()
			}
		}()
		b.forks = forks
	}
	done := make(chan error, 1)
	b.forks <- func() { done <- cmd.Start() }
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
func (b *bed) wait(what string, p *process, ok func() bool) error {
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
		if err := b.pause(10 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pause sleeps, or returns the reason why the run is to end.
func (b *bed) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
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

// between returns a number of [lo, hi], drawn from the seed.
func (b *bed) between(lo, hi int) int {
	b.rngMu.Lock()
	defer b.rngMu.Unlock()
	return lo + b.rng.IntN(hi-lo+1)
}

// random returns n bytes drawn from the seed.
func (b *bed) random(n int) []byte {
	b.rngMu.Lock()
	defer b.rngMu.Unlock()
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(b.rng.Uint32())
	}
	return p
}
