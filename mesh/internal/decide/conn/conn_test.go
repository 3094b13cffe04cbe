package conn

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A conn lasts from the first packet of either half to the last one.
func TestFill(t *testing.T) {
	for _, tt := range []struct {
		name       string
		a, b       side
		start, end int64
		first      uint32
	}{
		{"one after the other", side{from: 10, to: 20, first: 1}, side{from: 15, to: 30, first: 2}, 10, 30, 1},
		{"the answer was seen first", side{from: 10, to: 20, first: 2}, side{from: 9, to: 12, first: 1}, 9, 20, 1},
		{"at the same time, in order", side{from: 10, to: 20, first: 1}, side{from: 10, to: 20, first: 2}, 10, 20, 1},
		{"at the same time, the other way round", side{from: 10, to: 20, first: 2}, side{from: 10, to: 20, first: 1}, 10, 20, 1},
		{"a later number, but an earlier time", side{from: 10, to: 20, first: 1}, side{from: 9, to: 20, first: 7}, 9, 20, 7},
		{"one packet, of which only the first time is known", side{from: 10, first: 1}, side{from: 10, to: 10, first: 2}, 10, 10, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := indexOf(t, tt.a, tt.b)
			var c Conn
			c.fill(x, 1, 2)
			if c.Start != tt.start || c.End != tt.end || c.First.Packet != tt.first {
				t.Errorf("from %d to %d, first packet %d; want %d, %d, %d", c.Start, c.End, c.First.Packet, tt.start, tt.end, tt.first)
			}
		})
	}
}

// What was dialled stands in the answer, who answers in what was asked; of one half
// conntrack may know the other.
func TestTuples(t *testing.T) {
	asked, answered := side{lo: true, src: pod, dst: proxy}, side{lo: true, src: vip, dst: pod}
	onWire := side{src: pod, dst: proxy}
	entry, plain := entryOf(pod, vip, proxy), entryOf(pod, proxy, proxy)
	for _, tt := range []struct {
		name        string
		sides       []side
		pair        index.Pair
		entry       *recorded.Entry
		orig, reply string // where they go: dialled, and who answers
		torn        bool
	}{
		{"both halves", []side{asked, answered}, index.Pair{Orig: 1, Reply: 2}, nil, vip, proxy, false},
		{"asked only", []side{asked}, index.Pair{Orig: 1}, nil, proxy, proxy, false},
		{"answered only", []side{answered}, index.Pair{Reply: 1}, nil, vip, vip, false},
		{"asked only, and an entry", []side{asked}, index.Pair{Orig: 1}, entry, vip, proxy, true},
		{"answered only, and an entry", []side{answered}, index.Pair{Reply: 1}, entry, vip, proxy, true},
		{"an entry that rewrites nothing", []side{asked}, index.Pair{Orig: 1}, plain, proxy, proxy, false},
		{"an entry elsewhere than on loopback", []side{onWire}, index.Pair{Orig: 1}, entry, proxy, proxy, false},
		{"packets come before an entry", []side{asked, answered}, index.Pair{Orig: 1, Reply: 2}, entryOf(pod, app, "127.0.0.1:9"), vip, proxy, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := indexOf(t, tt.sides...)
			c := connOf(x, tt.pair.Orig, tt.pair.Reply)
			c.Entry = tt.entry
			if got, want := c.OrigTuple(x), tuple(pod, tt.orig); got != want {
				t.Errorf("dialled %s, want %s", got, want)
			}
			if got, want := c.ReplyTuple(x), tuple(tt.reply, pod); got != want {
				t.Errorf("answered %s, want %s", got, want)
			}
			if c.TornEntry() != tt.torn {
				t.Errorf("torn by its entry: %v, want %v", c.TornEntry(), tt.torn)
			}
			if c.Client(x) != tuple(pod, vip).Src || c.Server(x) != tuple(pod, tt.orig).Dst {
				t.Errorf("from %s to %s", c.Client(x), c.Server(x))
			}
		})
	}
}

