package algebra

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A muxedEnd is a connection with HTTP/2 under TLS, of which records are counted.
type muxedEnd struct {
	*pcap.TLSConnection
	asked, answered int // records of data
}

// mux opens a connection whose client offers HTTP/2.
func (p *pod) mux() *muxedEnd {
	e := &muxedEnd{TLSConnection: p.client(pcap.TLSConfig{ALPN: []string{"istio-h2", "h2"}, Mutual: true})}
	e.ask(24 + 27 + 13)
	e.answer(27, 9)
	e.ask(9)
	return e
}

// ask and answer send records.
func (e *muxedEnd) ask(lengths ...int) {
	for _, n := range lengths {
		e.Send(n)
		e.asked++
	}
}

func (e *muxedEnd) answer(lengths ...int) {
	for _, n := range lengths {
		e.Reply(n)
		e.answered++
	}
}

// A stream is a call over HTTP/2 under TLS.
type stream struct {
	head, body, answer int // first records of request, its body and response; -1 = none
	up, upNo           int // exchange on the other side
}

// multiplex has several things asked at once over one connection with HTTP/2 under TLS.
// On the other side of the proxy each has a connection of its own. up tells that the
// proxy has dialled the one with HTTP/2.
func multiplex(p *pod, rounds, at int, up bool) (truth []stream) {
	e := p.mux()
	for range at {
		p.dial()
	}
	for round := range rounds {
		calls := make([]struct {
			req, resp  string
			sent, told int
		}, at)
		for i := range calls {
			k := &calls[i]
			target := "/" + strings.Repeat("a", p.r.IntN(90))
			k.sent, k.told = p.r.IntN(2)*p.r.IntN(900), 100+p.r.IntN(1900)
			k.req, k.resp = request(target, k.sent), response(k.told)
			s := stream{e.asked, -1, -1, i, round}
			over := func() {
				e.ask(30 + len(target)*5/8)
				if k.sent > 0 {
					s.body = e.asked
					e.ask(k.sent + turn.FrameHead)
				}
			}
			p.pass(up, over, func() { p.ups[i].Send(k.req) })
			truth = append(truth, s)
			p.pause(20 * time.Microsecond)
		}
		for _, i := range p.r.Perm(at) {
			over := func() {
				truth[len(truth)-at+i].answer = e.answered
				e.answer(60, calls[i].told+turn.FrameHead)
			}
			p.pass(!up, over, func() { p.ups[i].Reply(calls[i].resp) })
		}
		p.pause(2000 * time.Microsecond)
	}
	return truth
}

// pass has something happen on one side of the proxy and then on the other, the second
// first if it comes from there.
func (p *pod) pass(back bool, first, second func()) {
	if back {
		first, second = second, first
	}
	first()
	p.pause(80 * time.Microsecond)
	second()
}

// Streams of HTTP/2 under TLS are found in records by what the other side of the proxy
// shows.
func TestJoinStreams(t *testing.T) {
	for _, tt := range []struct {
		name        string
		rounds, at  int
		up          bool
		sure, right int // links at the least: without rivals, and to the right one though there are rivals
	}{
		{"one after the other", 20, 1, false, 19, 20}, // the first one has lengths of its own
		{"several at once", 12, 3, false, 24, 34},
		{"one after the other, upstream", 20, 1, true, 5, 20},
		{"several at once, upstream", 12, 3, true, 10, 34},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPod(6)
			truth := multiplex(p, tt.rounds, tt.at, tt.up)
			c := p.crossing(t, tt.up)
			JoinStreams(c)
			want := make(map[[2]int]stream)
			for _, s := range truth {
				want[[2]int{s.up, s.upNo}] = s
			}
			l := c.Down[0]
			if tt.up {
				l = c.Up[0]
			}
			v := turn.NewLeg(c.Index, l)
			asked, answered := v.Orig.From(), v.Reply.From()
			sure, right := 0, 0
			for _, k := range c.Links {
				head, plain := k.Down, k.Up
				if tt.up {
					head, plain = plain, head
				}
				s := want[of(plain)]
				if head != &l.Hidden[head.No] {
					t.Errorf("%v is tied to %+v, that is none of the leg's", of(plain), head)
				}
				if head.Outline.First == s.head {
					right++
				}
				if k.Ambiguous {
					continue
				}
				sure++
				// Where answers come one after the other, the record after the first looks like it.
				resp := answered[s.answer : s.answer+2]
				if head.Req.Start != asked[s.head].Off || head.Resp.Start != resp[0].Off && head.Resp.Start != resp[1].Off {
					t.Errorf("%v is tied to record %d, answered at %d; want %d, answered at %d", of(plain), head.Outline.First, head.Resp.Start, s.head, resp[0].Off)
				}
				if !head.Req.Is(scan.MsgRequest) || s.body >= 0 && head.Req.End <= asked[s.body].Off {
					t.Errorf("%v is tied to %+v", of(plain), head.Req)
				}
			}
			if sure < tt.sure || right < tt.right {
				t.Errorf("of %d %d are tied and %d right, want %d and %d", len(truth), sure, right, tt.sure, tt.right)
			}
			if !c.Busy[l] || len(l.Exchanges) < sure || !slices.IsSortedFunc(l.Hidden, func(a, b graph.Exchange) int { return a.Outline.First - b.Outline.First }) {
				t.Errorf("the leg has %d exchanges", len(l.Exchanges))
			}
		})
	}
}

