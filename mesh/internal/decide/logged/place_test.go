package logged

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// sequenceOf makes a sequence of lines and exchanges that begin at the given times and
// take a millisecond.
func sequenceOf(t *testing.T, lines []float64, exchanges ...float64) *sequence {
	t.Helper()
	s := &sequence{on: downstream, gate: math.MaxInt64}
	var ls []line
	for i, at := range lines {
		ls = append(ls, line{at: at, took: 1, request: "GET /", client: clientEnd(i % 4), status: 200})
	}
	if len(ls) > 0 {
		s.entries = entries(t, ls...)
	}
	l := legFrom(clientEnd(0), service)
	for _, at := range exchanges {
		s.xs = append(s.xs, exchangeOn(l, "GET / 200", at, at+1))
	}
	return s
}

// starts lists when entries begin.
func starts(es []*logEntry) (out []float64) {
	for _, e := range es {
		out = append(out, float64(e.Start-begin)/1e6)
	}
	return out
}

// Lines stand in the order of ends, so that beginnings may be mixed up a little; more
// than that is another order, and lines of several files are put in that of time.
func TestArrange(t *testing.T) {
	for _, tc := range []struct {
		name     string
		at       []float64
		files    []int
		early    int64 // nanoseconds by which the last line is earlier still
		confused bool
		want     []float64
	}{
		{"one", []float64{5}, []int{0}, 0, false, []float64{5}},
		{"in order", []float64{1, 2, 3}, []int{0, 0, 0}, 0, false, []float64{1, 2, 3}},
		{"a little mixed up", []float64{1, 10, 7}, []int{0, 0, 0}, 0, false, []float64{1, 10, 7}},
		{"more than that", []float64{1, 10, 7}, []int{0, 0, 0}, 1, true, []float64{1, 7 - 1e-6, 10}},
		{"mixed up at first", []float64{10, 1, 20}, []int{0, 0, 0}, 0, true, []float64{1, 10, 20}},
		{"two files", []float64{5, 10, 1, 7}, []int{0, 0, 1, 1}, 0, false, []float64{1, 5, 7, 10}},
		{"two files that follow", []float64{5, 10, 11}, []int{0, 0, 1}, 0, false, []float64{5, 10, 11}},
		{"a little mixed up in two files", []float64{5, 3, 1}, []int{0, 0, 1}, 0, false, []float64{1, 3, 5}},
		{"mixed up in one of two files", []float64{1, 10, 2, 11}, []int{0, 0, 0, 1}, 0, true, []float64{1, 2, 10, 11}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := sequenceOf(t, tc.at)
			for i, file := range tc.files {
				s.entries[i].File = file
			}
			s.entries[len(tc.at)-1].Start -= tc.early
			s.arrange()
			if s.confused != tc.confused {
				t.Errorf("confused %v, want %v", s.confused, tc.confused)
			}
			if got := starts(s.entries); !slices.Equal(got, tc.want) {
				t.Errorf("order %v, want %v", got, tc.want)
			}
		})
	}
}

// Most lines tell how far any may be from its exchange.
func TestPunctuality(t *testing.T) {
	const busy = 120
	for _, tc := range []struct {
		name  string
		lines []float64
		xs    []float64
		want  float64
	}{
		{"nothing", nil, []float64{1}, 0},
		{"nothing fits", []float64{50_000}, []float64{1}, 0},
		{"one, at once", []float64{10}, []float64{10}, busy},
		{"one, late", []float64{15}, []float64{10}, 8*4 + busy},
		{"the nearest of several", []float64{15}, []float64{1, 10, 100}, 8*4 + busy},
		{"the second of five", []float64{1000, 2002, 3003, 4004, 5005}, []float64{1000, 2000, 3000, 4000, 5000}, 8*2 + busy},
		{"the second of four", []float64{1000, 2002, 3003, 4004}, []float64{1000, 2000, 3000, 4000}, 8*1 + busy},
		{"whatever their order", []float64{1005, 2000, 3003, 4004, 5002}, []float64{1000, 2000, 3000, 4000, 5000}, 8*2 + busy},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := sequenceOf(t, tc.lines, tc.xs...)
			if got, want := punctuality([]*sequence{s}), span(tc.want); got != want {
				t.Errorf("%d ns, want %d", got, want)
			}
		})
	}
}

