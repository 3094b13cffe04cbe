package hbone

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/algebra"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Which records went by in a time, both ends included.
func TestBetween(t *testing.T) {
	m := tunnelWith(true, run(1, 2, 3, 4), nil) // at 100, 200, 300 and 400
	for _, tt := range []struct {
		least    int
		from, to int64
		lo, hi   int
	}{
		{0, 100, 400, 0, 4}, {0, 101, 399, 1, 3}, {0, 0, 99, 0, 0}, {0, 401, 999, 4, 4}, {0, 200, 200, 1, 2}, {2, 100, 400, 2, 4}, {3, 100, 200, 3, 3}, {0, 300, 200, 2, 2},
	} {
		if lo, hi := m.between(0, tt.least, tt.from, tt.to); lo != tt.lo || hi != tt.hi {
			t.Errorf("from record %d, from %d to %d: [%d, %d), want [%d, %d)", tt.least, tt.from, tt.to, lo, hi, tt.lo, tt.hi)
		}
	}
}

// A burst is one record of its length and one frame's head, or two; else a run of
// records. The nearest is taken: the first on the way to the tunnel, else the last.
func TestFind(t *testing.T) {
	const n = 100
	far := slices.Repeat([]int64{1}, algebra.MaxLookAlikes-1)
	for _, tt := range []struct {
		name    string
		records []int64
		gone    []int
		lo, hi  int
		first   string // index and number of records on the way to the tunnel
		last    string // and from it
	}{
		{"none", []int64{n, n + 8, n + 10, n + 27}, nil, 0, 4, "0", "0"},
		{"one frame", []int64{5, n + 9, 5}, nil, 0, 3, "1 1", "1 1"},
		{"an end of the stream behind it", []int64{5, n + 18, 5}, nil, 0, 3, "1 1", "1 1"},
		{"the nearest", []int64{n + 9, 5, n + 9}, nil, 0, 3, "0 1", "2 1"},
		{"the nearest, however framed", []int64{n + 18, 5, n + 9}, nil, 0, 3, "0 1", "2 1"},
		{"the nearest, the other way round", []int64{n + 9, 5, n + 18}, nil, 0, 3, "0 1", "2 1"},
		{"within bounds", []int64{n + 9, n + 9, n + 9}, nil, 1, 2, "1 1", "1 1"},
		{"not another's", []int64{n + 9, n + 9, n + 9}, []int{0, 2}, 0, 3, "1 1", "1 1"},
		{"in two records", []int64{5, 49, 69, 5}, nil, 0, 4, "1 2", "1 2"},
		{"in two records, and an end", []int64{5, 49, 78, 5}, nil, 0, 4, "1 2", "1 2"},
		{"in two records, a frame more", []int64{5, 49, 87, 5}, nil, 0, 4, "0", "0"},
		{"in two records, a byte less", []int64{5, 49, 68, 5}, nil, 0, 4, "0", "0"},
		{"in one rather than two", []int64{59, 59, n + 9}, nil, 0, 3, "2 1", "2 1"},
		{"in two of three equal ones", []int64{59, 59, 59}, nil, 0, 3, "0 2", "1 2"},
		{"in eight", append([]int64{5}, 22, 22, 22, 22, 21, 21, 21, 21), nil, 0, 9, "1 8", "1 8"},
		{"in nine", []int64{21, 20, 20, 20, 20, 20, 20, 20, 20}, nil, 0, 9, "0", "0"},
		{"in two, of which one is another's", []int64{59, 59}, []int{1}, 0, 2, "0", "0"},
		{"as far as is looked", slices.Concat(far[1:], []int64{59, 59}, far[1:]), nil, 0, 2 * len(far), "126 2", "126 2"},
		{"further", slices.Concat(far, []int64{59, 59}, far), nil, 0, 2*len(far) + 2, "0", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tunnelWith(true, run(tt.records...), nil)
			for _, k := range tt.gone {
				m.records[0][k].gone = true
			}
			for onward, want := range map[bool]string{true: tt.first, false: tt.last} {
				at, length := m.find(0, n, tt.lo, tt.hi, onward)
				got := fmt.Sprint(at, length)
				if length == 0 {
					got = "0"
				}
				if got != want {
					t.Errorf("on to the tunnel %v: found %s, want %s", onward, got, want)
				}
			}
		})
	}
}

