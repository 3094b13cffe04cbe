package conn

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// asking is the middle of what a client sent, and replying what answers it: each
// acknowledges the other from first to last.
func asking() side {
	return side{from: 100, to: 200, base: 1 << 30, next: 1<<30 + 500, bytes: 500, acks: [2]uint32{2 << 30, 2<<30 + 900}, ts: [3]uint32{1 << 20, 1<<20 + 100, 2<<20 + 100}}
}

func replying() side {
	return side{from: 100, to: 200, base: 2 << 30, next: 2<<30 + 900, bytes: 900, acks: [2]uint32{1 << 30, 1<<30 + 500}, ts: [3]uint32{2 << 20, 2<<20 + 100, 1<<20 + 100}}
}

// Two halves may be one connection by their lives, numbers and timestamps, up to
// what lies between capture and wire.
func TestAnswers(t *testing.T) {
	const window, wait, ticks = 8 << 20, 5_000_000_000, 60_000
	for _, tt := range []struct {
		name   string
		change func(p, q *side)
		want   bool
	}{
		{"as they are", func(p, q *side) {}, true},
		{"q begins as late as a peer may wait", func(p, q *side) { q.from, q.to = 200+wait, 201+wait }, true},
		{"q begins later", func(p, q *side) { q.from, q.to = 201+wait, 202+wait }, false},
		{"p begins as late as a peer may wait", func(p, q *side) { p.from, p.to = 200+wait, 201+wait }, true},
		{"p begins later", func(p, q *side) { p.from, p.to = 201+wait, 202+wait }, false},

		{"q acknowledges as little as a window before", func(p, q *side) { q.acks[0] = 1<<30 - window }, true},
		{"q acknowledges less", func(p, q *side) { q.acks[0] = 1<<30 - window - 1 }, false},
		{"q acknowledges as much as a window more", func(p, q *side) { q.acks[1] = 1<<30 + 500 + window }, true},
		{"q acknowledges more", func(p, q *side) { q.acks[1] = 1<<30 + 501 + window }, false},
		{"p acknowledges as much as a window more", func(p, q *side) { p.acks[1] = 2<<30 + 900 + window }, true},
		{"p acknowledges more", func(p, q *side) { p.acks[1] = 2<<30 + 901 + window }, false},
		{"p acknowledges less", func(p, q *side) { p.acks[0] = 2<<30 - window - 1 }, false},
		{"p acknowledges nothing", func(p, q *side) { p.acks = [2]uint32{} }, true},
		{"so much that numbers come round", func(p, q *side) { p.bytes, q.acks[0] = 1<<31, 5 }, true},
		{"nearly so much", func(p, q *side) { p.bytes, q.acks[0] = 1<<31-1, 5 }, false},
		{"so much, some of it missing", func(p, q *side) { p.bytes, p.missing, q.acks[0] = 1<<30, 1<<30, 5 }, true},

		{"q echoes a tick as late as may be", func(p, q *side) { q.ts[2] = 1<<20 + 100 + ticks }, true},
		{"q echoes a later one", func(p, q *side) { q.ts[2] = 1<<20 + 101 + ticks }, false},
		{"q echoes a tick as early as may be", func(p, q *side) { q.ts[2] = 1<<20 - ticks }, true},
		{"q echoes an earlier one", func(p, q *side) { q.ts[2] = 1<<20 - ticks - 1 }, false},
		{"p echoes a later one", func(p, q *side) { p.ts[2] = 2<<20 + 101 + ticks }, false},
		{"q echoes nothing yet", func(p, q *side) { q.ts[2] = 0 }, true},
		{"only q has timestamps", func(p, q *side) { p.ts, q.ts[2] = [3]uint32{}, 1 }, true},
		{"only p has", func(p, q *side) { q.ts, p.ts[2] = [3]uint32{}, 1 }, true},

		{"an answered SYN", func(p, q *side) { p.syn, p.isn, q.synack, q.acks[0] = true, 7, true, 8 }, true},
		{"another's SYN", func(p, q *side) { p.syn, p.isn, q.synack, q.acks[0] = true, 7, true, 9 }, false},
		{"a SYN refused", func(p, q *side) { p.syn, p.isn, q.rst, q.packets, q.acks[0] = true, 7, true, 1, 8 }, true},
		{"another's refused", func(p, q *side) { p.syn, p.isn, q.rst, q.packets, q.acks[0] = true, 7, true, 1, 9 }, false},
		{"a reset, but not of the SYN", func(p, q *side) { p.syn, p.isn, q.rst, q.packets = true, 1<<30-1, true, 2 }, true},
		{"a SYN whose answer was not captured", func(p, q *side) { p.syn, p.isn = true, 1<<30-1 }, true},
		{"two SYN-ACK", func(p, q *side) { p.synack, p.isn, q.synack, q.isn = true, 1<<30-1, true, 2<<30-1 }, true},
		{"data on the SYN, acknowledged", func(p, q *side) { p.syn, p.isn, p.data, q.synack, q.acks[0] = true, 7, 10, true, 18 }, true},
		{"data on the SYN, not acknowledged", func(p, q *side) { p.syn, p.isn, p.data, q.synack, q.acks[0] = true, 7, 10, true, 8 }, true},
		{"data on the SYN, half of it acknowledged", func(p, q *side) { p.syn, p.isn, p.data, q.synack, q.acks[0] = true, 7, 10, true, 13 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, q := asking(), replying()
			tt.change(&p, &q)
			if got := answers(p.half(), q.half()); got != tt.want {
				t.Errorf("answers %v, want %v", got, tt.want)
			}
		})
	}
}

