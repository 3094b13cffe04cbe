package algebra

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Turns in common weigh by how few legs have them; one that only the leg with fewer
// has counts against.
func TestInCommon(t *testing.T) {
	rare := map[uint64]int32{1: 1, 2: 9, 3: 4}
	log := func(n int32) float64 { return 10 / float64(n+1) } // of 9 legs
	for _, tt := range []struct {
		name string
		d, u []uint64
		want float64
	}{
		{"nothing", nil, nil, 1},
		{"a rare one", []uint64{1}, []uint64{1}, log(1)},
		{"one that all have", []uint64{2}, []uint64{2}, 1},
		{"one that no leg has, but for chance", []uint64{7}, []uint64{7}, 10},
		{"two", []uint64{1, 3}, []uint64{1, 3}, log(1) * log(4)},
		{"twice the same", []uint64{1, 1}, []uint64{1, 1}, log(1) * log(1)},
		{"twice against once", []uint64{1, 1}, []uint64{1, 2, 3}, log(1) / math.E},
		{"one that the other lacks", []uint64{1, 2}, []uint64{1, 3}, log(1) / math.E},
		{"none in common", []uint64{4, 5}, []uint64{1, 2, 3}, math.Exp(-2)},
		{"more of the other", []uint64{3}, []uint64{1, 2, 3}, log(4)},
		{"the last", []uint64{1, 2, 5}, []uint64{5}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := inCommon(tt.d, tt.u, rare, 9); !near(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if got := inCommon(tt.u, tt.d, rare, 9); !near(got, tt.want) {
				t.Errorf("the other way round %v, want %v", got, tt.want)
			}
		})
	}
	many, others := make([]uint64, 100), make([]uint64, 100)
	for i := range many {
		many[i], others[i] = uint64(i), uint64(i+1000)
	}
	if got := inCommon(many, many, nil, 9); got != math.Exp(maxTurnWeight) {
		t.Errorf("a hundred in common weigh %v, want %v", got, math.Exp(maxTurnWeight))
	}
	if got := inCommon(many, others, nil, 9); got != math.Exp(-maxTurnWeight) {
		t.Errorf("a hundred that are not weigh %v, want %v", got, math.Exp(-maxTurnWeight))
	}
}

// Where the lengths of whole directions are known, turns that the legs have not in
// common do not count against them.
func TestWeighTurns(t *testing.T) {
	down := []turn.Curve{{Turns: []uint64{1, 2}}, {Turns: []uint64{8}}}
	up := []turn.Curve{{Turns: []uint64{1, 1, 2}}, {Turns: []uint64{1, 9}}, {Turns: []uint64{5}}}
	known := func(a *algebra, d, u int) {
		for _, it := range []*item{&a.down[d], &a.up[u]} {
			it.req, it.resp = scan.Sizes{1}, scan.Sizes{2}
		}
	}
	for _, tt := range []struct {
		name string
		make func(*algebra)
		want [6]float64 // by downstream leg, and then upstream leg
	}{
		{"lengths not known", func(*algebra) {}, [6]float64{4.0 / 3 * 2, 4.0 / 3 / math.E, 1 / math.E, 1 / math.E, 1 / math.E, 1 / math.E}},
		{"known of two", func(a *algebra) { known(a, 0, 1) }, [6]float64{4.0 / 3 * 2, 1, 1 / math.E, 1 / math.E, 1 / math.E, 1 / math.E}},
		{"not of a request", func(a *algebra) { known(a, 0, 1); a.down[0].req = nil }, [6]float64{4.0 / 3 * 2, 4.0 / 3 / math.E, 1 / math.E, 1 / math.E, 1 / math.E, 1 / math.E}},
		{"not of a request behind it", func(a *algebra) { known(a, 0, 1); a.up[1].req = nil }, [6]float64{4.0 / 3 * 2, 4.0 / 3 / math.E, 1 / math.E, 1 / math.E, 1 / math.E, 1 / math.E}},
		{"not of a response", func(a *algebra) { known(a, 0, 1); a.down[0].resp = nil }, [6]float64{4.0 / 3 * 2, 4.0 / 3 / math.E, 1 / math.E, 1 / math.E, 1 / math.E, 1 / math.E}},
		{"not of a response behind it", func(a *algebra) { known(a, 0, 1); a.up[1].resp = nil }, [6]float64{4.0 / 3 * 2, 4.0 / 3 / math.E, 1 / math.E, 1 / math.E, 1 / math.E, 1 / math.E}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &algebra{down: make([]item, 2), up: make([]item, 3)}
			for d := range int32(2) {
				for u := range int32(3) {
					a.add(d, u)
				}
			}
			tt.make(a)
			a.weighTurns(down, up)
			for i, want := range tt.want {
				if got := a.facts[i].base; !near(got, want) {
					t.Errorf("strand %d weighs %v, want %v", i, got, want)
				}
			}
		})
	}
}

