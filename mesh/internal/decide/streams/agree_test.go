package streams

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/align"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

func recordAt(at, n int64) align.Record { return align.Record{At: at, Size: n} }

// called is an exchange that can be read.
func called(target string) *graph.Exchange {
	s := scan.New(nil, nil)
	e := &graph.Exchange{Leg: &graph.Leg{Leg: &flow.Leg{}}, Scan: s, RespScan: s, Req: spoken(0, 0), Resp: spoken(0, 0)}
	e.Req.Method, e.Req.Target = s.Text.Keep([]byte("GET")), s.Text.Keep([]byte(target))
	return e
}

// Which of several in a record is which, two pods know by what they can read; what fits
// nothing does not go on.
func TestAgree(t *testing.T) {
	for _, tt := range []struct {
		name    string
		in, out []string // targets, in the order that each pod believes
		want    string   // places of what leads out
	}{
		{"one", []string{"/a"}, []string{"/a"}, "[1]"},
		{"the same order", []string{"/a", "/b"}, []string{"/a", "/b"}, "[1 2]"},
		{"another order", []string{"/a", "/b"}, []string{"/b", "/a"}, "[2 1]"},
		{"alike", []string{"/a", "/a"}, []string{"/a", "/a"}, "[1 2]"},
		{"two alike and one", []string{"/a", "/b", "/a"}, []string{"/b", "/a", "/a"}, "[2 4 3]"},
		{"another one", []string{"/a"}, []string{"/b"}, "[2]"},
		{"one too many", []string{"/a"}, []string{"/b", "/a"}, "[2 1]"},
		{"only one side", nil, []string{"/b", "/a"}, "[1 2]"},
	} {
		lane := &graph.Leg{Leg: &flow.Leg{}}
		var links, out []*graph.Link
		seat := func(n int) *graph.Exchange {
			return &graph.Exchange{Leg: lane, Outline: &graph.Outline{First: 7, Slot: n + 1}}
		}
		for n, target := range tt.in {
			links = append(links, &graph.Link{Down: called(target), Up: seat(n)})
		}
		for n, target := range tt.out {
			out = append(out, &graph.Link{Down: seat(n), Up: called(target)})
		}
		Agree(append(links, out...))
		var got []int
		for _, l := range out {
			got = append(got, l.Down.Outline.Slot)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}