// Finding a record weighs by how rare its length is among all records, and how
// many could have been it.
func TestSurprise(t *testing.T) {
	u := &tunnelling{tunnels: []*tunnel{tunnelWith(true, run(5, 5, 7), run(5)), tunnelWith(true, run(5, 8, 8, 8, 8, 8), nil)}}
	for _, tt := range []struct {
		name       string
		d          int
		n          int64
		among, run int
		want       float64
	}{
		{"one of nine", 0, 7, 1, 1, math.Log(10)},
		{"one of nine, among two", 0, 7, 2, 1, math.Log(5)},
		{"three of nine, in both tunnels", 0, 5, 1, 1, math.Log(10.0 / 3)},
		{"as many as there are", 0, 5, 9, 1, 0},
		{"the other direction", 1, 5, 1, 1, math.Log(2)},
		{"a run", 0, 7, 1, 2, 0},
	} {
		if got := u.surprise(tt.d, tt.n, tt.among, 1, tt.run > 1); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: weight %v, want %v", tt.name, got, tt.want)
		}
	}
	many := make([]int64, 319)
	u = &tunnelling{tunnels: []*tunnel{tunnelWith(true, run(many...), nil)}}
	if got, want := u.surprise(0, 0, 1, 1, true), math.Log(20); math.Abs(got-want) > 1e-9 {
		t.Errorf("a run among 319 records: weight %v, want %v", got, want)
	}
	if got := u.surprise(0, 7, 1, 1, false); !math.IsInf(got, 1) {
		t.Errorf("a length that no record has: weight %v", got)
	}
}

// What is sure: one tunnel a thousand times likelier than all others together, and
// half of all bursts found.
func TestSure(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fits  []fit
		share float64
		sure  bool
	}{
		{"none", nil, 0, false},
		{"one", []fit{{weight: 1, found: 2, of: 4}}, 1, true},
		{"one, of which too little was found", []fit{{weight: 1, found: 2, of: 5}}, 1, false},
		{"one that is no likelier than chance", []fit{{weight: 0, found: 2, of: 4}}, 1, false},
		{"two alike", []fit{{weight: 3, found: 4, of: 4}, {weight: 3, found: 4, of: 4}}, 0.5, false},
		{"a thousand times likelier", []fit{{weight: math.Log(1001), found: 4, of: 4}, {weight: 0}}, 1001.0 / 1002, true},
		{"not quite", []fit{{weight: math.Log(998), found: 4, of: 4}, {weight: 0}}, 998.0 / 999, false},
		{"than all others together", []fit{{weight: math.Log(1500), found: 4, of: 4}, {weight: 0}, {weight: 0}}, 1500.0 / 1502, false},
	} {
		g := &weighing{fits: tt.fits}
		if got := g.sure(); got != tt.sure {
			t.Errorf("%s: sure %v, want %v", tt.name, got, tt.sure)
		}
		if len(tt.fits) > 0 && math.Abs(g.share()-tt.share) > 1e-9 {
			t.Errorf("%s: share %v, want %v", tt.name, g.share(), tt.share)
		}
	}
}

// said makes an inner connection of bursts, one every millisecond.
func said(lengths ...int64) *inner {
	c := &inner{leg: between(0, int64(len(lengths)+1)*1_000_000), in: -1}
	for i, n := range lengths {
		c.bursts = append(c.bursts, burst{i%2 == 1, n, int64(i+1) * 1_000_000, int64(i+1) * 1_000_000})
	}
	return c
}

// carrying makes a tunnel that carries bursts, each in a record of its own: those
// of the client behind it, those of the server before.
func carrying(lengths ...int64) *tunnel {
	var rs [2][]record
	for i, n := range lengths {
		at := int64(i+1)*1_000_000 + 100
		if i%2 == 1 {
			at -= 200
		}
		rs[i%2] = append(rs[i%2], record{n: n + 9, at: at})
	}
	return tunnelWith(true, rs[0], rs[1])
}

