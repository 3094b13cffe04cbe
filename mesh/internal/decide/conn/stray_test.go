package conn

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// torn is a call from the pod, as its two half-flows.
func torn() [2]side {
	return [2]side{
		{lo: true, src: pod, dst: proxy, from: 100, to: 200, base: 1 << 30, next: 1<<30 + 500, bytes: 500, acks: [2]uint32{2 << 30, 2<<30 + 900}, syn: true, isn: 1<<30 - 1},
		{lo: true, src: vip, dst: pod, from: 101, to: 201, base: 2 << 30, next: 2<<30 + 900, bytes: 900, acks: [2]uint32{1 << 30, 1<<30 + 500}},
	}
}

// A half carries on a direction under another tuple, later, and by numbers that
// lie no further ahead than what may be in flight.
func TestCarriesOn(t *testing.T) {
	const flight = 1 << 20
	for _, tt := range []struct {
		name      string
		change    func(s *side)
		alone     bool // of the connection only the request half was captured
		reply, ok bool
	}{
		{"what the client sends on", func(s *side) {}, false, false, true},
		{"under the same tuple", func(s *side) { s.dst = proxy }, false, false, false},
		{"what answers", func(s *side) { s.src, s.dst, s.base, s.acks[0] = proxy, pod, 2<<30+900, 1<<30+500 }, false, true, true},
		{"what answers under the same tuple", func(s *side) { s.src, s.dst, s.base, s.acks[0] = vip, pod, 2<<30+900, 1<<30+500 }, false, true, false},
		{"what answers, where no answer was captured", func(s *side) { s.src, s.dst, s.base = proxy, pod, 2<<30+900 }, true, true, false},
		{"at the same time", func(s *side) { s.from = 100 }, false, false, true},
		{"before the connection's", func(s *side) { s.from = 99 }, false, false, false},
		{"from the same SYN on", func(s *side) { s.base = 1<<30 - 1 }, false, false, false},
		{"from its first byte on", func(s *side) { s.base = 1 << 30 }, false, false, true},
		{"as far ahead as may be in flight", func(s *side) { s.base = 1<<30 + 500 + flight }, false, false, true},
		{"further ahead", func(s *side) { s.base = 1<<30 + 501 + flight }, false, false, false},
		{"behind, within what may be in flight", func(s *side) { s.base = 1<<30 - 2 }, false, false, false},
		{"acknowledging as far ahead", func(s *side) { s.acks[0] = 2<<30 + 900 + flight }, false, false, true},
		{"acknowledging further ahead", func(s *side) { s.acks[0] = 2<<30 + 901 + flight }, false, false, false},
		{"acknowledging as far behind", func(s *side) { s.acks[0] = 2<<30 - flight }, false, false, true},
		{"acknowledging nothing", func(s *side) { s.acks = [2]uint32{} }, false, false, true},
		{"acknowledging what was not captured", func(s *side) { s.acks[0] = 5 }, true, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := side{lo: true, src: pod, dst: vip, from: 300, to: 301, base: 1<<30 + 500, next: 1<<30 + 501, acks: [2]uint32{2<<30 + 900, 2<<30 + 900}}
			tt.change(&s)
			call := torn()
			b := binderOf(t, call[0], call[1], s)
			c := connOf(b.x, 1, 2)
			if tt.alone {
				c.Reply = 0
			}
			if reply, ok := b.carriesOn(c, 3); reply != tt.reply || ok != tt.ok {
				t.Errorf("in the direction of the reply %v, carries on %v; want %v, %v", reply, ok, tt.reply, tt.ok)
			}
		})
	}
}

// The farthest that a half may lie ahead is half of all numbers.
func TestCarriesOnVast(t *testing.T) {
	for _, tt := range []struct {
		base uint32
		want bool
	}{{1<<31 + 100 - 1, true}, {1<<31 + 100, false}} {
		b := binderOf(t, side{src: pod, dst: proxy, base: 100, next: 3 << 30}, side{src: pod, dst: vip, base: tt.base})
		if _, ok := b.carriesOn(connOf(b.x, 1, 0), 2); ok != tt.want {
			t.Errorf("base %d carries on: %v, want %v", tt.base, ok, tt.want)
		}
	}
}

