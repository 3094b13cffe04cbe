package algebra

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

var (
	plainShift = [2]int64{40, 50} // that all have
	anyDelay   = [2]int64{noTime, noTime}
	noShift    = [2]int64{odds.UnknownShift, odds.UnknownShift}
)

// backed returns n guesses of a difference that others have, each of items of its own
// from the given ones on.
func backed(from, n int32, shift [2]int64) (gs []guess) {
	for i := range n {
		gs = append(gs, guess{from + i, from + i, 1, shift, anyDelay})
	}
	return gs
}

// with returns guesses of the first items beside others that have the usual lengths.
func with(gs ...guess) []guess { return append(gs, backed(4, 6, plainShift)...) }

// sureOf lists the first four downstream items' certain upstream items.
func (t *tier) sureOf() (out []int32) {
	for _, i := range t.sure[:4] {
		if i >= 0 {
			i = t.a.pairing.Edges[i].U
		}
		out = append(out, i)
	}
	return out
}

// A strand is believed from 0.99 on, with lengths that others have; and never where
// something else with the same lengths is still a candidate, in a crowd, or by time
// alone.
func TestBelieve(t *testing.T) {
	g := func(d, u int32, p float64, shift [2]int64) guess { return guess{d, u, p, shift, anyDelay} }
	crowd := func(n int32, p float64) []guess {
		gs := []guess{g(0, 0, p, plainShift)}
		for u := range n - 1 {
			gs = append(gs, g(0, u+10, 1e-6, plainShift))
		}
		return with(gs...)
	}
	for _, tt := range []struct {
		name string
		gs   []guess
		want []int32
	}{
		{"probable", with(g(0, 1, .99, plainShift)), []int32{1, -1, -1, -1}},
		{"less", with(g(0, 1, .9899, plainShift)), []int32{-1, -1, -1, -1}},
		{"by times alone", with(g(0, 1, 1, noShift)), []int32{-1, -1, -1, -1}},
		{"by one length", with(g(0, 1, .99, [2]int64{40, odds.UnknownShift})), []int32{1, -1, -1, -1}},
		{"by the other", with(g(0, 1, .99, [2]int64{odds.UnknownShift, 50})), []int32{1, -1, -1, -1}},
		{"with a length that nobody else has", with(g(0, 1, .9999, [2]int64{40, 500})), []int32{-1, -1, -1, -1}},
		{"with another that nobody else has", with(g(0, 1, .9999, [2]int64{400, 50})), []int32{-1, -1, -1, -1}},
		{"beside another of the same lengths", with(g(0, 1, .998, plainShift), g(0, 2, 1e-5, plainShift)), []int32{-1, -1, -1, -1}},
		{"beside another that is excluded", with(g(0, 1, .998, plainShift), g(0, 2, 9e-6, plainShift)), []int32{1, -1, -1, -1}},
		{"beside another of other lengths", with(g(0, 1, .998, plainShift), g(0, 2, .001, [2]int64{40, 500})), []int32{1, -1, -1, -1}},
		{"very probable, beside another", with(g(0, 1, .9999, plainShift), g(0, 2, 1e-4, plainShift)), []int32{-1, -1, -1, -1}},
		{"beside another of the upstream item", with(g(0, 1, .998, plainShift), g(2, 1, 1e-3, plainShift)), []int32{-1, -1, -1, -1}},
		{"two that are probable", with(g(0, 1, .99, plainShift), g(2, 3, .99, plainShift)), []int32{1, -1, 3, -1}},
		{"among as many as may be told apart", crowd(aCrowd, 1), []int32{0, -1, -1, -1}},
		{"in a crowd", crowd(aCrowd+1, 1), []int32{-1, -1, -1, -1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(40, 40, tt.gs...)
			a.holes = true // so that nothing follows from what is left
			k := &tier{a: a, link: exchangeLink, least: Believed}
			k.links()
			if got := k.sureOf(); !slices.Equal(got, tt.want) {
				t.Errorf("certain are %v, want %v", got, tt.want)
			}
		})
	}
}

