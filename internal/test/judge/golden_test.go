package judge

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// goldens is where they are: beside the captures they would count as captures
// do, whose sizes have a limit.
const goldens = "testdata/golden"

// update writes the golden files anew. Look at every line that changes: the
// other tests of this package must pass before, and a commit says why.
var update = flag.Bool("update", false, "write "+goldens+" anew")

// crowded reports whether a scenario is too large for a golden file that anyone
// would read. Other tests count what is found in it.
func (s *scene) crowded() bool {
	return strings.HasPrefix(s.truth.Scenario, "mtls-") || s.truth.Scenario == "h2c"
}

// huge reports whether a scenario takes long and shows little that others do not.
func (s *scene) huge() bool { return len(s.truth.Links) > 1000 && !s.live }

// What is printed of each scenario is what was printed before.
func TestGolden(t *testing.T) {
	dir, err := filepath.Abs(goldens)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(pcaps)
	for _, s := range scenes(t, ".") {
		t.Run(s.truth.Scenario, func(t *testing.T) {
			if s.crowded() {
				t.Skip("no golden file")
			}
			for k := range known {
				if strings.HasPrefix(k, s.truth.Scenario+"/") {
					t.Skip("no golden file before this is mended: " + k)
				}
			}
			for i := range s.inputs {
				s.inputs[i].Name = filepath.Base(s.inputs[i].Name)
			}
			var got bytes.Buffer
			if err := report.JSON(&got, s.stitch(t, mesh.Options{})); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(dir, s.truth.Scenario+".json"), got.Bytes())
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(string(got), "\n")
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	t.Errorf("%s: line %d is now\n%s\nand was\n%s", name, n+1, line(b, n), line(a, n))
}

func line(all []string, n int) string {
	if n >= len(all) {
		return "(end)"
	}
	return all[n]
}

// Every golden file belongs to a scenario.
func TestGoldenFiles(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(goldens, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var scenarios []string
	for _, s := range scenes(t, pcaps) {
		scenarios = append(scenarios, s.truth.Scenario)
	}
	for _, n := range names {
		if s := strings.TrimSuffix(filepath.Base(n), ".json"); !slices.Contains(scenarios, s) {
			t.Errorf("%s: no such scenario", n)
		}
	}
}
