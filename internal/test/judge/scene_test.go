package judge

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// pcaps is where the shipped captures are.
const pcaps = "../../../testdata/pcaps"

// A scene is a scenario's truth and the captures to read for it.
type scene struct {
	dir    string
	truth  *truth.Truth
	inputs []mesh.Input
	live   bool   // played just now, with a seed of its own
	number int    // among the scenarios of its directory
	pod    string // the only one that is shown; "" = all
}

// scenes loads all scenarios in dir.
func scenes(t testing.TB, dir string) []*scene {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*-truth.json*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no truth files in %s (%v)", dir, err)
	}
	var all []*scene
	for i, n := range names {
		all = append(all, load(t, n))
		all[i].number = i
	}
	return all
}

// load reads one truth file.
func load(t testing.TB, name string) *scene {
	t.Helper()
	truth, err := truth.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{dir: filepath.Dir(name), truth: truth}
	for _, f := range truth.Files {
		s.inputs = append(s.inputs, mesh.Input{Name: filepath.Join(s.dir, f.Name), Pod: podOf(truth.Args, f.Name)})
	}
	s.place(t)
	return s
}

// podOf returns the pod to which the arguments of a scenario, such as
// --pod a=x.pcap,y.pcap, give a file; "" when they give it to none.
func podOf(args []string, file string) string {
	for i, a := range args {
		if a != "--pod" || i+1 == len(args) {
			continue
		}
		name, files, _ := strings.Cut(args[i+1], "=")
		if slices.Contains(strings.Split(files, ","), file) {
			return name
		}
	}
	return ""
}

// elsewhereEnv names directories with more captures and truths, separated as
// in PATH: those of the testbed, played with other seeds. Directories in them
// count too.
const elsewhereEnv = "PCAPMESH_TRUTH"

// each runs f as a subtest for every scenario that packets tell, the shipped ones
// first.
func each(t *testing.T, f func(*testing.T, *scene)) {
	every(t, func(t *testing.T, s *scene) {
		if by, ok := untold[s.truth.Scenario]; ok {
			t.Skip("told by records only: " + by)
		}
		f(t, s)
	})
}

// wide runs f as each does, but on every third of the shipped scenarios only unless
// the run is a full one.
func wide(t *testing.T, f func(*testing.T, *scene)) {
	each(t, func(t *testing.T, s *scene) {
		if s.chosen() {
			f(t, s)
		}
	})
}

// chosen reports whether wide tests take the scene.
func (s *scene) chosen() bool { return full || s.live || s.number%3 == 0 }

// every runs f as a subtest for every scenario but those of which TestSure alone holds
// something.
func every(t *testing.T, f func(*testing.T, *scene)) {
	all(t, func(t *testing.T, s *scene) {
		if s.loose() {
			t.Skip("how much is told of it differs from run to run")
		}
		f(t, s)
	})
}

// all runs f as a subtest for all scenarios.
func all(t *testing.T, f func(*testing.T, *scene)) {
	for _, dir := range truthDirs(t) {
		for _, s := range scenes(t, dir) {
			name := s.truth.Scenario
			if dir != pcaps {
				name, s.live = filepath.Base(dir)+"/"+name, true
			}
			t.Run(name, func(t *testing.T) { f(t, s) })
		}
	}
}

// truthDirs lists the directories with captures and truths.
func truthDirs(t testing.TB) []string {
	dirs := []string{pcaps}
	for _, d := range filepath.SplitList(os.Getenv(elsewhereEnv)) {
		for _, pattern := range []string{d, filepath.Join(d, "*")} {
			subs, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range subs {
				if found, _ := filepath.Glob(filepath.Join(s, "*-truth.json*")); len(found) > 0 {
					dirs = append(dirs, s)
				}
			}
		}
	}
	return dirs
}

// stitch reads the scene's captures, ready to be read again.
func (s *scene) stitch(t testing.TB, o mesh.Options) *mesh.Result {
	t.Helper()
	return stitch(t, s.inputs, o)
}

func stitch(t testing.TB, inputs []mesh.Input, o mesh.Options) *mesh.Result {
	t.Helper()
	o.Reread = true
	r, err := mesh.Stitch(t.Context(), inputs, &o)
	if r == nil {
		t.Fatal(err) // what is wrong with inputs stands there too
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// nanos reads a time of the truth; 0 when it is not known.
func nanos(stamp string) int64 {
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return 0
	}
	return at.UnixNano()
}

// packets reads a whole capture.
func packets(t testing.TB, name string) []*capture.Packet {
	t.Helper()
	r, err := capture.Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []*capture.Packet
	for p, err := range r.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		c := *p
		c.Data = bytes.Clone(p.Data)
		all = append(all, &c)
	}
	return all
}
