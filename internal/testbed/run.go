//go:build linux

package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Scenario is one thing that real traffic through a sidecar can look like.
type Scenario struct {
	Name  string
	About string // one sentence

	v6   bool
	json bool // its access log is there as JSON too
	live bool // its captures are not shipped: they are another scenario's with less in them, or large
	play func(*bed) error
	// shows says whether the run shows what it is for, where that is left to
	// timing; nil: always.
	shows func(*Truth) error
}

// attempts is how often a scenario is played when timing did not produce what
// it is to show, such as pooled connections that nobody shared.
const attempts = 4

// limit is how long one attempt may take; the slowest takes about 15 s.
const limit = 90 * time.Second

// Run plays a scenario and leaves its captures, truth and side files in dir,
// which must exist. The seed varies sizes, contents and order; ports are the
// kernel's choice. It needs root and the tools of Packages; ask Missing first.
func Run(ctx context.Context, scenario string, dir string, seed int64) (*Truth, error) {
	s, ok := find(scenario)
	if !ok {
		return nil, fmt.Errorf("no scenario %q", scenario)
	}
	return s.run(ctx, dir, seed)
}

// Big records a pair of captures of more than 300 MB together, inbound
// plaintext HTTP over pooled connections, for benchmarks. Everything else is
// as for Run; the files' names begin with "big-".
func Big(ctx context.Context, dir string, seed int64) (*Truth, error) {
	s := Scenario{Name: "big", About: "Pooled inbound HTTP, sixteen clients with hundreds of requests.", play: playBig, shows: pooled}
	return s.run(ctx, dir, seed)
}

func (s Scenario) run(ctx context.Context, dir string, seed int64) (*Truth, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	var err error
	for range attempts {
		var t *Truth
		t, err = s.attempt(ctx, dir, seed)
		if err == nil || !errors.Is(err, errAgain) || ctx.Err() != nil {
			return t, err
		}
	}
	return nil, fmt.Errorf("after %d attempts: %w", attempts, err)
}

func find(name string) (Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}

func (s Scenario) attempt(ctx context.Context, dir string, seed int64) (*Truth, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %v", limit))
	defer cancel()
	if err := clean(dir, s.Name); err != nil {
		return nil, err
	}
	b, err := newBed(ctx, s, dir, seed)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.build(); err != nil {
		return nil, fmt.Errorf("%s: build: %w", s.Name, err)
	}
	t, err := b.finish(s.play(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return t, nil
}

// clean removes the results of an earlier run of the scenario. Other
// scenarios' names may begin with this one's, so only known suffixes go.
func clean(dir, name string) error {
	old, err := filepath.Glob(filepath.Join(dir, name+"-*"))
	if err != nil {
		return err
	}
	for _, f := range old {
		if owner(filepath.Base(f)) != name {
			continue
		}
		if err := os.Remove(f); err != nil {
			return err
		}
	}
	return nil
}

// owner is the scenario whose name is the longest prefix of a file's.
func owner(file string) string {
	best := ""
	for _, s := range Scenarios() {
		if strings.HasPrefix(file, s.Name+"-") && len(s.Name) > len(best) {
			best = s.Name
		}
	}
	return best
}

// finish ends captures, writes what lies beside them and checks the truth.
func (b *bed) finish(played error) (*Truth, error) {
	if played != nil {
		return nil, fmt.Errorf("%w%s", played, b.complaints())
	}
	if err := b.sideFiles(); err != nil {
		return nil, err
	}
	if err := b.stopSniffers(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{b.thinned, b.halved, b.pack} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	t, err := assemble(&evidence{mesh: b.mesh, about: b.scenario.About, rec: &b.rec, lookups: b.lookups.list(), notes: &b.notes})
	if err != nil {
		return nil, err
	}
	name := filepath.Join(b.dir, b.scenario.Name+"-truth.json")
	for _, f := range t.Files { // dumpcap's are for its user alone
		if err := os.Chmod(filepath.Join(b.dir, f.Name), 0o644); err != nil {
			return nil, err
		}
	}
	for _, check := range []func() error{t.Check, func() error { return CheckCaptures(t, b.dir) }} {
		if err := check(); err != nil {
			return nil, errors.Join(err, t.write(name+".wrong"))
		}
	}
	if b.scenario.shows != nil {
		if err := b.scenario.shows(t); err != nil {
			return nil, fmt.Errorf("%w: %w", errAgain, err)
		}
	}
	return t, t.write(name)
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

// sideFiles writes what a person in the pod could have asked for as well.
func (b *bed) sideFiles() error {
	several := 0
	for _, p := range b.pods {
		if b.captured(p.name) {
			several++
		}
	}
	for _, p := range b.pods {
		if !b.captured(p.name) {
			continue
		}
		prefix := b.scenario.Name + "-"
		if several > 1 {
			prefix += p.name + "-"
		}
		if err := b.podFiles(p, filepath.Join(b.dir, prefix)); err != nil {
			return err
		}
	}
	if !b.captured(b.node.name) {
		return nil
	}
	return b.nodeFiles(filepath.Join(b.dir, b.scenario.Name+"-node-"))
}

// nodeFiles writes conntrack's table and events of the node.
func (b *bed) nodeFiles(prefix string) error {
	out, err := b.inside(b.node, "conntrack", "-L", "-f", "ipv4")
	if err != nil {
		return err
	}
	if err := os.WriteFile(prefix+"conntrack.txt", []byte(out), 0o644); err != nil {
		return err
	}
	return b.eventFile(b.node, prefix)
}

func (b *bed) podFiles(p *pod, prefix string) error {
	family, save := "ipv4", "iptables-save"
	if b.v6 {
		family, save = "ipv6", "ip6tables-save"
	}
	for _, f := range []struct {
		suffix string
		args   []string
	}{
		{"conntrack.txt", []string{"conntrack", "-L", "-f", family}},
		{"iptables.txt", []string{save}},
		{"ss.txt", []string{"ss", "-tnp"}},
	} {
		out, err := b.inside(p.host, f.args...)
		if err != nil {
			return err
		}
		if err := os.WriteFile(prefix+f.suffix, []byte(out), 0o644); err != nil {
			return err
		}
	}
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	if err := os.WriteFile(prefix+"haproxy.log", log, 0o644); err != nil {
		return err
	}
	if err := b.accessFiles(log, prefix); err != nil {
		return err
	}
	return b.eventFile(p.host, prefix)
}

// accessFiles writes what Envoy's access log would say.
func (b *bed) accessFiles(log []byte, prefix string) error {
	lines, err := parseLog(log)
	if err != nil {
		return err
	}
	if b.scenario.json {
		if err := writeAccess(prefix+"access.json", lines, asJSON); err != nil {
			return err
		}
	}
	return writeAccess(prefix+"access.log", lines, asText)
}

// eventFile writes conntrack's events of a host.
func (b *bed) eventFile(h *host, prefix string) error {
	events, err := os.ReadFile(filepath.Join(b.tmp, h.name+"-events.txt"))
	if err != nil {
		return err
	}
	return os.WriteFile(prefix+"conntrack-events.txt", events, 0o644)
}