// alignment makes pairs of lines with exchanges.
func alignment(of ...int) *assign.Alignment { return &assign.Alignment{Of: of} }

// Lines are near if each is far nearer to its exchange than to those beside it.
func TestNear(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []float64
		xs    []float64
		of    []int
		want  bool
	}{
		{"exact", []float64{10, 20, 30}, []float64{10, 20, 30}, []int{0, 1, 2}, true},
		{"one is of no exchange", []float64{10, 20}, []float64{10}, []int{0, -1}, false},
		{"the next one is as near", []float64{15}, []float64{10, 20}, []int{0}, false},
		{"the one before is as near", []float64{15}, []float64{10, 20}, []int{1}, false},
		{"the next is just far enough", []float64{12}, []float64{10, 18.000001}, []int{0}, true}, // 2×1 and 2×5 ms
		{"the next is just not far enough", []float64{12}, []float64{10, 18}, []int{0}, false},
		{"the one before is just far enough", []float64{18}, []float64{11.999999, 20}, []int{1}, true},
		{"the one before is just not far enough", []float64{18}, []float64{12, 20}, []int{1}, false},
		{"alone", []float64{50}, []float64{10}, []int{0}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sequenceOf(t, tc.lines, tc.xs...).near(alignment(tc.of...)); got != tc.want {
				t.Errorf("near %v, want %v", got, tc.want)
			}
		})
	}
}

// Times are trusted if nine of ten mixed up connections are near to their exchanges.
func TestTimely(t *testing.T) {
	exact, loose := sequenceOf(t, []float64{10}, 10, 20), sequenceOf(t, []float64{15}, 10, 20)
	for _, s := range []*sequence{exact, loose} {
		s.confused, s.pairs = true, alignment(0)
	}
	calm := &sequence{}
	streams := &sequence{confused: true, streams: true}
	many := func(n int, s *sequence, more ...*sequence) []*sequence {
		for range n {
			more = append(more, s)
		}
		return more
	}
	for _, tc := range []struct {
		name string
		all  []*sequence
		want bool
	}{
		{"none", nil, true},
		{"none mixed up", many(3, calm), true},
		{"streams", many(3, streams), true},
		{"all near", many(3, exact), true},
		{"nine of ten", many(9, exact, loose), true},
		{"eight of nine", many(8, exact, loose), false},
		{"nine of ten, and streams", many(9, exact, loose, streams, calm), true},
		{"eight of nine, and some in order", many(8, exact, loose, calm), false},
		{"none near", many(1, loose), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := timely(tc.all); got != tc.want {
				t.Errorf("timely %v, want %v", got, tc.want)
			}
		})
	}
}

// Entries are grouped by the ends of their legs, be these one connection or several;
// those of whole connections, and those without the leg, stand apart.
func TestSeated(t *testing.T) {
	es := entries(t, line{at: 1}, line{at: 2}, line{at: 3}, line{at: 4}, line{at: 5}, line{at: 6, request: "GET /"})
	a, again, b := legFrom(clientEnd(0), service), legFrom(clientEnd(0), service), legFrom(clientEnd(1), service)
	for i, l := range []*graph.Leg{a, b, again, nil, a, b} {
		es[i].Down = l
	}
	for i := range es {
		es[i].whole = i == 4
		if es[i].Line.TCP() != (i < 5) { // by its format
			t.Fatalf("line %d is of a connection: %v", i, es[i].Line.TCP())
		}
	}
	got := seated(es, downstream)
	if len(got) != 1 || !slices.Equal(got[0], es[5:]) {
		t.Errorf("groups %v, want the last one alone", got)
	}
	var ls []line
	for i := range 5 {
		ls = append(ls, line{at: float64(i), request: "GET /"})
	}
	es = entries(t, ls...)
	for i, l := range []*graph.Leg{a, b, again, nil, a} {
		es[i].Up = l
	}
	es[4].whole = true
	got = seated(es, upstream)
	if len(got) != 2 || !slices.Equal(got[0], []*logEntry{es[0], es[2]}) || !slices.Equal(got[1], []*logEntry{es[1]}) {
		t.Errorf("groups %v, want the first with the third, and the second", got)
	}
	if got := seated(es, downstream); got != nil {
		t.Errorf("groups %v of a side that no line names", got)
	}
}