// An exact answer acknowledges nothing but what was captured, first and last, in
// both directions.
func TestExactly(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(p, q *side)
		want   bool
	}{
		{"as they are", func(p, q *side) {}, true},
		{"p acknowledges one byte before", func(p, q *side) { p.acks[0]-- }, false},
		{"p acknowledges one byte more", func(p, q *side) { p.acks[1]++ }, false},
		{"q acknowledges one byte before", func(p, q *side) { q.acks[0]-- }, false},
		{"q acknowledges one byte more", func(p, q *side) { q.acks[1]++ }, false},
		{"q acknowledges p's FIN", func(p, q *side) { p.fin = true; q.acks[1]++ }, true},
		{"nobody acknowledges", func(p, q *side) { p.acks, q.acks = [2]uint32{}, [2]uint32{} }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, q := asking(), replying()
			tt.change(&p, &q)
			if got := exactly(p.half(), q.half()); got != tt.want {
				t.Errorf("exact %v, want %v", got, tt.want)
			}
		})
	}
}

// binderOf binds nothing yet.
func binderOf(t *testing.T, sides ...side) *binder {
	t.Helper()
	x := indexOf(t, sides...)
	return &binder{x: x, nat: new(recorded.Entries), partner: make([]index.HalfNo, x.Len()+1)}
}

// A half stands under every piece of the sequence space that an answer may
// acknowledge, with its port and without.
func TestRegister(t *testing.T) {
	const piece = 1 << 24
	for _, tt := range []struct {
		name        string
		base, next  uint32
		first, last uint32 // pieces; at most one more may be looked at for nothing
	}{
		{"within one", 100*piece + piece/2, 100*piece + piece/2 + 10, 100, 101},
		{"a window before its beginning lies in the piece before", 100*piece + (8 << 20) - 1, 100*piece + (8 << 20), 99, 101},
		{"over three", 100*piece + piece/2, 102*piece + piece/2, 100, 103},
		{"around the end of the numbers", 255*piece + piece/2, 255*piece + piece/2 + 10, 255, 256},
		{"nearly all", piece / 2, 255 * piece, 0, 255},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := binderOf(t, side{src: pod, dst: proxy, base: tt.base, next: tt.next})
			asks := make(map[reach][]index.HalfNo)
			b.register(asks, 1)
			r := reach{b.x.Place(1), b.x.Half(1).Key.Src, 0, 0}
			for _, r.port = range []uint16{40000, 0} {
				n := uint32(0)
				for r.piece = range uint32(256) {
					n += uint32(min(len(asks[r]), 1))
				}
				for p := tt.first; p <= tt.last; p++ {
					if r.piece = p % 256; len(asks[r]) == 0 {
						t.Errorf("port %d: not under piece %d", r.port, r.piece)
					}
				}
				if most := tt.last - tt.first + 2; n > most {
					t.Errorf("port %d: under %d pieces, want at most %d", r.port, n, most)
				}
			}
		})
	}
}