// Of streams of HTTP/2 the lengths of requests need not be usual; between streams all
// must be very probable.
func TestBelieveStreams(t *testing.T) {
	for _, tt := range []struct {
		name  string
		p     float64
		shift [2]int64
		both  bool
		want  int32
	}{
		{"probable", .99, [2]int64{400, 50}, false, 1},
		{"less", .9899, [2]int64{400, 50}, false, -1},
		{"a response that nobody else has", .999, [2]int64{40, 500}, false, -1},
		{"by times alone", 1, noShift, false, -1},
		{"between streams", .998, plainShift, true, -1},
		{"between streams, very probable", .999, plainShift, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gs := with(guess{0, 1, tt.p, tt.shift, anyDelay})
			for u := range int32(aCrowd) {
				gs = append(gs, guess{0, u + 10, 1e-6, plainShift, anyDelay})
			}
			a := guessed(40, 40, gs...)
			a.multiplexed = true
			if tt.both {
				a.up[1].ex.Leg.Protocol = flow.ProtocolHTTP2
			}
			k := &tier{a: a, link: exchangeLink, least: believedStream}
			k.links()
			if got := k.sureOf()[0]; got != tt.want {
				t.Errorf("certain is %d, want %d", got, tt.want)
			}
		})
	}
}

// Delays alone tell two whole connections apart where that is very probable, but not two
// exchanges. What is known beforehand leaves no rival.
func TestBelieveBesideAnother(t *testing.T) {
	for _, tt := range []struct {
		name  string
		whole bool
		p     float64
		base  float64 // of the other
		want  int32
	}{
		{"exchanges", false, .9999, 1, -1},
		{"exchanges, the other hardly imaginable", false, .9999, 1e-3, 1},
		{"connections", true, .9999, 1, 1},
		{"connections, less probable", true, .998, 1, -1},
		{"connections, the other hardly imaginable", true, .998, 1e-3, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(40, 40, with(guess{0, 1, tt.p, plainShift, anyDelay}, guess{0, 2, 1 - tt.p, plainShift, anyDelay})...)
			a.facts[1].base = tt.base
			k := &tier{a: a, link: exchangeLink, least: Believed, whole: tt.whole}
			k.links()
			if got := k.sureOf()[0]; got != tt.want {
				t.Errorf("certain is %d, want %d", got, tt.want)
			}
		})
	}
}

// Of whole legs turns in common speak too, if they are rare enough.
func TestBelieveLegs(t *testing.T) {
	for _, tt := range []struct {
		name string
		base float64
		want int32
	}{{"few turns in common", muchInCommon, -1}, {"many", muchInCommon * 1.01, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(40, 40, with(guess{0, 1, .9999, noShift, anyDelay})...)
			a.holes = true
			a.facts[0].base = tt.base
			k := &tier{a: a, link: exchangeLink, least: Believed}
			k.links()
			if got := k.sureOf()[0]; got != tt.want {
				t.Errorf("certain is %d, want %d", got, tt.want)
			}
		})
	}
	a := guessed(40, 40, with(guess{0, 1, .9999, [2]int64{40, 500}, anyDelay})...)
	a.facts[0].base = 2 * muchInCommon
	k := &tier{a: a, link: exchangeLink, least: Believed}
	if k.links(); k.sureOf()[0] != 1 {
		t.Error("many turns in common with a length that nobody else has are not believed")
	}
}