// Bursts are found in order; what is not found weighs against, and may be as much
// as it has and a small frame.
func TestCover(t *testing.T) {
	for _, tt := range []struct {
		name   string
		c      *inner
		m      *tunnel
		found  int
		where  string
		unseen [2]int64
		weight float64
	}{
		{"all", said(100, 200, 300), carrying(100, 200, 300), 3, "[0 1] [0]", [2]int64{}, 2*math.Log(3) + math.Log(2)},
		{"one is missing", said(100, 200, 300), carrying(100, 201, 300), 2, "[0 1] []", [2]int64{0, 264}, 2*math.Log(3) - 1},
		{"two of one side", said(100, 200, 300), carrying(101, 200, 301), 1, "[] [0]", [2]int64{400 + 128, 0}, math.Log(2) - 2},
		{"in another order", said(100, 200, 300), carrying(300, 200, 100), 1, "[] [0]", [2]int64{400 + 128, 0}, math.Log(2) - 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &tunnelling{tunnels: []*tunnel{tt.m}}
			f := u.cover(tt.c, 0, tt.m)
			if got := fmt.Sprint(f.where[0], f.where[1]); f.found != tt.found || f.of != 3 || got != tt.where || f.unseen != tt.unseen || math.Abs(f.weight-tt.weight) > 1e-9 {
				t.Errorf("%d of %d found in %s, %v unseen, weight %v; want %d in %s, %v, %v", f.found, f.of, got, f.unseen, f.weight, tt.found, tt.where, tt.unseen, tt.weight)
			}
		})
	}
}

// Between what could be it, the nearest weighs most: the first of several on the
// way to the tunnel, the last on the way from it; a burst in several records takes
// them all.
func TestCoverAmong(t *testing.T) {
	records := []record{{n: 109, at: 1_000_050}, {n: 50, at: 1_000_060}, {n: 109, at: 1_000_070}}
	for _, tt := range []struct {
		name    string
		inbound bool
		d       int
		where   string
		weight  float64
	}{
		{"on to the tunnel", false, 0, "[0]", math.Log(4.0 / 2)},
		{"on to the tunnel, of the server", true, 1, "[0]", math.Log(4.0 / 2)},
		{"from the tunnel", true, 0, "[2]", math.Log(4.0 / 2)},
		{"from the tunnel, of the server", false, 1, "[2]", math.Log(4.0 / 2)},
	} {
		var rs [2][]record
		rs[tt.d] = records
		m := tunnelWith(true, rs[0], rs[1])
		c := &inner{leg: between(1_000_040, 2_000_000), bursts: []burst{{tt.d == 1, 100, 1_000_060, 1_000_060}}}
		f := (&tunnelling{inbound: tt.inbound, tunnels: []*tunnel{m}}).cover(c, 0, m)
		if got := fmt.Sprint(f.where[tt.d]); got != tt.where || math.Abs(f.weight-tt.weight) > 1e-9 {
			t.Errorf("%s: found in %s, weight %v; want %s, %v", tt.name, got, f.weight, tt.where, tt.weight)
		}
	}
	m := tunnelWith(true, []record{{n: 59, at: 100}, {n: 59, at: 110}, {n: 109, at: 120}}, nil)
	c := &inner{leg: between(0, 300), bursts: []burst{{false, 100, 100, 100}, {false, 100, 110, 110}}}
	f := (&tunnelling{tunnels: []*tunnel{m}}).cover(c, 0, m)
	if got := fmt.Sprint(f.where[0], f.found); got != "[2] 1" {
		t.Errorf("found in %s: one record is nearer than a run of two", got)
	}
	m = tunnelWith(true, []record{{n: 59, at: 100}, {n: 59, at: 110}, {n: 59, at: 120}, {n: 59, at: 130}}, nil)
	f = (&tunnelling{tunnels: []*tunnel{m}}).cover(c, 0, m)
	if got := fmt.Sprint(f.where[0], f.found); got != "[0 1 2 3] 2" {
		t.Errorf("found in %s, want a run for each", got)
	}
}

