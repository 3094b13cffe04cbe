package emit

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// An event is something that a reading tells of a half, in a packet of its own.
type event struct {
	n   int64
	why reassembly.GapKind // 0: the bytes are there
}

// described are chunks as one line each: piece, offset, length, packet, and what
// they say.
func described(t *testing.T, chunks []chunk, sp *spool) []string {
	t.Helper()
	var out []string
	for _, c := range chunks {
		s := fmt.Sprintf("%d/%d at %d: %d in packet %d", c.conv, c.piece, c.off, c.n, c.from.Ref.Packet)
		if c.reply {
			s += " back"
		}
		if c.gap {
			s += " missing"
		} else if c.n > 0 {
			text, err := sp.read(c.spot, int(c.n))
			if err != nil {
				t.Fatal(err)
			}
			s += " " + string(text)
		}
		if c.cut > 0 {
			s += fmt.Sprintf(" cut %d", c.cut)
		}
		if c.at != c.from {
			s += " raised"
		}
		out = append(out, s)
	}
	return out
}

// What packets carry is cut at the bounds of pieces; a consumer that needs no
// more says so.
func TestTake(t *testing.T) {
	const text = "0123456789abcdefghij"
	piece := func(from, to int64) placed {
		return placed{Piece: &plan.Piece{Half: 1, From: from, To: to}, conv: 4, no: int32(from)}
	}
	whole := piece(math.MinInt64, math.MaxInt64)
	whole.no, whole.reply = 0, true
	for _, tt := range []struct {
		name   string
		pieces []placed
		events []event
		want   []string
		wants  []int64 // how many bytes after each event belong to none
	}{
		{"all bytes", []placed{whole}, []event{{5, 0}, {5, 0}}, []string{"4/0 at 0: 5 in packet 1 back 01234", "4/0 at 5: 5 in packet 2 back 56789"}, []int64{0, 0}},
		{"a piece of one packet", []placed{piece(2, 4)}, []event{{5, 0}}, []string{"4/2 at 2: 2 in packet 1 23"}, []int64{0}},
		{"a piece that ends with its packet", []placed{piece(2, 5)}, []event{{5, 0}, {5, 0}}, []string{"4/2 at 2: 3 in packet 1 234"}, []int64{0, scan.Unwanted}},
		{"a piece of two packets", []placed{piece(2, 7)}, []event{{5, 0}, {5, 0}}, []string{"4/2 at 2: 3 in packet 1 234", "4/2 at 5: 2 in packet 2 56"}, []int64{0, 0}},
		{"a piece of a later packet", []placed{piece(8, 9)}, []event{{5, 0}, {5, 0}}, []string{"4/8 at 8: 1 in packet 2 8"}, []int64{3, 0}},
		{"a piece that begins with the next packet", []placed{piece(5, 6)}, []event{{5, 0}, {5, 0}}, []string{"4/5 at 5: 1 in packet 2 5"}, []int64{0, 0}},
		{"two pieces of one packet", []placed{piece(0, 2), piece(3, 5)}, []event{{5, 0}}, []string{"4/0 at 0: 2 in packet 1 01", "4/3 at 3: 2 in packet 1 34"}, []int64{0}},
		{"pieces far from each other", []placed{piece(0, 2), piece(13, 15)}, []event{{5, 0}, {5, 0}, {5, 0}, {5, 0}}, []string{"4/0 at 0: 2 in packet 1 01", "4/13 at 13: 2 in packet 3 de"}, []int64{8, 3, 0, scan.Unwanted}},
		{"nothing is wanted", nil, []event{{5, 0}}, nil, []int64{scan.Unwanted}},
		{"bytes that are missing", []placed{piece(2, 7)}, []event{{4, 0}, {2, reassembly.GapLost}, {4, 0}}, []string{"4/2 at 2: 2 in packet 1 23", "4/2 at 4: 2 in packet 2 missing", "4/2 at 6: 1 in packet 3 6"}, []int64{0, 0, 0}},
		{"bytes cut off", []placed{piece(2, 7)}, []event{{4, 0}, {5, reassembly.GapSnaplen}}, []string{"4/2 at 2: 2 in packet 1 23 cut 3"}, []int64{0, 0}},
		{"bytes cut off where the piece begins", []placed{piece(4, 7)}, []event{{4, 0}, {5, reassembly.GapSnaplen}}, []string{"4/4 at 4: 0 in packet 1 cut 3"}, []int64{0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &gatherer{wanted: map[reassembly.HalfID][]placed{1: tt.pieces}, next: make(map[reassembly.HalfID]int), spool: new(spool)}
			at := reassembly.At{Half: 1}
			var wants []int64
			for _, e := range tt.events {
				if e.why != reassembly.GapSnaplen { // which is of the packet before
					at.Ref.Packet++
					at.Time++
				}
				var p []byte
				if e.why == 0 {
					p = []byte(text[at.Off : at.Off+e.n])
				}
				wants = append(wants, g.take(at, e.n, p, e.why))
				at.Off += e.n
			}
			if d := cmp.Diff(described(t, g.chunks, g.spool), tt.want); d != "" {
				t.Errorf("chunks (-got +want):\n%s", d)
			}
			if d := cmp.Diff(wants, tt.wants); d != "" {
				t.Errorf("bytes that are not wanted (-got +want):\n%s", d)
			}
		})
	}
}