// The exchanges of a leg are those that can be read, or else what turns tell, which
// is nothing of streams.
func TestToldAndVeiled(t *testing.T) {
	for _, tc := range []struct {
		name         string
		read, hidden int
		protocol     flow.Protocol
		alpn         string
		told         int
		veiled       bool
	}{
		{"nothing", 0, 0, flow.ProtocolTLS, "", 0, false},
		{"read", 2, 0, flow.ProtocolHTTP1, "", 2, false},
		{"hidden", 0, 3, flow.ProtocolTLS, "", 3, true},
		{"read and hidden", 2, 3, flow.ProtocolTLS, "", 2, false},
		{"hidden streams", 0, 3, flow.ProtocolTLS, "h2", 0, false},
		{"streams", 2, 0, flow.ProtocolHTTP2, "", 2, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := legFrom(clientEnd(0), service)
			l.Protocol, l.TLS.ALPN = tc.protocol, []string{tc.alpn}
			l.Exchanges, l.Hidden = make([]graph.Exchange, tc.read), make([]graph.Exchange, tc.hidden)
			xs := told(l)
			if len(xs) != tc.told {
				t.Errorf("%d exchanges, want %d", len(xs), tc.told)
			}
			if tc.read > 0 && (xs[1] != &l.Exchanges[1]) || tc.veiled && xs[2] != &l.Hidden[2] {
				t.Error("exchanges are not those of the leg")
			}
			if got := veiled(l); got != tc.veiled {
				t.Errorf("veiled %v, want %v", got, tc.veiled)
			}
		})
	}
}

// A turn is of the one line in whose time its middle lies, at the latest a little
// before; of two whose times begin one after the other it is the later's.
func TestOwner(t *testing.T) {
	for _, tc := range []struct {
		name    string
		lines   []line
		at, end float64
		want    int // -1 = none
	}{
		{"no line", nil, 10, 20, -1},
		{"within", []line{{at: 10, took: 10}}, 12, 18, 0},
		{"no end", []line{{at: 10, endless: true}}, 12, 18, -1},
		{"as early as may be", []line{{at: 20, took: 10}}, 9, 21, 0},                      // its middle is 15
		{"too early", []line{{at: 20, took: 10}}, 8.999998, 21, -1},                       // its middle is before 15
		{"over when the line began", []line{{at: 20, took: 10}}, 18, 19, -1},              // though its middle is after 15
		{"not quite over", []line{{at: 20, took: 10}}, 20.5, 20.999998, 0},                // within what times are exact to
		{"over at once, around the beginning", []line{{at: 20, took: 10}}, 19.8, 20.2, 0}, // its middle is 20
		{"over, as exact as times are", []line{{at: 20, took: 10}}, 18, 21, 0},            // it may have begun later
		{"over just before", []line{{at: 20, took: 10}}, 18, 20.999999, -1},               // its middle is before 20
		{"as late as may be", []line{{at: 10, took: 10}}, 20, 22, 0},                      // its middle is 21
		{"too late", []line{{at: 10, took: 10}}, 20, 22.000002, -1},                       // its middle is after 21
		{"of two at once", []line{{at: 10, took: 20}, {at: 12, took: 20}}, 20, 22, -1},
		{"of the first, which the second comes just after", []line{{at: 10, took: 20}, {at: 25, took: 20}}, 20, 26, 0},
		{"of the second, since the first comes just after", []line{{at: 25, took: 20}, {at: 10, took: 20}}, 20, 26, 1},
		{"before both, of the first", []line{{at: 25, took: 20}, {at: 26, took: 20}}, 20, 26, 0},
		{"the second is another time's", []line{{at: 10, took: 20}, {at: 50, took: 20}}, 20, 22, 0},
		{"the first is another time's", []line{{at: 50, took: 20}, {at: 10, took: 20}}, 20, 22, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := new(sequence)
			if len(tc.lines) > 0 {
				s.entries = entries(t, tc.lines...)
			}
			got := slices.Index(s.entries, s.owner(exchange("GET / 200", tc.at, tc.end)))
			if got != tc.want {
				t.Errorf("owner %d, want %d", got, tc.want)
			}
		})
	}
}

