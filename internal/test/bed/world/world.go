//go:build linux

package world

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

// World is the network of one scenario: namespaces, what runs in them, and the
// captures that are being made. Everything random in it is drawn from a seed.
type World struct {
	Ctx    context.Context // when it ends, everything in the world does
	Name   string          // of the scenario; files in Dir begin with it
	Dir    string          // of the results
	Tmp    string          // of configurations and sockets, removed at the end
	Prefix string          // of namespace names
	rng    *rand.Rand
	rngMu  sync.Mutex
	V6     bool // IPv6 is on

	Node   *Host
	Hosts  []*Host
	spaces []string
	procs  []*Process
	forks  chan<- func()
	closer []func()

	Sniffers []*Sniffer
}

// New makes a directory for the world and nothing else yet. dir is where
// captures go.
func New(ctx context.Context, name, dir string, seed int64, v6 bool) (*World, error) {
	tmp, err := os.MkdirTemp("", "pm-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil { // the proxy runs as another user
		return nil, err
	}
	prefix := SpacePrefix() + filepath.Base(tmp)[3:] + "-"
	w := &World{Ctx: ctx, Name: name, Dir: dir, Tmp: tmp, Prefix: prefix, V6: v6,
		rng: rand.New(rand.NewPCG(uint64(seed), 0x706d)), Hosts: worldHosts(prefix)}
	w.sweep()
	return w, nil
}

// SpacePrefix begins the names of all network namespaces of this process.
func SpacePrefix() string { return fmt.Sprintf("pm%d-", os.Getpid()) }

// Host returns the host of that name; the names are fixed in worldHosts.
func (w *World) Host(name string) *Host {
	for _, h := range w.Hosts {
		if h.Name == name {
			return h
		}
	}
	return w.Node
}

// Later has f called when the world is closed, the last one first.
func (w *World) Later(f func()) { w.closer = append(w.closer, f) }

// Close ends all processes and removes the namespaces, in that order, since a
// process outlives its namespace's name.
func (w *World) Close() {
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
	_ = os.RemoveAll(w.Tmp)
}

// ErrAgain marks a run that went wrong by bad luck and may be repeated.
var ErrAgain = errors.New("to be run again")
