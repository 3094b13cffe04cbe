//go:build linux

package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/assembly"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/packets"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// limit is how long one attempt may take; the slowest takes about 15 s.
const limit = 90 * time.Second

// Attempt plays the scenario once. The error is ErrAgain if bad luck spoilt the
// run.
func (s Scenario) Attempt(ctx context.Context, dir string, seed int64) (*truth.Truth, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done within %v", limit))
	defer cancel()
	b, err := newBed(ctx, s, dir, seed)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	if err := b.Build(); err != nil {
		return nil, fmt.Errorf("%s: build: %w", s.Name, err)
	}
	t, err := b.finish(s.Play(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return t, nil
}

// finish ends captures, writes what lies beside them and checks the truth.
func (b *Bed) finish(played error) (*truth.Truth, error) {
	if played != nil {
		return nil, fmt.Errorf("%w%s", played, b.Complaints())
	}
	if err := b.sideFiles(); err != nil {
		return nil, err
	}
	if err := b.StopSniffers(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{b.EndEnvoys, b.logFiles, b.thinned, b.halved, b.pack} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	t, err := assembly.Assemble(&assembly.Evidence{Mesh: b.Mesh, About: b.scenario.About, Rec: &b.Rec, Lookups: b.Asked(), Notes: &b.Notes})
	if err != nil {
		return nil, err
	}
	name := filepath.Join(b.Dir, b.scenario.Name+"-truth.json")
	for _, f := range t.Files { // dumpcap's are for its user alone
		if err := os.Chmod(filepath.Join(b.Dir, f.Name), 0o644); err != nil {
			return nil, err
		}
	}
	for _, check := range []func() error{t.Check, func() error { return packets.Check(t, b.Dir) }} {
		if err := check(); err != nil {
			return nil, errors.Join(err, t.Write(name+".wrong"))
		}
	}
	if b.scenario.Shows != nil {
		if err := b.scenario.Shows(t); err != nil {
			return nil, fmt.Errorf("%w: %w", world.ErrAgain, err)
		}
	}
	return t, t.Write(name)
}