// Tunnels that may carry a connection are weighed, the likeliest first: those that
// show some of it, and those that need not.
func TestWeigh(t *testing.T) {
	unknown := carrying(1, 2, 3)
	unknown.known = false
	early := carrying(100, 200, 300)
	early.leg.End = -1 << 40
	small := carrying(100, 200)
	for _, tt := range []struct {
		name    string
		c       *inner
		tunnels []*tunnel
		want    string
	}{
		{"the likeliest first", said(100, 200, 300), []*tunnel{carrying(100, 201, 300, 7, 7), carrying(100, 200, 300, 7, 7)}, "[1 0]"},
		{"of equals the first", said(100, 200, 300), []*tunnel{carrying(100, 200, 300), carrying(100, 200, 300)}, "[0 1]"},
		{"one that shows nothing", said(100, 200, 300), []*tunnel{carrying(1, 2, 3)}, "[]"},
		{"one of which not all is known", said(100, 200, 300), []*tunnel{unknown}, "[0]"},
		{"of a connection that says little", said(100, 200), []*tunnel{carrying(70, 2)}, "[0]"},
		{"of one that says little, without the head of a stream", said(100, 200), []*tunnel{carrying(50, 2)}, "[]"},
		{"one that had ended", said(100, 200, 300), []*tunnel{early}, "[]"},
		{"one through which less went", said(100, 200, 300), []*tunnel{small}, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.HasSuffix(tt.name, "less went") {
				tt.c.leg.OrigBytes = 110
			}
			var got []int
			for _, f := range (&tunnelling{tunnels: tt.tunnels}).weigh(tt.c).fits {
				got = append(got, f.tunnel)
			}
			if s := fmt.Sprint(got); s != tt.want {
				t.Errorf("tunnels %s, want %s", s, tt.want)
			}
		})
	}
}

// tied makes a side of a pod whose connections are tied by bursts.
func tied(t *testing.T, inbound bool, tunnels []*tunnel, cs ...*inner) *tunnelling {
	t.Helper()
	x, _ := indexOf(t)
	for i, c := range cs {
		c.leg.ID = i
		c.leg.Conn.Pair = index.Pair{Orig: 1, Reply: 2}
	}
	for i, m := range tunnels {
		m.leg.ID = 100 + i
		m.leg.Conn.Pair = index.Pair{Orig: 3, Reply: 4}
	}
	return &tunnelling{x: x, inbound: inbound, tunnels: tunnels, inner: cs}
}

