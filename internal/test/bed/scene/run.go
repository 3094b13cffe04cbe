//go:build linux

package scene

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/envoy"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// attempts is how often a scenario is played when timing did not produce what
// it is to show, such as pooled connections that nobody shared.
const attempts = 4

// Run plays a scenario and leaves its captures, truth and side files in dir,
// which must exist. The seed varies sizes, contents and order; ports are the
// kernel's choice. It needs root and the tools of world.Packages; ask world.Missing
// first.
func Run(ctx context.Context, scenario string, dir string, seed int64) (*truth.Truth, error) {
	s, ok := find(scenario)
	if !ok {
		return nil, fmt.Errorf("no scenario %q", scenario)
	}
	return run(ctx, s, dir, seed)
}

// Big records a pair of captures of more than 300 MB together, inbound
// plaintext HTTP over pooled connections, for benchmarks. Everything else is
// as for Run; the files' names begin with "big-".
func Big(ctx context.Context, dir string, seed int64) (*truth.Truth, error) {
	s := stage.Scenario{Name: "big", About: "Pooled inbound HTTP, sixteen clients with hundreds of requests.", Play: playBig, Shows: pooled}
	return run(ctx, s, dir, seed)
}

func run(ctx context.Context, s stage.Scenario, dir string, seed int64) (*truth.Truth, error) {
	if err := Missing(s); err != nil {
		return nil, err
	}
	var err error
	for range attempts {
		if err := clean(dir, s.Name); err != nil {
			return nil, err
		}
		var t *truth.Truth
		t, err = s.Attempt(ctx, dir, seed)
		if err == nil || !errors.Is(err, world.ErrAgain) || ctx.Err() != nil {
			return t, err
		}
	}
	return nil, fmt.Errorf("after %d attempts: %w", attempts, err)
}

// Missing says what this machine lacks to play a scenario, or returns nil.
func Missing(s stage.Scenario) error {
	err := world.Missing()
	if err == nil && s.Envoy {
		_, err = envoy.Find()
	}
	return err
}

func find(name string) (stage.Scenario, bool) {
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return stage.Scenario{}, false
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