// What is in doubt names all that are imaginable, the likeliest first, but none that
// certainly belong to another.
func TestDoubtful(t *testing.T) {
	g := func(d, u int32, p float64) guess { return guess{d, u, p, plainShift, anyDelay} }
	var many []guess
	for u := range int32(200) {
		many = append(many, g(0, u+10, .004))
	}
	for _, tt := range []struct {
		name       string
		gs         []guess
		best       int32 // upstream item, -1 = no link
		rivals     []int32
		confidence float64
	}{
		{"nothing", with(), -1, nil, 0},
		{"one", with(g(0, 1, .5)), 1, nil, .5},
		{"the likeliest first", with(g(0, 1, .2), g(0, 2, .5), g(0, 3, .3)), 2, []int32{3, 1}, .5},
		{"of equals the first", with(g(0, 1, .3), g(0, 2, .3)), 1, []int32{2}, .3},
		{"imaginable", with(g(0, 1, .5), g(0, 2, imaginable)), 1, []int32{2}, .5},
		{"not imaginable", with(g(0, 1, .5), g(0, 2, imaginable/2), g(0, 3, imaginable)), 1, []int32{3}, .5},
		{"nothing that is imaginable", with(g(0, 1, .5), g(0, 2, imaginable/2), g(0, 3, notExcluded/2)), 1, []int32{2}, .5},
		{"nothing but what is excluded", with(g(0, 1, .5), g(0, 3, notExcluded/2)), 1, []int32{3}, .5},
		{"wanted by another", with(g(0, 1, .5), g(0, 2, imaginable/2), g(3, 1, .4)), 1, []int32{-4}, .5},
		{"wanted by another that is tied", with(g(0, 1, .5), g(3, 1, .5), g(3, 2, 1)), 1, nil, .5},
		{"certainly another's", with(g(0, 1, .6), g(0, 2, .5), g(3, 2, 1)), 1, nil, .6},
		{"likelier not captured", with(g(0, 1, .4)), -1, nil, 0},
		{"no more than is believed", with(g(0, 1, .995), g(0, 2, .002)), 1, []int32{2}, Believed},
		{"not more than so many", many, 10, nil, .004},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(250, 250, tt.gs...)
			number := make(map[*graph.Exchange]int32) // downstream items from -1 down
			for i := range a.down {
				number[a.down[i].ex] = -1 - int32(i)
			}
			for i := range a.up {
				number[a.up[i].ex] = int32(i)
			}
			k := &tier{a: a, link: exchangeLink, least: Believed}
			k.links()
			l := k.doubtful(0)
			if (l == nil) != (tt.best < 0) {
				t.Fatalf("link %+v, want one to %d", l, tt.best)
			}
			if l == nil {
				return
			}
			var rivals []int32
			for _, r := range l.Rivals {
				if r.Leg != r.Ex.Leg {
					t.Errorf("rival of leg %v is on %v", r.Leg.Orig, r.Ex.Leg.Orig)
				}
				rivals = append(rivals, number[r.Ex])
			}
			if len(tt.gs) >= 200 {
				if len(rivals) != crossing.MaxRivals || rivals[0] != 11 {
					t.Errorf("%d rivals, want %d", len(rivals), crossing.MaxRivals)
				}
				rivals = nil
			}
			if number[l.Up] != tt.best || !slices.Equal(rivals, tt.rivals) || l.Confidence != tt.confidence || !l.Ambiguous || l.Proven || l.Attempt != 1 || len(l.Evidence) != 1 {
				t.Errorf("best is %d, rivals %v, link %+v; want %d, %v, confidence %v", number[l.Up], rivals, l, tt.best, tt.rivals, tt.confidence)
			}
		})
	}
}

// What is certain has the confidence of its probability, up to that of ids, and is
// proven where chance is excluded.
func TestCertain(t *testing.T) {
	for _, tt := range []struct {
		name       string
		p          float64
		only       bool
		confidence float64
		proven     bool
	}{
		{"probable", .995, false, .995, false},
		{"very probable", .9999, false, graph.SureProven, false},
		{"almost proven", 1 - Proof, false, graph.SureProven, false},
		{"proven", 1 - Proof/2, false, graph.SureProven, true},
		{"by order", .3, true, ordersAgree, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(10, 10, with(guess{0, 1, tt.p, plainShift, anyDelay})...)
			k := &tier{a: a, link: exchangeLink, only: map[int32]bool{0: tt.only}, rate: ordersAgree}
			l := k.certain(0)
			if l.Confidence != tt.confidence || l.Proven != tt.proven || l.Ambiguous || l.Down != a.down[0].ex || l.Up != a.up[1].ex || l.From != l.Down.Leg || l.To != l.Up.Leg {
				t.Errorf("%+v, want confidence %v, proven %v", l, tt.confidence, tt.proven)
			}
		})
	}
}

// Order decides what probabilities leave open, if nothing is missing; it takes nothing
// that is tied, or impossible.
func TestLineUp(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(a *algebra, k *tier)
		want []int32
	}{
		{"in order", func(*algebra, *tier) {}, []int32{0, 1, 2, 3}},
		{"not asked", func(_ *algebra, k *tier) { k.ordered = false }, []int32{-1, -1, -1, -1}},
		{"packets are missing", func(a *algebra, _ *tier) { a.holes = true }, []int32{-1, -1, -1, -1}},
		{"an exchange is missing", func(a *algebra, _ *tier) {
			a.down = a.down[:len(a.down)-1]
			a.pairing.Edges = slices.DeleteFunc(a.pairing.Edges, func(e assign.Edge) bool { return int(e.D) == len(a.down) })
		}, []int32{-1, -1, -1, -1}},
		{"one is impossible", func(a *algebra, _ *tier) { a.pairing.Edges[1].P = 0 }, []int32{0, -1, 2, 3}},
		{"one is tied by lengths", func(a *algebra, _ *tier) {
			a.add(2, 3)
			a.pairing.Edges[2].P, a.pairing.Edges[3].P, a.pairing.Edges[len(a.pairing.Edges)-1].P = 0, 0, 1
			a.facts[len(a.facts)-1].shift = plainShift
		}, []int32{0, 1, 3, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var gs []guess
			for i := range int32(40) {
				gs = append(gs, guess{i, i, .3, plainShift, anyDelay})
			}
			for i := range int32(40) { // or another one before or after
				gs = append(gs, guess{i, (i + 1) % 40, .2, plainShift, anyDelay}, guess{i, (i + 39) % 40, .2, plainShift, anyDelay})
			}
			a := guessed(40, 40, gs...)
			for i := range a.down {
				d, u, at := &a.down[i], &a.up[i], int64(i)*2*us
				d.reqAt, d.respAt, u.reqAt, u.respAt = at, at+901*us, at+100*us, at+800*us
			}
			k := &tier{a: a, link: exchangeLink, least: Believed, ordered: true}
			tt.make(a, k)
			links := k.links()
			if got := k.sureOf(); !slices.Equal(got, tt.want) {
				t.Errorf("certain are %v, want %v", got, tt.want)
			}
			if got := links[0].Confidence > .95; got != (tt.want[0] == 0) {
				t.Errorf("the first link has confidence %v", links[0].Confidence)
			}
			if tt.want[0] < 0 && !links[0].Ambiguous {
				t.Errorf("the first link is certain: %+v", links[0])
			}
		})
	}
}