// linkList describes links: "0>100 sure".
func linkList(links []*graph.Link) string {
	var out []string
	for _, l := range links {
		s := fmt.Sprintf("%d>%d", l.From.ID, l.To.ID)
		for _, r := range l.Rivals {
			s += fmt.Sprintf("|%d", r.Leg.ID)
		}
		switch {
		case l.Ambiguous:
			s += "?"
		case l.Evidence[0].Kind == flow.OnlyCandidate:
			s += " only"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// long says so much, each time as much as never elsewhere, that one tunnel is sure.
func long(seed int64) []int64 {
	var ns []int64
	for i := range int64(12) {
		ns = append(ns, 100*seed+i)
	}
	return ns
}

// What is sure is tied and takes its records; what is left is tied to the only
// tunnel that fits, or is ambiguous between those that do.
func TestJoinBursts(t *testing.T) {
	unknown := func(lengths ...int64) *tunnel { m := carrying(lengths...); m.known = false; return m }
	for _, tt := range []struct {
		name    string
		tunnels []*tunnel
		cs      []*inner
		want    string
	}{
		{"each in its own", []*tunnel{carrying(long(1)...), carrying(long(2)...)}, []*inner{said(long(2)...), said(long(1)...)}, "0>101, 1>100"},
		{"alike", []*tunnel{carrying(long(1)...), carrying(long(1)...)}, []*inner{said(long(1)...)}, "0>100|101?"},
		{"once one is sure, the other is", []*tunnel{carrying(long(1)...), carrying(append(long(1), long(2)...)...)}, []*inner{said(append(long(1), long(2)...)...), said(long(1)...)}, "0>101, 1>100"},
		{"the only one", []*tunnel{carrying(70, 2)}, []*inner{said(100, 200)}, "0>100 only"},
		{"the only one, of which not all is known", []*tunnel{unknown(1, 2)}, []*inner{said(100, 200)}, "0>100?"},
		{"none", []*tunnel{carrying(1, 2, 3)}, []*inner{said(100, 200, 300)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := tied(t, false, tt.tunnels, tt.cs...)
			u.joinBursts()
			if got := linkList(u.links); got != tt.want {
				t.Errorf("links %s, want %s", got, tt.want)
			}
		})
	}
}

// What is tied already is not asked about.
func TestUnlinked(t *testing.T) {
	a, b := said(1), said(2)
	u := &tunnelling{inner: []*inner{a, b}, links: []*graph.Link{{From: a.leg, To: between(0, 1)}}}
	if got := u.unlinked(); len(got) != 1 || got[0] != b || len(u.inner) != 2 {
		t.Errorf("%d unlinked of %d", len(got), len(u.inner))
	}
	u.inbound = true
	if got := u.unlinked(); len(got) != 2 {
		t.Errorf("%d unlinked: the tunnel is the client's side", len(got))
	}
}

// A sure link has the records, and how sure it is.
func TestTake(t *testing.T) {
	for _, tt := range []struct {
		name       string
		fits       []fit
		confidence float64
		proven     bool
	}{
		{"proven", []fit{{weight: 20, found: 2, of: 3, where: [2][]int{{0}, {0}}, unseen: [2]int64{5, 6}}}, 0.999, true},
		{"a million times likelier", []fit{{weight: math.Log(1_000_001), found: 2, of: 3, where: [2][]int{{0}, {0}}, unseen: [2]int64{5, 6}}, {}}, 0.999, true},
		{"less", []fit{{weight: math.Log(900_000), found: 2, of: 3, where: [2][]int{{0}, {0}}, unseen: [2]int64{5, 6}}, {}}, 0.999, false},
		{"in doubt", []fit{{weight: math.Log(99), found: 2, of: 3, where: [2][]int{{0}, {0}}, unseen: [2]int64{5, 6}}, {}}, 0.99, false},
	} {
		m := carrying(100, 200, 300)
		c := said(100, 200, 300)
		u := tied(t, false, []*tunnel{m}, c)
		u.take(c, &weighing{fits: tt.fits})
		l := u.links[0]
		if l.From != c.leg || l.To != m.leg || l.Attempt != 1 || math.Abs(l.Confidence-tt.confidence) > 1e-9 || l.Proven != tt.proven || l.Ambiguous {
			t.Errorf("%s: link %+v, want confidence %v, proven %v", tt.name, l, tt.confidence, tt.proven)
		}
		if !m.records[0][0].gone || m.records[0][1].gone || !m.records[1][0].gone || c.in != 0 || c.unseen != [2]int64{5, 6} {
			t.Errorf("%s: records %v, in tunnel %d, %v unseen", tt.name, m.records, c.in, c.unseen)
		}
		if e := l.Evidence[0]; e.Kind != flow.TurnAlgebra || e.Detail != "2 of 3 turns found as records of the tunnel, in order" || len(e.Packets) != 2 || e.Packets[0] == e.Packets[1] {
			t.Errorf("%s: evidence %+v", tt.name, e)
		}
	}
}

// A guess is ambiguous between all that fit, unless only one does, of which all is
// known.
func TestGuess(t *testing.T) {
	for _, tt := range []struct {
		name       string
		known      bool
		fits       []fit
		want       string
		confidence float64
		in         int
	}{
		{"the only one", true, []fit{{tunnel: 1, found: 1, of: 2}}, "0>101 only", 0.9, 1},
		{"the only one, not known", false, []fit{{tunnel: 1, found: 1, of: 2}}, "0>101?", 0.99, -1},
		{"of two", true, []fit{{tunnel: 1, weight: math.Log(3)}, {tunnel: 0}}, "0>101|100?", 0.75, -1},
		{"of two, one of which is very likely", true, []fit{{tunnel: 1, weight: 9}, {tunnel: 0}}, "0>101|100?", 0.99, -1},
	} {
		a, b, c := carrying(1, 2), carrying(1, 2), said(100, 200)
		b.known = tt.known
		u := tied(t, false, []*tunnel{a, b}, c)
		l := u.guess(c, &weighing{fits: tt.fits})
		if got := linkList([]*graph.Link{l}); got != tt.want || math.Abs(l.Confidence-tt.confidence) > 1e-9 || c.in != tt.in {
			t.Errorf("%s: %s, confidence %v, in tunnel %d; want %s, %v, %d", tt.name, got, l.Confidence, c.in, tt.want, tt.confidence, tt.in)
		}
	}
}