// A conn that only carries on another of its pod is not one of its own.
func TestAttachStrays(t *testing.T) {
	stray := side{src: pod, dst: vip, from: 300, to: 900, base: 1<<30 + 500, next: 1<<30 + 501, bytes: 1, acks: [2]uint32{2<<30 + 900, 2<<30 + 900}}
	early := side{src: client, dst: app, from: 1, to: 2, syn: true}
	for _, tt := range []struct {
		name   string
		change func(call *[2]side, s, early *side)
		conns  int
		end    int64 // of the call
	}{
		{"the client's end", func(*[2]side, *side, *side) {}, 2, 900},
		{"the server's answer", func(c *[2]side, s, _ *side) { s.src, s.dst, s.base, s.acks[0] = proxy, pod, 2<<30+900, 1<<30+500 }, 2, 900},
		{"it has a SYN", func(_ *[2]side, s, _ *side) { s.syn = true }, 3, 201},
		{"as much as may be in flight", func(_ *[2]side, s, _ *side) { s.bytes = 1 << 20 }, 2, 900},
		{"more", func(_ *[2]side, s, _ *side) { s.bytes = 1<<20 + 1 }, 3, 201},
		{"another client's", func(_ *[2]side, s, _ *side) { s.src = "10.244.1.10:40002" }, 3, 201},
		{"it ended before", func(c *[2]side, s, _ *side) { c[0].to, c[1].to, s.to = 999, 999, 900 }, 2, 999},
		{"it began with the call", func(c *[2]side, s, _ *side) { s.from, c[0].from, c[1].from = 100, 100, 100 }, 3, 900},
		{"the capture there had begun before the call", func(c *[2]side, _, _ *side) { c[0].syn = false }, 2, 900},
		{"at the same time", func(c *[2]side, _, e *side) { c[0].syn, e.from = false, 100 }, 2, 900},
		{"later, so that the SYN may be there", func(c *[2]side, _, e *side) { c[0].syn, e.from, e.to = false, 101, 102 }, 3, 900},
		{"later, but the SYN is here", func(c *[2]side, _, e *side) { e.from, e.to = 101, 102 }, 2, 900},
	} {
		t.Run(tt.name, func(t *testing.T) {
			call, s, e := torn(), stray, early
			tt.change(&call, &s, &e)
			b := binderOf(t, call[0], call[1], s, e)
			b.partner[1], b.partner[2] = 2, 1
			b.collect()
			b.orient()
			b.attachStrays()
			var c *Conn
			for _, k := range b.conns {
				if k.Orig == 1 {
					c = k
				}
			}
			if len(b.conns) != tt.conns || c.End != tt.end && tt.conns == 2 {
				t.Fatalf("%d conns, the call ends at %d; want %d and %d", len(b.conns), c.End, tt.conns, tt.end)
			}
			if want := 3 - tt.conns; len(c.Strays) != want {
				t.Fatalf("%d strays, want %d", len(c.Strays), want)
			}
			if tt.conns == 2 && (c.Strays[0].Half != 3 || c.Strays[0].Reply != (s.dst == pod)) {
				t.Errorf("stray %+v", c.Strays[0])
			}
		})
	}
}

// Both halves of a stray must carry on, or none.
func TestAdoptBoth(t *testing.T) {
	ahead := side{src: pod, dst: vip, from: 300, to: 400, base: 1<<30 + 500, acks: [2]uint32{2<<30 + 900, 2<<30 + 900}}
	back := side{src: "10.96.10.9:80", dst: pod, from: 301, to: 401, base: 2<<30 + 900, acks: [2]uint32{1<<30 + 500, 1<<30 + 500}}
	strange := back
	strange.base = 5
	for _, tt := range []struct {
		name string
		back side
		want int
	}{{"both", back, 2}, {"one", strange, 0}} {
		call := torn()
		b := binderOf(t, call[0], call[1], ahead, tt.back)
		b.began = beginnings(b.x)
		into, c := connOf(b.x, 1, 2), connOf(b.x, 3, 4)
		c.End = 401
		if got := b.adopt(into, c); got != (tt.want > 0) || len(into.Strays) != tt.want {
			t.Errorf("%s: adopted %v, %d strays; want %d", tt.name, got, len(into.Strays), tt.want)
		}
	}
}

// When the first segment of each place was seen.
func TestBeginnings(t *testing.T) {
	x := indexOf(t, side{from: 30}, side{from: 20}, side{from: 25}, side{lo: true, from: 40}, side{lo: true, from: 50})
	b := &binder{x: x, began: beginnings(x)}
	wire, lo := x.Place(1), x.Place(4)
	for _, tt := range []struct {
		at   index.Place
		when int64
		want bool
	}{{wire, 20, true}, {wire, 19, false}, {lo, 40, true}, {lo, 39, false}, {index.Place{Group: 7}, 99, false}} {
		if got := b.watched(tt.at, tt.when); got != tt.want {
			t.Errorf("place %v was watched at %d: %v, want %v", tt.at, tt.when, got, tt.want)
		}
	}
}