// Evidence says by how much messages differ, like how many others, and how long they
// took.
func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shift [2]int64
		delay [2]int64
		down  scan.Sizes
		want  string
	}{
		{"both known", plainShift, [2]int64{1234567, 500}, scan.Sizes{100},
			"request 100 bytes, -40 behind the proxy like 6 others, 1.235 ms, response 200 bytes, -50 behind the proxy like 6 others, 0.001 ms"},
		{"longer behind the proxy", [2]int64{-3, 50}, [2]int64{noTime, 2000000}, scan.Sizes{100},
			"request 100 bytes, +3 behind the proxy, response 200 bytes, -50 behind the proxy like 6 others, 2.000 ms"},
		{"nothing known", noShift, anyDelay, scan.Sizes{100}, "request of unknown length, response of unknown length"},
		{"the length in doubt", plainShift, anyDelay, nil, "request -40 bytes behind the proxy like 6 others, response 200 bytes, -50 behind the proxy like 6 others"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := guessed(10, 10, with(guess{0, 1, 1, tt.shift, tt.delay})...)
			a.down[0].req = tt.down
			e := a.explain(a.strand(0))
			if e.Kind != flow.TurnAlgebra || e.Detail != tt.want || len(e.Packets) != 2 {
				t.Errorf("%v: %s\nwant %s", e.Kind, e.Detail, tt.want)
			}
		})
	}
}

// What turns tied are exchanges of their legs like others.
func TestRevealHidden(t *testing.T) {
	c := crossing.New(nil, nil, nil)
	legs := []*graph.Leg{clientLeg(0), clientLeg(1), proxyLeg(0), proxyLeg(1)}
	for i, l := range legs {
		l.Hidden = []graph.Exchange{{Leg: l}}
		if i%2 == 0 {
			l.Hidden[0].Outline = new(graph.Outline)
		}
	}
	c.Add(&graph.Link{From: legs[0], To: legs[3], Down: &legs[0].Hidden[0], Up: &legs[3].Hidden[0]})
	c.Add(&graph.Link{From: legs[1], To: legs[2], Up: &legs[2].Hidden[0]})
	RevealHidden(c)
	var got []int
	for _, l := range legs {
		got = append(got, len(l.Exchanges))
	}
	if want := "[1 0 1 0]"; fmt.Sprint(got) != want {
		t.Errorf("legs have %v exchanges, want %s", got, want)
	}
}

// Legs of which a log tells exchanges stay as they are.
func TestUnlogged(t *testing.T) {
	legs := []*graph.Leg{clientLeg(0), clientLeg(1), clientLeg(2)}
	for _, l := range legs[:2] {
		l.Hidden = make([]graph.Exchange, 2)
	}
	set(&legs[1].Hidden[1].Log)
	if got := unlogged(legs); len(got) != 2 || got[0] != legs[0] || got[1] != legs[2] || legs[1] == nil {
		t.Errorf("%d legs are left, want the first and the last", len(got))
	}
}