// forward has clients speak with the application byte for byte, each over a connection
// of its own, turn by turn and all at once.
func forward(n, turns int, conf pcap.TLSConfig, length func(p *pod) (req, resp int)) *pod {
	p := newPod(1)
	for range n {
		p.client(conf)
		p.pause(100 * time.Microsecond)
		p.dial()
	}
	for range turns {
		for _, i := range p.r.Perm(n) {
			req, resp := length(p)
			p.clients[i].Send(req)
			p.pause(100 * time.Microsecond)
			p.ups[i].Send(strings.Repeat("q", req))
			p.pause(300 * time.Microsecond)
			p.ups[i].Reply(strings.Repeat("r", resp))
			p.pause(100 * time.Microsecond)
			p.clients[i].Reply(resp)
		}
	}
	for i := range n {
		p.clients[i].Close()
		p.ups[i].Close()
	}
	return p
}

// Connections that are carried on byte for byte are tied by their lengths and turns,
// whole to whole.
func TestJoinCurves(t *testing.T) {
	some := func(p *pod) (int, int) { return 20 + p.r.IntN(500), 20 + p.r.IntN(900) }
	for _, tt := range []struct {
		name string
		n    int
		k    int // turns
		tls  pcap.TLSConfig
		of   func(*pod) (int, int)
		make func(*pod)
		sure int // links without rivals
	}{
		{"OpenSSL", 12, 5, pcap.TLSConfig{}, some, nil, 12},
		{"BoringSSL", 12, 5, pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true}, some, nil, 12},
		{"TLS 1.2", 12, 5, pcap.TLSConfig{Version: 0x0303}, some, nil, 12},
		{"one", 1, 5, pcap.TLSConfig{}, some, nil, 1},
		{"packets missing", 12, 5, pcap.TLSConfig{}, some, func(p *pod) {
			p.Filter(func(*pcap.Packet) bool { return p.r.IntN(50) > 0 })
		}, 11},
		{"without beginning", 12, 16, pcap.TLSConfig{}, some, func(p *pod) { p.DropFirst(p.Len() / 2) }, 11},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := forward(tt.n, tt.k, tt.tls, tt.of)
			if tt.make != nil {
				tt.make(p)
			}
			c := p.crossing(t, false)
			JoinCurves(c)
			sure := 0
			for _, l := range c.Links {
				if l.Ambiguous {
					continue
				}
				sure++
				if number(l.From) != number(l.To) || l.Down != nil || l.Up != nil || l.Attempt != 1 || !c.Busy[l.From] || !c.Busy[l.To] {
					t.Errorf("%v is tied to %v: %+v", l.From.Orig, l.To.Orig, l)
				}
			}
			if sure < tt.sure {
				t.Errorf("%d of %d are tied, want %d", sure, tt.n, tt.sure)
			}
		})
	}
}

// Connections that say the same are tied where their times tell, and never wrongly.
func TestJoinCurvesAlike(t *testing.T) {
	p := forward(10, 3, pcap.TLSConfig{}, func(*pod) (int, int) { return 100, 200 })
	c := p.crossing(t, false)
	JoinCurves(c)
	for _, l := range c.Links {
		named := number(l.From) == number(l.To)
		for _, r := range l.Rivals {
			named = named || number(r.Leg) == number(l.From)
		}
		if !named {
			t.Errorf("%v is tied to %v, ambiguous %v, and the true one is not named", l.From.Orig, l.To.Orig, l.Ambiguous)
		}
	}
	if len(c.Links) != 10 {
		t.Errorf("%d links, want 10", len(c.Links))
	}
}