// What was cut off a packet belongs to the chunk before it only if that is the
// rest of the same packet, and of the same piece.
func TestAddCut(t *testing.T) {
	before := chunk{conv: 1, piece: 2, off: 10, n: 5, at: moment(1)}
	cut := chunk{conv: 1, piece: 2, off: 15, cut: 4, at: moment(1)}
	for _, tt := range []struct {
		name string
		edit func(before, cut *chunk)
		want bool // it belongs to it
	}{
		{"the rest", func(b, c *chunk) {}, true},
		{"more of the rest", func(b, c *chunk) { b.cut = 2; c.off = 17 }, true},
		{"of another packet", func(b, c *chunk) { c.at = moment(2) }, false},
		{"of another conversation", func(b, c *chunk) { c.conv = 2 }, false},
		{"of the other direction", func(b, c *chunk) { c.reply = true }, false},
		{"of another piece", func(b, c *chunk) { c.piece = 3 }, false},
		{"at another place", func(b, c *chunk) { c.off = 16 }, false},
		{"behind what is missing", func(b, c *chunk) { b.gap = true }, false},
		{"nothing cut", func(b, c *chunk) { c.cut, c.n = 0, 4 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, c := before, cut
			tt.edit(&b, &c)
			sum := b.cut + c.cut
			g := &gatherer{chunks: []chunk{b}}
			g.add(c)
			if one := len(g.chunks) == 1; one != tt.want || one && g.chunks[0].cut != sum {
				t.Errorf("%d chunks, the first with %d cut off, want one: %v", len(g.chunks), g.chunks[0].cut, tt.want)
			}
		})
	}
	g := new(gatherer)
	if g.add(cut); len(g.chunks) != 1 {
		t.Errorf("%d chunks of what was cut off the first packet, want one", len(g.chunks))
	}
}

// Chunks are in the order of conversations, directions and pieces, whatever halves
// and groups they come from.
func TestGather(t *testing.T) {
	var files []string
	for _, who := range []string{"a", "b"} {
		c := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80").At(0, "eth0")
		c.Handshake()
		c.Send(who + " asks")
		c.Reply(who + " is told")
		c.Send(who + " asks again")
		c.Close()
		files = append(files, pcap.WriteFile(t, who+".pcapng", c.PCAPNG()))
	}
	s := sourceOf(t, files...)
	sp := new(spool)
	convs := []*plan.Conversation{
		{Pieces: [2][]*plan.Piece{{{Half: 3, From: 2, To: 6}, {Half: 1, From: 6, To: 12}, {Half: 1, From: 0, To: 1}}, {{Half: 4, From: 0, To: 1}}}},
		{},
		{Pieces: [2][]*plan.Piece{nil, {{Half: 2, From: 2, To: 99}}}},
	}
	chunks, err := s.gather(t.Context(), convs, sp)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"0/0 at 2: 4 in packet 4 asks", "0/1 at 6: 6 in packet 6 a asks", "0/2 at 0: 1 in packet 4 a", "0/0 at 0: 1 in packet 5 back b",
		"2/0 at 2: 7 in packet 5 back is told",
	}
	if d := cmp.Diff(described(t, chunks, sp), want); d != "" {
		t.Errorf("chunks (-got +want):\n%s", d)
	}
	if none, err := s.gather(t.Context(), convs[1:2], sp); err != nil || len(none) > 0 {
		t.Errorf("%d chunks of nothing, %v", len(none), err)
	}
}