// Who ended a connection first, and how.
func TestClosedBy(t *testing.T) {
	for _, tt := range []struct {
		name string
		a, b side
		want string
	}{
		{"nobody", side{}, side{}, "open"},
		{"the client", side{end: 5, fin: true}, side{}, "orig"},
		{"the server", side{}, side{end: 5, fin: true}, "reply"},
		{"the client first", side{end: 4, fin: true}, side{end: 5, fin: true}, "orig"},
		{"the server first", side{end: 6, fin: true}, side{end: 5, fin: true}, "reply"},
		{"both at once", side{end: 5, fin: true}, side{end: 5, fin: true}, "orig"},
		{"the client, by a reset", side{end: 5, rst: true}, side{}, "orig-rst"},
		{"the server, by a reset", side{}, side{end: 5, rst: true}, "reply-rst"},
		{"a reset behind the end", side{end: 5, fin: true, rst: true}, side{}, "orig"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := indexOf(t, tt.a, tt.b)
			if got := connOf(x, 1, 2).ClosedBy(x); got != tt.want {
				t.Errorf("closed by %s, want %s", got, tt.want)
			}
		})
	}
	x := indexOf(t, side{end: 5, fin: true})
	if a, b := connOf(x, 1, 0).ClosedBy(x), connOf(x, 0, 1).ClosedBy(x); a != "orig" || b != "reply" {
		t.Errorf("lone halves closed by %s and %s, want orig and reply", a, b)
	}
}

// What both halves have counts together, as far as they were captured.
func TestSums(t *testing.T) {
	x := indexOf(t, side{bytes: 1, missing: 10, syn: true}, side{bytes: 2, missing: 20})
	for _, tt := range []struct {
		orig, reply    index.HalfNo
		bytes, missing int64
		syn            bool
	}{{1, 2, 3, 30, true}, {1, 0, 1, 10, true}, {0, 2, 2, 20, false}, {2, 1, 3, 30, true}} {
		c := connOf(x, tt.orig, tt.reply)
		if c.Bytes(x) != tt.bytes || c.Missing(x) != tt.missing || c.HasSYN(x) != tt.syn {
			t.Errorf("halves %d and %d: %d bytes, %d missing, SYN %v; want %d, %d, %v", tt.orig, tt.reply, c.Bytes(x), c.Missing(x), c.HasSYN(x), tt.bytes, tt.missing, tt.syn)
		}
	}
}

// Mirrored is what was captured in both directions under one tuple.
func TestMirrored(t *testing.T) {
	for _, tt := range []struct {
		c    Conn
		want bool
	}{
		{Conn{Pair: index.Pair{Orig: 1, Reply: 2}}, true},
		{Conn{Pair: index.Pair{Orig: 1, Reply: 2}, HalfFlow: true}, false},
		{Conn{Pair: index.Pair{Orig: 1}}, false},
		{Conn{Pair: index.Pair{Reply: 2}}, false},
	} {
		if got := tt.c.Mirrored(); got != tt.want {
			t.Errorf("%+v: mirrored %v, want %v", tt.c, got, tt.want)
		}
	}
	if got := Pairs([]*Conn{{Pair: index.Pair{Orig: 3, Reply: 1}}, {Pair: index.Pair{Reply: 2}}}); len(got) != 2 || got[0] != (index.Pair{Orig: 3, Reply: 1}) || got[1] != (index.Pair{Reply: 2}) {
		t.Errorf("pairs %v", got)
	}
}

// A half covers the sequence numbers of its SYN, its bytes and its FIN.
func TestSeqRange(t *testing.T) {
	for _, tt := range []struct {
		name   string
		s      side
		lo, hi uint32
	}{
		{"bytes", side{base: 100, next: 200, isn: 7}, 100, 200},
		{"with SYN", side{base: 100, next: 200, isn: 99, syn: true}, 99, 200},
		{"with FIN", side{base: 100, next: 200, fin: true}, 100, 201},
		{"around the end of the numbers", side{base: 0, next: 1<<32 - 1, isn: 1<<32 - 1, syn: true, fin: true}, 1<<32 - 1, 0},
	} {
		if lo, hi := SeqRange(tt.s.half()); lo != tt.lo || hi != tt.hi {
			t.Errorf("%s: from %d to %d, want from %d to %d", tt.name, lo, hi, tt.lo, tt.hi)
		}
	}
}

func TestInRange(t *testing.T) {
	for _, tt := range []struct {
		seq, lo, hi, slack uint32
		want               bool
	}{
		{99, 100, 200, 0, false}, {100, 100, 200, 0, true}, {200, 100, 200, 0, true}, {201, 100, 200, 0, false},
		{89, 100, 200, 10, false}, {90, 100, 200, 10, true}, {210, 100, 200, 10, true}, {211, 100, 200, 10, false},
		{1<<32 - 6, 5, 9, 10, false}, {1<<32 - 5, 5, 9, 10, true}, {3, 1<<32 - 2, 1, 2, true}, {4, 1<<32 - 2, 1, 2, false},
	} {
		if got := InRange(tt.seq, tt.lo, tt.hi, tt.slack); got != tt.want {
			t.Errorf("%d in [%d, %d] ± %d: %v, want %v", tt.seq, tt.lo, tt.hi, tt.slack, got, tt.want)
		}
	}
}
