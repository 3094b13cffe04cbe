package judge

import (
	"compress/gzip"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A wear is what a log may have gone through before it is read.
type wear struct {
	name string
	do   func(rng *rand.Rand, lines []string) []string
	all  bool // everything logged is told all the same
}

// startTime and remote find the time and the client of a line.
var (
	startTime = regexp.MustCompile(`^\[([^\]]*)\]`)
	remote    = regexp.MustCompile(` (([0-9.]+):[0-9]+) (\S+ \S+)$`)
)

func wears() []wear {
	moved := func(by func(*rand.Rand) time.Duration) func(*rand.Rand, []string) []string {
		return func(rng *rand.Rand, lines []string) []string {
			for i, l := range lines {
				lines[i] = startTime.ReplaceAllStringFunc(l, func(s string) string {
					at, err := time.Parse(time.RFC3339Nano, strings.Trim(s, "[]"))
					if err != nil {
						return s
					}
					return "[" + at.Add(by(rng)).Format("2006-01-02T15:04:05.000Z") + "]"
				})
			}
			return lines
		}
	}
	return []wear{
		{"late by up to 100 ms", moved(func(rng *rand.Rand) time.Duration { return time.Duration(rng.IntN(100)) * time.Millisecond }), false},
		{"early by up to 100 ms", moved(func(rng *rand.Rand) time.Duration { return -time.Duration(rng.IntN(100)) * time.Millisecond }), false},
		{"of whole seconds", func(_ *rand.Rand, lines []string) []string {
			for i, l := range lines {
				lines[i] = startTime.ReplaceAllStringFunc(l, func(s string) string { return s[:20] + "Z]" })
			}
			return lines
		}, false},
		{"shuffled", func(rng *rand.Rand, lines []string) []string {
			rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			return lines
		}, false},
		{"every third line missing", func(rng *rand.Rand, lines []string) []string {
			var left []string
			for _, l := range lines {
				if rng.IntN(3) > 0 {
					left = append(left, l)
				}
			}
			return left
		}, false},
		{"the first half missing", func(_ *rand.Rand, lines []string) []string { return lines[len(lines)/2:] }, false},
		{"the second half missing", func(_ *rand.Rand, lines []string) []string { return lines[:len(lines)/2] }, false},
		{"twice", func(_ *rand.Rand, lines []string) []string { return append(lines, lines...) }, true},
		{"client's port inferred", func(_ *rand.Rand, lines []string) []string {
			for i, l := range lines {
				lines[i] = remote.ReplaceAllString(l, " $2:0 $3")
			}
			return lines
		}, false},
	}
}

// A log that was cut, put in another order, or whose times are not those of the
// packets, leads to less at the worst, and to nothing wrong.
func TestWornLogs(t *testing.T) {
	every(t, func(t *testing.T, s *scene) {
		if !s.chosen() {
			return
		}
		if len(s.left("access.log")) == 0 || s.huge() && !s.live {
			t.Skip("has no log, or is large")
		}
		without := newJudge(s.truth, s.stitch(t, mesh.Options{Records: record.Files{Conntrack: s.left("conntrack.txt")}}))
		for _, w := range wears() {
			t.Run(w.name, func(t *testing.T) { s.holdWorn(t, w, without) })
		}
	})
}

// dialler finds the end from which the proxy dialled, in a line for a sidecar's
// inbound side.
var dialler = regexp.MustCompile(` 127\.0\.0\.6:[0-9]+ `)

// swapDiallers makes a few lines name the connection of the line after the next.
func swapDiallers(_ *rand.Rand, lines []string) []string {
	for i := 0; i+2 < len(lines); i += 9 {
		a, b := dialler.FindString(lines[i]), dialler.FindString(lines[i+2])
		if a != "" && b != "" {
			lines[i], lines[i+2] = strings.Replace(lines[i], a, b, 1), strings.Replace(lines[i+2], b, a, 1)
		}
	}
	return lines
}

// Lines that name another exchange than contents do lose against these.
func TestLyingLogs(t *testing.T) {
	every(t, func(t *testing.T, s *scene) {
		if len(s.left("access.log")) == 0 || s.huge() || strings.Contains(s.truth.Scenario, "mtls") {
			t.Skip("has no log, is large, or shows no contents")
		}
		without := newJudge(s.truth, s.stitch(t, mesh.Options{Records: record.Files{Conntrack: s.left("conntrack.txt")}}))
		if c := without.count(); len(c.lost) > 0 || len(c.unlogged()) > 0 {
			t.Skip("contents do not tell all")
		}
		s.holdWorn(t, wear{"diallers swapped", swapDiallers, false}, without)
	})
}

// A log in which clients stand beside other lines is not used at all.
func TestUnbelievableLog(t *testing.T) {
	s := load(t, filepath.Join(pcaps, "mtls-http-truth.json.gz"))
	without := newJudge(s.truth, s.stitch(t, mesh.Options{Records: record.Files{Conntrack: s.left("conntrack.txt")}}))
	r := s.holdWorn(t, wear{"clients shuffled", func(rng *rand.Rand, lines []string) []string {
		var clients []string
		for _, l := range lines {
			clients = append(clients, remote.FindStringSubmatch(l)[1])
		}
		rng.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
		for i, l := range lines {
			lines[i] = remote.ReplaceAllString(l, " "+clients[i]+" $3")
		}
		return lines
	}, false}, without)
	if len(r.Conflicts) != 1 || r.Conflicts[0].Source.Line != 0 {
		t.Errorf("conflicts %+v, want one about the file", r.Conflicts)
	}
}

// worn returns the scene's logs after what they have gone through.
func (s *scene) worn(t *testing.T, w wear) (logs []record.File) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, f := range s.left("access.log") {
		file := filepath.Join(t.TempDir(), "access.log")
		lines := w.do(rng, strings.Split(strings.TrimSpace(readText(t, f.Name)), "\n"))
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, record.File{Name: file, Pod: f.Pod})
	}
	return logs
}

func (s *scene) holdWorn(t *testing.T, w wear, without *judge) *mesh.Result {
	r := s.stitch(t, mesh.Options{Records: record.Files{Conntrack: s.left("conntrack.txt"), AccessLogs: s.worn(t, w)}})
	j := newJudge(s.truth, r)
	s.settle(t, w.name+": wrong", newly(without.wrong(), j.wrong()))
	s.settle(t, w.name+": worse", worse(without, j))
	if c := j.count(); w.all {
		s.settle(t, w.name+": all logged", append(c.lost, c.unlogged()...))
	}
	t.Logf("%d conflicts, links: %v", len(r.Conflicts), j.count())
	return r
}

// readText reads a file that may be gzipped.
func readText(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