func TestCompareBool(t *testing.T) {
	for _, tt := range []struct {
		a, b bool
		want int
	}{{false, false, 0}, {true, true, 0}, {false, true, -1}, {true, false, 1}} {
		if got := compareBool(tt.a, tt.b); got != tt.want {
			t.Errorf("%v compared to %v is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

// followed is what Follow tells of a conversation.
func followed(t *testing.T, s *Source, c *plan.Conversation) []string {
	t.Helper()
	var out []string
	var begin capture.Time
	err := s.Follow(t.Context(), c, func(k Chunk) error {
		if begin == 0 {
			begin = k.Time
		}
		dir := ">"
		if k.Reply {
			dir = "<"
		}
		line := fmt.Sprintf("%v %s packet %d: %s", k.Time.Sub(begin), dir, k.Ref.Packet, k.Data)
		if k.Missing > 0 {
			line += fmt.Sprintf("<%d>", k.Missing)
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return out
}

// A stream is followed in the order of time, with what is missing in its place.
func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		name string
		talk func(c *pcap.Connection)
		want []string
	}{
		{"nothing said", func(c *pcap.Connection) {}, nil},
		{"by turns", func(c *pcap.Connection) { c.Send("who?"); c.Reply("me"); c.Send("ah") }, []string{"0s > packet 4: who?", "100µs < packet 5: me", "200µs > packet 6: ah"}},
		{"the server only", func(c *pcap.Connection) { c.Reply("hello") }, []string{"0s < packet 4: hello"}},
		{"bytes missing", func(c *pcap.Connection) {
			c.Send("one")
			c.Send("lost")
			c.Lose(1)
			c.Send("two")
			c.Reply("ok")
		}, []string{"0s > packet 4: one", "200µs > packet 5: <4>", "200µs > packet 5: two", "300µs < packet 6: ok"}},
		{"bytes cut off", func(c *pcap.Connection) { c.Snap(3).Send("one and more"); c.Snap(-1).Reply("ok") }, []string{"0s > packet 4: one", "0s > packet 4: <9>", "100µs < packet 5: ok"}},
		{"all bytes cut off", func(c *pcap.Connection) { c.Snap(0).Send("one and more"); c.Snap(-1).Reply("ok") }, []string{"0s > packet 4: <12>", "100µs < packet 5: ok"}},
		{"at one time", func(c *pcap.Connection) { c.Step(0); c.Reply("ok"); c.Send("one") }, []string{"0s > packet 5: one", "0s < packet 4: ok"}},
		{"out of order", func(c *pcap.Connection) { c.Send("one"); c.Send("two"); c.Swap(); c.Reply("ok") }, []string{"0s > packet 5: one", "-100µs > packet 4: two", "100µs < packet 6: ok"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80").At(0, "eth0")
			c.Handshake()
			tt.talk(c)
			c.Step(100_000).Close()
			s := traced(t, c.Trace)
			got := followed(t, s, s.Conversations[0])
			if d := cmp.Diff(got, tt.want); d != "" {
				t.Errorf("followed (-got +want):\n%s", d)
			}
		})
	}
}

// A rebuilt conversation is followed piece by piece.
func TestFollowPieces(t *testing.T) {
	c := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80").At(0, "eth0")
	c.Handshake()
	c.Send("0123456789")
	c.Reply("abcdefghij")
	c.Close()
	s := traced(t, c.Trace)
	k := &plan.Conversation{Rebuilt: true, Pieces: [2][]*plan.Piece{{{Half: 1, From: 3, To: 6}}, {{Half: 2, From: 0, To: 2}, {Half: 2, From: 8, To: 10}}}}
	want := []string{"0s > packet 4: 345", "100µs < packet 5: ab", "100µs < packet 5: ij"}
	if d := cmp.Diff(followed(t, s, k), want); d != "" {
		t.Errorf("followed (-got +want):\n%s", d)
	}
}

// The error of whoever is told stops the telling at once.
func TestFollowStops(t *testing.T) {
	c := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80").At(0, "eth0")
	c.Handshake()
	c.Snap(2).Send("cut off, all but two bytes")
	c.Snap(-1).Send("two")
	c.Send("lost")
	c.Lose(1)
	c.Send("three")
	c.Close()
	s := traced(t, c.Trace)
	stop := fmt.Errorf("enough")
	for most := range 5 {
		n := 0
		err := s.Follow(t.Context(), s.Conversations[0], func(Chunk) error {
			if n++; n > most {
				return stop
			}
			return nil
		})
		if err != stop || n != most+1 {
			t.Errorf("after %d chunks: told %d times, %v, want once more and the error", most, n, err)
		}
	}
}
