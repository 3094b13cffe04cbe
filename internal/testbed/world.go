//go:build linux

package testbed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// world is the network of one scenario: namespaces, what runs in them, and the
// captures that are being made. Everything random in it is drawn from a seed.
type world struct {
	ctx    context.Context // when it ends, everything in the world does
	name   string          // of the scenario; files in dir begin with it
	dir    string          // of the results
	tmp    string          // of configurations and sockets, removed at the end
	prefix string          // of namespace names
	rng    *rand.Rand
	rngMu  sync.Mutex
	v6     bool // IPv6 is on

	node   *host
	hosts  []*host
	spaces []string
	procs  []*process
	forks  chan<- func()
	closer []func()

	sniffers []*sniffer
}

// New makes a directory for the world and nothing else yet. dir is where
// captures go.
func New(ctx context.Context, name, dir string, seed int64, v6 bool) (*world, error) {
	tmp, err := os.MkdirTemp("", "pm-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil { // the proxy runs as another user
		return nil, err
	}
	prefix := SpacePrefix() + filepath.Base(tmp)[3:] + "-"
	w := &world{ctx: ctx, name: name, dir: dir, tmp: tmp, prefix: prefix, v6: v6,
		rng: rand.New(rand.NewPCG(uint64(seed), 0x706d)), hosts: worldHosts(prefix)}
	w.sweep()
	return w, nil
}

// SpacePrefix begins the names of all network namespaces of this process.
func SpacePrefix() string { return fmt.Sprintf("pm%d-", os.Getpid()) }

// host returns the host of that name; the names are fixed in worldHosts.
func (w *world) host(name string) *host {
	for _, h := range w.hosts {
		if h.name == name {
			return h
		}
	}
	return w.node
}

func (w *world) later(f func()) { w.closer = append(w.closer, f) }

// close ends all processes and removes the namespaces, in that order, since a
// process outlives its namespace's name.
func (w *world) close() {
	for i := len(w.closer) - 1; i >= 0; i-- {
		w.closer[i]()
	}
	for i := len(w.procs) - 1; i >= 0; i-- {
		w.procs[i].kill()
	}
	if w.forks != nil {
		close(w.forks)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, ns := range w.spaces {
		_ = exec.CommandContext(ctx, "ip", "netns", "del", ns).Run()
	}
	_ = os.RemoveAll(w.tmp)
}

// errAgain marks a run that went wrong by bad luck and may be repeated.
var errAgain = errors.New("to be run again")