// A log that ties some of the exchanges to the leg, and not to streams of it, makes none
// of the others less certain, and is not overruled.
func TestJoinStreamsBesidesLog(t *testing.T) {
	for _, nth := range []int{2, 3, 5} {
		certain := func(logged bool) map[[2]int]bool {
			p := newPod(6)
			multiplex(p, 12, 3, false)
			c := p.crossing(t, false)
			l := c.Down[0]
			for i, e := range graph.ExchangesOf(c.Up) {
				if logged && i%nth == 0 {
					k := &graph.Link{From: l, To: e.Leg, Up: e, Attempt: 1, Confidence: graph.SureProven}
					c.Links = append(c.Links, k)
					c.Taken[e], c.ByLog[e], c.Busy[l], c.Logged[l] = true, k, true, true
				}
			}
			JoinStreams(c)
			sure := make(map[[2]int]bool)
			for _, k := range c.Links {
				if !k.Ambiguous {
					if sure[of(k.Up)] {
						t.Errorf("%v is tied twice", of(k.Up))
					}
					sure[of(k.Up)] = true
				}
			}
			return sure
		}
		without, with := certain(false), certain(true)
		for up := range without {
			if !with[up] {
				t.Errorf("%v is tied without a log, and not with each line of %d", up, nth)
			}
		}
		if len(without) < 24 || len(with) < len(without) {
			t.Errorf("%d are tied without a log, and %d with each line of %d", len(without), len(with), nth)
		}
	}
}

// Where one side has nothing to tie, no leg is taken.
func TestJoinStreamsOfNothing(t *testing.T) {
	p := newPod(7)
	multiplex(p, 2, 1, false)
	c := p.crossing(t, false)
	c.Up = nil
	if JoinStreams(c); len(c.Links) > 0 || c.Busy[c.Down[0]] {
		t.Errorf("%d links, busy %v", len(c.Links), c.Busy)
	}
	c = p.crossing(t, false)
	c.Down = nil
	if JoinStreams(c); len(c.Links) > 0 || len(c.Busy) > 0 {
		t.Errorf("%d links, busy %v", len(c.Links), c.Busy)
	}
}

// A leg is HTTP/2 under TLS if the client offers that and its records say so.
func TestMultiplexedLegs(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(p *pod)
		want int
	}{
		{"offered and spoken", func(p *pod) { p.mux() }, 1},
		{"not offered", func(p *pod) {
			e := &muxedEnd{TLSConnection: p.client(pcap.TLSConfig{ALPN: []string{"http/1.1"}})}
			e.ask(64, 9)
			e.answer(27, 9)
		}, 0},
		{"not spoken", func(p *pod) {
			e := &muxedEnd{TLSConnection: p.client(pcap.TLSConfig{ALPN: []string{"h2"}})}
			e.ask(64, 90)
			e.answer(27, 90)
		}, 0},
	} {
		for _, up := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, upstream %v", tt.name, up), func(t *testing.T) {
				p := newPod(8)
				tt.make(p)
				c := p.crossing(t, false)
				ms := multiplexedLegs(c, c.Down, up)
				if len(ms) != tt.want {
					t.Fatalf("%d legs, want %d", len(ms), tt.want)
				}
				for _, m := range ms {
					if m.Leg != c.Down[0] || m.Up != up || len(m.Orig) != 2 || len(m.Reply) != 2 || int64(m.Orig[0].Len)-m.Over != 64 || int64(m.Reply[1].Len)-m.Over != 9 {
						t.Errorf("%+v", m)
					}
				}
			})
		}
	}
}

// Only exchanges that links name are those of the leg, in the order of their records,
// and links name those.
func TestRevealStreams(t *testing.T) {
	for _, up := range []bool{false, true} {
		l, plain := clientLeg(0), proxyLeg(0)
		var heads []*graph.Exchange
		for i := range 5 {
			e := hide(exchange(l, 50, int64(i)*us, 60, 9*us))
			e.Outline.First = 10 + i
			heads = append(heads, e)
		}
		link := func(head int, rivals ...int) *graph.Link {
			k := &graph.Link{From: l, To: plain, Down: heads[head], Up: exchange(plain, 1, 0, 2, us)}
			if up {
				k.From, k.To, k.Down, k.Up = k.To, k.From, k.Up, k.Down
			}
			for _, r := range rivals {
				k.Rivals = append(k.Rivals, graph.Rival{Leg: l, Ex: heads[r]})
			}
			return k
		}
		links := []*graph.Link{link(4), link(0, 2, 4), link(4, 0), {From: plain, To: clientLeg(1), Up: hide(exchange(clientLeg(1), 1, 0, 2, us))}}
		other := links[3].Up
		revealStreams(&turn.Multiplex{Leg: l}, links)
		var first []int
		for i := range l.Exchanges {
			first = append(first, l.Exchanges[i].Outline.First)
			if l.Exchanges[i].No != i || &l.Exchanges[i] != &l.Hidden[i] {
				t.Errorf("exchange %d has number %d", i, l.Exchanges[i].No)
			}
		}
		if !slices.Equal(first, []int{10, 12, 14}) {
			t.Errorf("exchanges begin in records %v, want 10, 12, 14", first)
		}
		end := func(k *graph.Link) *graph.Exchange {
			if up {
				return k.Up
			}
			return k.Down
		}
		if end(links[0]) != &l.Hidden[2] || end(links[1]) != &l.Hidden[0] || links[1].Rivals[0].Ex != &l.Hidden[1] || links[2].Rivals[0].Ex != &l.Hidden[0] || links[3].Up != other {
			t.Errorf("upstream %v: links name others", up)
		}
	}
}