// Of more halves than can be told apart none is tried; nobody answers itself.
func TestTryAll(t *testing.T) {
	b := binderOf(t, asking(), replying(), asking())
	for _, tt := range []struct {
		name string
		asks []index.HalfNo
		y    index.HalfNo
		want string
	}{
		{"what it answers", []index.HalfNo{1, 2, 3}, 2, "[{1 2} {2 3}]"},
		{"as many as may be", slices.Repeat([]index.HalfNo{1}, 256), 2, fmt.Sprint(slices.Repeat([]edge{{1, 2}}, 256))},
		{"one more", slices.Repeat([]index.HalfNo{1}, 257), 2, "[]"},
		{"what it does not answer", []index.HalfNo{3}, 1, "[]"},
	} {
		if got := fmt.Sprint(b.tryAll(nil, tt.asks, tt.y)); got != tt.want {
			t.Errorf("%s: edges %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A half is asked for at the port that it goes to, and at all others.
func TestEdges(t *testing.T) {
	ask, reply := asking(), replying()
	ask.src, ask.dst, reply.src, reply.dst = pod, proxy, vip, pod
	moved := reply
	moved.dst = "10.244.1.10:40663"
	other := reply
	other.dst = "10.244.1.11:40000"
	mute := reply
	mute.acks = [2]uint32{}
	for _, tt := range []struct {
		name  string
		reply side
		bound bool
		want  string
	}{
		{"the same port", reply, false, "[{1 2}]"},
		{"another port", moved, false, "[{1 2}]"},
		{"another address", other, false, "[]"},
		{"nothing acknowledged", mute, false, "[]"},
		{"bound already", reply, true, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := binderOf(t, ask, tt.reply)
			asks := make(map[reach][]index.HalfNo)
			b.register(asks, 1)
			if tt.bound {
				b.partner[2] = 1
			}
			if got := fmt.Sprint(b.edges(asks)); got != tt.want {
				t.Errorf("edges %s, want %s", got, tt.want)
			}
		})
	}
}

// Who has one edge of the best standing is bound; what is equally good binds
// nobody, and what is better comes first.
func TestTakeSure(t *testing.T) {
	at := func(s side, src, dst string) side { s.src, s.dst = src, dst; return s }
	inexact := asking()
	inexact.acks[1]++
	empty := asking()
	empty.bytes = 0
	for _, tt := range []struct {
		name  string
		sides []side
		edges []edge
		want  string // partners of 1 and on
	}{
		{"one edge", []side{asking(), replying()}, []edge{{1, 2}}, "[2 1]"},
		{"two that are equal", []side{asking(), replying(), asking()}, []edge{{1, 2}, {2, 3}}, "[0 0 0]"},
		{"what fits exactly", []side{inexact, replying(), asking()}, []edge{{1, 2}, {2, 3}}, "[0 3 2]"},
		{"what has content", []side{empty, replying(), asking()}, []edge{{1, 2}, {2, 3}}, "[0 3 2]"},
		{"a SYN is as good as content", []side{{base: 1 << 30, next: 1<<30 + 500, syn: true, isn: 1 << 30}, replying(), empty}, []edge{{1, 2}, {2, 3}}, "[2 1 0]"},
		{"what has the same port", []side{at(asking(), pod, proxy), at(replying(), vip, "10.244.1.10:40663"), at(asking(), "10.244.1.10:40663", proxy)}, []edge{{1, 2}, {2, 3}}, "[0 3 2]"},
		{"what answers at the same port", []side{at(asking(), pod, vip), at(replying(), vip, "10.244.1.10:40663"), at(asking(), pod, proxy)}, []edge{{1, 2}, {2, 3}}, "[2 1 0]"},
		{"content before ports", []side{at(empty, pod, proxy), at(replying(), vip, pod), at(asking(), "10.244.1.10:40663", proxy)}, []edge{{1, 2}, {2, 3}}, "[0 3 2]"},
		{"exact before content", []side{empty, replying(), inexact}, []edge{{1, 2}, {2, 3}}, "[2 1 0]"},
		{"what is left when one is taken", []side{asking(), replying(), inexact, replying()}, []edge{{1, 2}, {2, 3}, {3, 4}}, "[2 1 4 3]"},
		{"without content, if nothing else", []side{empty, replying()}, []edge{{1, 2}}, "[2 1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := binderOf(t, tt.sides...)
			b.takeSure(tt.edges)
			if got := fmt.Sprint(b.partner[1:]); got != tt.want {
				t.Errorf("partners %s, want %s", got, tt.want)
			}
		})
	}
}

// What was bound while reading stays so if both SYN were seen, or the numbers fit
// exactly.
func TestTakeBound(t *testing.T) {
	inexact := asking()
	inexact.acks[1]++
	for _, tt := range []struct {
		name     string
		p, q     side
		from, to reassembly.HalfID // partners
		want     string
	}{
		{"exact", asking(), replying(), 2, 1, "[2 1]"},
		{"not exact", inexact, replying(), 2, 1, "[0 0]"},
		{"both SYN", side{base: 5, next: 9, syn: true, acks: [2]uint32{1, 1}}, side{base: 500, next: 900, synack: true, acks: [2]uint32{1, 1}}, 2, 1, "[2 1]"},
		{"one SYN", side{base: 5, next: 9, syn: true, acks: [2]uint32{1, 1}}, side{base: 500, next: 900, acks: [2]uint32{1, 1}}, 2, 1, "[0 0]"},
		{"not bound", asking(), replying(), 0, 0, "[0 0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.p.partner, tt.q.partner = tt.from, tt.to
			b := binderOf(t, tt.p, tt.q)
			b.takeBound()
			if got := fmt.Sprint(b.partner[1:]); got != tt.want {
				t.Errorf("partners %s, want %s", got, tt.want)
			}
		})
	}
}

// Every half is in one conn, and these stand in the order of time, then of packets.
func TestCollect(t *testing.T) {
	b := binderOf(t, side{from: 30, first: 4}, side{from: 20, first: 3}, side{from: 40, first: 5}, side{from: 10, first: 2}, side{from: 10, first: 1})
	b.pair(1, 3)
	b.collect()
	var got []string
	for _, c := range b.conns {
		got = append(got, fmt.Sprint(c.Orig, c.Reply))
	}
	if want := []string{"5 0", "4 0", "2 0", "1 3"}; !slices.Equal(got, want) {
		t.Errorf("conns %q, want %q", got, want)
	}
}

// By numbers, halves that nobody bound find each other.
func TestBindByNumbers(t *testing.T) {
	ask, reply := asking(), replying()
	ask.src, ask.dst, reply.src, reply.dst = pod, proxy, vip, pod
	b := binderOf(t, ask, reply, ask, reply)
	b.pair(1, 2)
	b.bindByNumbers()
	if got := fmt.Sprint(b.partner[1:]); got != "[2 1 4 3]" {
		t.Errorf("partners %s, want those bound before, and the rest", got)
	}
	if got := slices.Collect(maps.Keys(beginnings(b.x))); len(got) != 1 {
		t.Errorf("places %v, want one", got)
	}
}