// Turns that lie in the time of one line are one exchange, of bodies that stream both
// ways.
func TestGathered(t *testing.T) {
	for _, tc := range []struct {
		name  string
		turns [][2]float64
		want  string
	}{
		{"one each", [][2]float64{{10, 12}, {110, 112}}, "10-12 110-112"},
		{"two of the first", [][2]float64{{10, 12}, {20, 22}, {110, 112}}, "10-22 110-112"},
		{"two of the second", [][2]float64{{10, 12}, {110, 112}, {120, 122}}, "10-12 110-122"},
		{"one whose line is missing", [][2]float64{{2, 12}, {20, 22}, {110, 112}}, "2-12 20-22 110-112"},
		{"three and two", [][2]float64{{10, 12}, {20, 22}, {30, 32}, {110, 112}, {120, 122}}, "10-32 110-122"},
		{"of no line", [][2]float64{{60, 62}, {70, 72}, {110, 112}}, "60-62 70-72 110-112"},
		{"between", [][2]float64{{10, 12}, {70, 72}, {110, 112}, {120, 122}}, "10-12 70-72 110-122"},
		{"none", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &sequence{entries: entries(t, line{at: 10, took: 40}, line{at: 110, took: 40})}
			l := legFrom(clientEnd(0), service)
			for i, k := range tc.turns {
				x := exchange("GET / 200", k[0], k[1])
				x.Leg, x.No, x.Outline = l, i, new(graph.Outline)
				l.Hidden = append(l.Hidden, *x)
			}
			var got []string
			xs, earlier := s.gathered(l)
			if len(earlier) > 0 {
				t.Errorf("attempts %v of what a client asked", earlier)
			}
			if len(xs) > 0 && len(xs) == len(l.Hidden) && &xs[0] != &l.Hidden[0] {
				t.Error("turns are copied, and none is joined")
			}
			for i, x := range xs {
				got = append(got, fmt.Sprintf("%.0f-%.0f", float64(x.Start()-begin)/1e6, float64(x.End()-begin)/1e6))
				if x.No != i {
					t.Errorf("exchange %d has number %d", i, x.No)
				}
			}
			if got := strings.Join(got, " "); got != tc.want {
				t.Errorf("exchanges %s, want %s", got, tc.want)
			}
		})
	}
}

// Behind the proxy turns in the time of one line that ask as much are attempts, of which
// the line is of the last.
func TestGatheredAttempts(t *testing.T) {
	type asked struct {
		at    float64
		bytes int64
	}
	for _, tc := range []struct {
		name  string
		turns []asked
		want  string // beginnings; earlier attempts in brackets
	}{
		{"one", []asked{{10, 300}, {110, 400}}, "10 110"},
		{"two of the first", []asked{{10, 300}, {20, 300}, {110, 400}}, "(10) 20 110"},
		{"three of the second", []asked{{10, 300}, {110, 400}, {120, 400}, {130, 400}}, "10 (110) (120) 130"},
		{"a stream", []asked{{10, 300}, {20, 40}, {110, 400}}, "10 110"},
		{"a stream, and then attempts", []asked{{10, 300}, {20, 40}, {30, 40}, {110, 400}, {120, 400}}, "10 (110) 120"},
		{"of lengths that are not known", []asked{{10, 0}, {20, 0}, {110, 400}}, "10 110"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &sequence{on: upstream, entries: entries(t, line{at: 10, took: 40}, line{at: 110, took: 40})}
			l := legFrom(proxyEnd(0), server)
			for i, k := range tc.turns {
				x := exchange("GET / 200", k.at, k.at+2)
				x.Leg, x.No, x.Outline = l, i, new(graph.Outline)
				if k.bytes > 0 {
					x.Outline.Req = scan.Sizes{k.bytes}
				}
				l.Hidden = append(l.Hidden, *x)
			}
			var got []string
			xs, earlier := s.gathered(l)
			for i, x := range xs {
				k := fmt.Sprintf("%.0f", float64(x.Start()-begin)/1e6)
				if earlier[i] {
					k = "(" + k + ")"
				}
				got = append(got, k)
			}
			if got := strings.Join(got, " "); got != tc.want {
				t.Errorf("exchanges %s, want %s", got, tc.want)
			}
		})
	}
}