// Exchanges that cannot be read are tied by their lengths, whatever connections they
// share.
func TestJoinTurns(t *testing.T) {
	for _, tt := range []struct {
		name string
		tls  pcap.TLSConfig
	}{
		{"OpenSSL", pcap.TLSConfig{}},
		{"BoringSSL", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true}},
		{"TLS 1.2", pcap.TLSConfig{Version: 0x0303}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPod(2)
			truth := talk(p, 4, 12, tt.tls)
			c := p.crossing(t, false)
			JoinTurns(c)
			want := make(map[[2]int][2]int)
			for _, k := range truth {
				want[[2]int{k.client, k.clientNo}] = [2]int{k.up, k.upNo}
			}
			sure := 0
			for _, l := range c.Links {
				if l.Ambiguous {
					continue
				}
				sure++
				if got := of(l.Up); got != want[of(l.Down)] || !c.Taken[l.Down] || !c.Taken[l.Up] {
					t.Errorf("exchange %v is tied to %v, want %v", of(l.Down), got, want[of(l.Down)])
				}
			}
			if sure < len(truth)-1 {
				t.Errorf("%d of %d are tied", sure, len(truth))
			}
		})
	}
}

// Where a log tells which leg served an exchange, turn algebra learns from it and tells
// which exchange it was; it ties nothing that contradicts the log.
func TestJoinTurnsWithLog(t *testing.T) {
	p := newPod(3)
	truth := talk(p, 4, 6, pcap.TLSConfig{})
	c := p.crossing(t, false)
	turn.Outline(c, c.Down)
	byLog := &graph.Link{From: c.Down[truth[5].client], To: c.Up[truth[5].up], Down: nil, Attempt: 1, Confidence: 1}
	for _, e := range graph.ExchangesOf(c.Up) {
		if of(e) == [2]int{truth[5].up, truth[5].upNo} {
			byLog.Up = e
		}
	}
	c.Add(byLog)
	c.ByLog[byLog.Up] = byLog
	JoinTurns(c)
	if byLog.Down == nil || of(byLog.Down) != [2]int{truth[5].client, truth[5].clientNo} || len(byLog.Evidence) != 1 || !c.Taken[byLog.Down] {
		t.Errorf("the log's exchange is tied to %+v, want %v", byLog.Down, truth[5])
	}
	for _, l := range c.Links[1:] {
		if l.Up == byLog.Up || l.Down == byLog.Down {
			t.Errorf("%v is tied twice", of(byLog.Up))
		}
	}
	if len(c.Links) != len(truth) {
		t.Errorf("%d links, want %d", len(c.Links), len(truth))
	}
}

// Where nothing is hidden there is nothing to compare.
func TestJoinTurnsOfNothing(t *testing.T) {
	p := newPod(4)
	talk(p, 1, 2, pcap.TLSConfig{})
	c := p.crossing(t, false)
	c.Down = nil
	if JoinTurns(c); len(c.Links) != 0 {
		t.Errorf("%d links", len(c.Links))
	}
}

// An exchange whose bodies stream both ways is several turns; one on the other side of
// the proxy tells.
func TestJoinTurnsOfStreams(t *testing.T) {
	p := newPod(5)
	truth := talk(p, 3, 8, pcap.TLSConfig{})
	req, resp := request("/stream", 900), response(2000)
	p.clients[0].Send(len(req) + 200 - 300)
	p.pause(50 * time.Microsecond)
	p.ups[1].Send(req[:len(req)-300])
	p.pause(100 * time.Microsecond)
	p.ups[1].Reply(resp[:1000])
	p.pause(50 * time.Microsecond)
	p.clients[0].Reply(1000 + 90)
	p.pause(50 * time.Microsecond)
	p.clients[0].Send(300)
	p.pause(50 * time.Microsecond)
	p.ups[1].Send(req[len(req)-300:])
	p.pause(100 * time.Microsecond)
	p.ups[1].Reply(resp[1000:])
	p.pause(50 * time.Microsecond)
	p.clients[0].Reply(len(resp) - 1000)
	c := p.crossing(t, false)
	JoinTurns(c)
	l := c.Links[slices.IndexFunc(c.Links, func(l *graph.Link) bool { return of(l.Up) == [2]int{1, 8} })]
	if l.Ambiguous || of(l.Down) != [2]int{0, 8} || l.Down.Outline.Req[0] != int64(len(req)+200) || l.Down.Outline.Resp[0] != int64(len(resp)+90) {
		t.Errorf("%v is tied to %v, of %v and %v bytes", of(l.Up), of(l.Down), l.Down.Outline.Req, l.Down.Outline.Resp)
	}
	if len(c.Links) != len(truth)+1 {
		t.Errorf("%d links, want %d", len(c.Links), len(truth)+1)
	}
}