// Whole legs are those of TLS or plain bytes, of which both directions were captured,
// and that are tied by nothing else.
func TestCurves(t *testing.T) {
	read := func() *pod { return forward(3, 2, pcap.TLSConfig{}, func(p *pod) (int, int) { return 50, 60 }) }
	c := read().crossing(t, false)
	count := func() string { return fmt.Sprint(len(newWholes(c).curves(c.Down)), len(newWholes(c).curves(c.Up))) }
	if got := count(); got != "3 3" {
		t.Fatalf("%s legs, want 3 and 3", got)
	}
	for i, k := range newWholes(c).curves(c.Up) {
		if k.Whole.Leg != c.Up[i] || len(k.Turns) != 2 {
			t.Errorf("leg %d: %+v", i, k)
		}
	}
	l := c.Up[1]
	conn, protocol := *l.Conn, l.Protocol
	for _, tt := range []struct {
		name string
		make func()
	}{
		{"tied", func() { c.Busy[l] = true }},
		{"of HTTP", func() { l.Protocol = flow.ProtocolHTTP1 }},
		{"with exchanges", func() { l.Exchanges = make([]graph.Exchange, 1) }},
		{"that carried nothing", func() { l.OrigBytes, l.ReplyBytes = 0, 0 }},
		{"without a client's half", func() { l.Conn.Orig = 0 }},
		{"without a server's half", func() { l.Conn.Reply = 0 }},
	} {
		sent, received := l.OrigBytes, l.ReplyBytes
		tt.make()
		if got := count(); got != "3 2" {
			t.Errorf("%s: %s legs, want 3 and 2", tt.name, got)
		}
		*l.Conn, l.Protocol, l.OrigBytes, l.ReplyBytes, l.Exchanges = conn, protocol, sent, received, nil
		delete(c.Busy, l)
	}
	if JoinCurves(c); len(c.Links) == 0 {
		t.Error("nothing is tied")
	}
	none := read().crossing(t, false)
	none.Up = nil
	if JoinCurves(none); len(none.Links) > 0 {
		t.Errorf("%d links to nothing", len(none.Links))
	}
	none = read().crossing(t, false)
	none.Down = nil
	if JoinCurves(none); len(none.Links) > 0 {
		t.Errorf("%d links from nothing", len(none.Links))
	}
}

// A leg with one direction alone is one; a leg with none is not, though it may have had
// a handshake.
func TestCurvesOfOneDirection(t *testing.T) {
	p := newPod(9)
	for i := range 4 {
		c, u := p.client(pcap.TLSConfig{Tickets: []int{}}), p.dial()
		if i&1 > 0 {
			c.Send(50)
			u.Send("some bytes")
		}
		if i&2 > 0 {
			c.Reply(60)
			u.Reply("others")
		}
		c.Close()
		u.Close()
	}
	c := p.crossing(t, false)
	for _, legs := range [][]*graph.Leg{c.Down, c.Up} {
		var got []int
		for _, k := range newWholes(c).curves(legs) {
			got = append(got, number(k.Whole.Leg))
		}
		if fmt.Sprint(got) != "[1 2 3]" {
			t.Errorf("legs %v have something to compare, want 1, 2 and 3", got)
		}
	}
}

// What keys opened and contents tie is measured as it was on the wire, so that it teaches
// of what is left what is rare. It is not tied again.
func TestCurvesTaught(t *testing.T) {
	for _, tt := range []struct {
		opened bool
		want   string
	}{{true, "3 3"}, {false, "2 2"}} {
		c := forward(3, 2, pcap.TLSConfig{}, func(*pod) (int, int) { return 50, 60 }).crossing(t, false)
		c.Down[1].Decrypted = tt.opened
		c.Add(&graph.Link{From: c.Down[1], To: c.Up[1], Attempt: 1})
		w := newWholes(c)
		if got := fmt.Sprint(len(w.curves(c.Down)), len(w.curves(c.Up))); got != tt.want {
			t.Errorf("opened %v: %s legs, want %s", tt.opened, got, tt.want)
		}
		JoinCurves(c)
		if len(c.Links) < 2 {
			t.Errorf("opened %v: nothing else is tied", tt.opened)
		}
		for _, l := range c.Links[1:] {
			if l.From == c.Down[1] || l.To == c.Up[1] {
				t.Errorf("opened %v: %v is tied to %v", tt.opened, l.From.Orig, l.To.Orig)
			}
		}
	}
}