// found tells of what exchanges entries may be, the likeliest first.
func (s *sequence) found() (out []string) {
	for _, e := range s.entries {
		out = append(out, places(e.downs, s.xs))
	}
	return out
}

// Lines and exchanges in their order are aligned, and those that are mixed up only if
// times prove exact.
func TestFind(t *testing.T) {
	for _, tc := range []struct {
		name     string
		lines    []float64
		xs       []float64
		gate     float64
		streams  bool
		confused bool
		exact    bool
		want     []string
	}{
		{"one each", []float64{10, 20}, []float64{10, 20}, 100, false, false, false, []string{"0", "1"}},
		{"as many, all of them late", []float64{15, 25}, []float64{10, 20}, 100, false, false, false, []string{"0", "1"}},
		{"a line more than exchanges", []float64{10, 20, 500}, []float64{10, 20}, 100, false, false, false, []string{"0", "1", ""}},
		{"a line more than exchanges, not too far", []float64{10, 60}, []float64{10}, 100, false, false, false, []string{"0", ""}},
		{"an exchange more than lines", []float64{10, 500}, []float64{10, 250, 500}, 100, false, false, false, []string{"0", "2"}},
		{"between two", []float64{15}, []float64{10, 20}, 100, false, false, false, []string{"0 1"}},
		{"between two, nearer to the second", []float64{16}, []float64{10, 20}, 100, false, false, false, []string{"1 0"}},
		{"too far from the second", []float64{15}, []float64{10, 20}, 4, false, false, false, []string{"0 1"}},
		{"too far from any", []float64{15}, []float64{10, 20}, 3.9, false, false, false, []string{""}},
		{"too far from one", []float64{14}, []float64{10, 20}, 4, false, false, false, []string{"0"}},
		{"mixed up, near, times exact", []float64{10, 500}, []float64{10, 500}, 1000, false, true, true, []string{"0", "1"}},
		{"mixed up, near", []float64{10, 500}, []float64{10, 500}, 1000, false, true, false, []string{"0 1", "1 0"}},
		{"mixed up, not near, times exact", []float64{15, 500}, []float64{10, 20, 500}, 1000, false, true, true, []string{"0 1 2", "2 1 0"}},
		{"mixed up, but nothing else is possible", []float64{10, 500}, []float64{10, 500}, 100, false, true, false, []string{"0", "1"}},
		{"streams", []float64{10, 500}, []float64{10, 500}, 1000, true, false, true, []string{"0 1", "1 0"}},
		{"streams, nothing else is possible", []float64{10, 500}, []float64{10, 500}, 100, true, false, true, []string{"0", "1"}},
		{"streams of which one is missing", []float64{10, 10}, []float64{10}, 100, true, false, true, []string{"0", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := sequenceOf(t, tc.lines, tc.xs...)
			s.gate, s.streams, s.confused = span(tc.gate), tc.streams, tc.confused
			s.align()
			if (s.pairs == nil) != tc.streams {
				t.Fatalf("alignment %v", s.pairs)
			}
			s.find(tc.exact)
			if diff := cmp.Diff(tc.want, s.found()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Where streams go on at once, ids tell them apart.
func TestAssignByID(t *testing.T) {
	l := legFrom(clientEnd(0), service)
	s := &sequence{on: downstream, gate: math.MaxInt64, streams: true}
	for _, id := range []string{"one", "two", ""} {
		s.xs = append(s.xs, exchangeOn(l, "GET / 200 "+id, 10, 20))
	}
	s.entries = entries(t, line{at: 10, took: 10, request: "GET /", id: "two"}, line{at: 10, took: 10, request: "GET /", id: "three"}, line{at: 10, took: 10, request: "GET /"})
	s.find(true)
	if diff := cmp.Diff([]string{"1", "0 1 2", "2 0 1"}, s.found()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
