package crossing

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

const (
	get = "GET /a HTTP/1.1\r\nhost: app\r\n\r\n"
	ok  = "HTTP/1.1 204 No Content\r\n\r\n"
)

// sealed adds n clients that speak TLS, and as many connections to the application.
func sealed(tr *pcap.Trace, n int) (downs []*pcap.TLSConnection, ups []*pcap.Connection) {
	for i := range n {
		c := onEth0(tr, i)
		c.Handshake()
		downs = append(downs, c.TLS(pcap.TLSConfig{Tickets: []int{}}))
	}
	for i := range n {
		ups = append(ups, onLo(tr, i))
		ups[i].Handshake()
	}
	return downs, ups
}

// An exchange behind a proxy whose client cannot be read belongs to the only one that
// was busy around it; of several all are guesses.
func TestJoinUnreadDown(t *testing.T) {
	one := func(d *pcap.TLSConnection, u *pcap.Connection) {
		d.Send(300)
		u.Send(get)
		u.Reply(ok)
		d.Reply(200)
	}
	for _, tt := range []struct {
		name string
		make func(tr *pcap.Trace)
		than func(c *Crossing)
		want []string
	}{
		{"one client", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
		}, nil, []string{"0>0.0"}},
		{"one client, two exchanges", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
			one(d[0], u[0])
		}, nil, []string{"0>0.0", "0>0.1"}},
		{"two clients", func(tr *pcap.Trace) {
			d, u := sealed(tr, 2)
			d[1].Send(300)
			one(d[0], u[0])
			d[1].Reply(300)
		}, nil, []string{"?0>0", "?1>0"}},
		{"one after the other", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
			d[0].Close()
			tr.Wait(1e9)
			c := onEth0(tr, 1)
			c.Handshake()
			s := c.TLS(pcap.TLSConfig{Tickets: []int{}})
			one(s, u[0])
		}, nil, []string{"0>0.0", "1>0.1"}},
		{"not all captured", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
		}, func(c *Crossing) { c.Trust.lives = []scan.Span{{From: int64(c.Up[0].Start), To: int64(c.Up[0].End)}} }, []string{"?0>0"}},
		{"that a log gives to another", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
		}, func(c *Crossing) { c.Orphans[&c.Up[0].Exchanges[0]] = true }, nil},
		{"whose client has another by a log", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
		}, func(c *Crossing) { c.Orphaned[c.Down[0]] = true }, nil},
		{"on a connection that began earlier", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
		}, func(c *Crossing) { c.Up[0].Midstream = true }, []string{"?0>0"}},
		{"that is tied", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			one(d[0], u[0])
		}, func(c *Crossing) { c.Taken[&c.Up[0].Exchanges[0]] = true }, nil},
		{"that nobody asked for", func(tr *pcap.Trace) {
			d, u := sealed(tr, 1)
			d[0].Close()
			tr.Wait(1e9)
			u[0].Send(get)
			u[0].Reply(ok)
		}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.make(tr)
			c := crossed(t, tr)
			if tt.than != nil {
				tt.than(c)
			}
			c.JoinUnread()
			if got := told(c.Links); !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
			for _, l := range c.Links {
				checkByTime(t, l)
			}
		})
	}
}

// checkByTime checks what links by time alone have in common.
func checkByTime(t *testing.T, l *graph.Link) {
	t.Helper()
	confidence, detail := graph.SureByTime, "no other connection was open and busy at the time"
	if l.Ambiguous {
		confidence, detail = 1/float64(max(len(l.Rivals)+1, 2)), "open and busy at the time"
	}
	if e := l.Evidence[0]; l.Confidence != confidence || l.Attempt != 1 || e.Kind != flow.OnlyCandidate || e.Detail != detail || len(e.Packets) != 2 {
		t.Errorf("link %+v, want confidence %v: %s", l, confidence, detail)
	}
}

// Legs to servers that cannot be read belong to the only client that can have used
// them; where an exchange may have gone over several, all are guesses.
func TestJoinUnreadUp(t *testing.T) {
	type ends struct {
		downs []*pcap.Connection
		ups   []*pcap.TLSConnection
	}
	open := func(tr *pcap.Trace, clients, servers int) (e ends) {
		for i := range clients {
			c := onEth0(tr, i)
			c.Handshake()
			e.downs = append(e.downs, c)
		}
		for i := range servers {
			c := onLo(tr, i)
			c.Handshake()
			e.ups = append(e.ups, c.TLS(pcap.TLSConfig{Tickets: []int{}}))
		}
		return e
	}
	one := func(tr *pcap.Trace, d *pcap.Connection, u *pcap.TLSConnection) {
		tr.Wait(1e6)
		d.Send(get)
		u.Send(300)
		u.Reply(200)
		d.Reply(ok)
	}
	for _, tt := range []struct {
		name string
		make func(tr *pcap.Trace)
		than func(c *Crossing)
		want []string
	}{
		{"one client", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) }, nil, []string{"0>0"}},
		{"two clients", func(tr *pcap.Trace) {
			e := open(tr, 2, 1)
			one(tr, e.downs[0], e.ups[0])
			one(tr, e.downs[1], e.ups[0])
		}, nil, []string{"0>0", "1>0"}},
		{"two servers", func(tr *pcap.Trace) {
			e := open(tr, 1, 2)
			e.ups[1].Send(10)
			one(tr, e.downs[0], e.ups[0])
			e.ups[1].Send(10)
		}, nil, []string{"?0>0|1"}},
		{"two servers, one after the other", func(tr *pcap.Trace) {
			e := open(tr, 2, 1)
			one(tr, e.downs[0], e.ups[0])
			e.ups[0].Close()
			tr.Wait(1e6)
			c := onLo(tr, 1)
			c.Handshake()
			one(tr, e.downs[1], c.TLS(pcap.TLSConfig{Tickets: []int{}}))
		}, nil, []string{"0>0", "1>1"}},
		{"two servers, either of which the first exchange may have used", func(tr *pcap.Trace) {
			e := open(tr, 2, 2)
			one(tr, e.downs[0], e.ups[0])
			e.ups[0].Close()
			one(tr, e.downs[1], e.ups[1])
			e.ups[1].Close()
		}, nil, []string{"?0>0|1", "?1>1"}},
		{"not all captured", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) },
			func(c *Crossing) { c.Trust.lives = []scan.Span{{From: int64(c.Up[0].Start), To: int64(c.Up[0].End)}} }, []string{"?0>0"}},
		{"on a connection that began earlier", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) },
			func(c *Crossing) { c.Up[0].Midstream = true }, []string{"?0>0"}},
		{"on one that is tied", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) },
			func(c *Crossing) { c.Busy[c.Up[0]] = true }, []string{"?0>0"}},
		{"on one that is tied to it", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) },
			func(c *Crossing) { c.Add(&graph.Link{From: c.Down[0], To: c.Up[0], Evidence: []flow.Evidence{{}}}) }, []string{"0>0"}},
		{"on one to which a log ties another", func(tr *pcap.Trace) {
			e := open(tr, 2, 1)
			one(tr, e.downs[0], e.ups[0])
			one(tr, e.downs[1], e.ups[0])
		}, func(c *Crossing) {
			x := &c.Down[0].Exchanges[0]
			c.Taken[x], c.ByLog[x] = true, &graph.Link{From: c.Down[0], To: c.Up[0], Down: x}
		}, nil},
		{"on one of HTTP/2 to which a log ties another", func(tr *pcap.Trace) {
			e := open(tr, 2, 1)
			one(tr, e.downs[0], e.ups[0])
			one(tr, e.downs[1], e.ups[0])
		}, func(c *Crossing) {
			x := &c.Down[0].Exchanges[0]
			c.Taken[x], c.ByLog[x] = true, &graph.Link{From: c.Down[0], To: c.Up[0], Down: x}
			c.Up[0].TLS.ALPN, c.Busy[c.Up[0]] = []string{"h2"}, true
		}, []string{"?1>0"}},
		{"that a log gives to another", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) },
			func(c *Crossing) { c.Orphans[&c.Down[0].Exchanges[0]] = true }, nil},
		{"on one that a log gives to another", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) },
			func(c *Crossing) { c.Orphaned[c.Up[0]] = true }, nil},
		{"that is tied", func(tr *pcap.Trace) { e := open(tr, 1, 1); one(tr, e.downs[0], e.ups[0]) },
			func(c *Crossing) { c.Taken[&c.Down[0].Exchanges[0]] = true }, nil},
		{"that can be read", func(tr *pcap.Trace) { opened(tr, 1)[0].carry(get, ok) }, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.make(tr)
			c := crossed(t, tr)
			if tt.than != nil {
				tt.than(c)
			}
			before := len(c.Links)
			c.joinToUnreadUp()
			if got := told(c.Links); !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
			for _, l := range c.Links[before:] {
				checkByTime(t, l)
			}
		})
	}
}

// A leg was busy around an exchange, or within one, by its first and last bytes.
func TestBusy(t *testing.T) {
	const c = index.Causality
	tr := new(pcap.Trace)
	fs := opened(tr, 1)
	fs[0].carry(get, ok)
	x := crossed(t, tr)
	d, u := x.Down[0], exchange(proxyLeg(0), 1000*us, 2000*us)
	orig, answer := x.Index.Content(d.Conn.Orig), x.Index.Content(d.Conn.Reply)
	was := [2]scan.Content{*orig, *answer}
	half := x.Index.Half(d.Conn.Orig)
	reset := func(at int64) { half.RST, half.EndTime = true, capture.Time(at) }
	between := func(first, last, back, end int64) func() {
		return func() {
			orig.Open, answer.Open = false, false
			moveContent(orig, first, last)
			moveContent(answer, back, end)
		}
	}
	for _, tt := range []struct {
		name           string
		make           func()
		answered       bool
		around, within bool
	}{
		{"from before to after it", between(500*us, 2500*us, 700*us, 3000*us), true, true, true},
		{"begun as late as may be", between(1000*us+c, 2500*us, 700*us, 3000*us), true, true, true},
		{"begun too late", between(1000*us+c+1, 2500*us, 700*us, 3000*us), true, false, true},
		{"over as early as may be", between(500*us, 2500*us, 700*us, 2000*us-c), true, true, true},
		{"over too early", between(500*us, 2500*us, 700*us, 2000*us-c-1), true, false, true},
		{"over too early, but it goes on", func() { between(500*us, 2500*us, 700*us, 1000*us)(); answer.Open = true }, true, true, true},
		{"over too early, and reset", func() {
			between(500*us, 2500*us, 700*us, 1000*us)()
			answer.Open = true
			reset(2000*us - c - 1)
		}, true, false, true},
		{"reset as early as may be", func() {
			between(500*us, 2500*us, 700*us, 1000*us)()
			answer.Open = true
			reset(2000*us - c)
		}, true, true, true},
		{"over too early, of what is not answered", between(500*us, 2500*us, 700*us, 1000*us), false, true, true},
		{"said its last as early as may be", between(500*us, 1000*us-c, 700*us, 3000*us), true, true, true},
		{"said its last too early", between(500*us, 1000*us-c-1, 700*us, 3000*us), true, true, false},
		{"said its first as late as may be", between(1900*us+c, 2500*us, 700*us, 3000*us), true, false, true},
		{"said its first too late", between(1900*us+c+1, 2500*us, 700*us, 3000*us), true, false, false},
		{"said its first late, of what is not answered", between(9000*us, 9500*us, 700*us, 3000*us), false, false, true},
		{"said nothing", func() { orig.Proto = scan.ProtoNone }, true, false, false},
		{"heard nothing", func() { between(500*us, 2500*us, 0, 0)(); answer.Proto = scan.ProtoNone }, true, false, true},
		{"heard nothing, of what is not answered", func() { between(500*us, 2500*us, 0, 0)(); answer.Proto = scan.ProtoNone }, false, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			*orig, *answer = was[0], was[1]
			half.RST = false
			tt.make()
			e := *u.Exchange
			if !tt.answered {
				e.Resp = nil
			}
			if got := x.busyAround(d, &e); got != tt.around {
				t.Errorf("busy around it: %v, want %v", got, tt.around)
			}
			if got := x.busyWithin(d, &e); got != tt.within {
				t.Errorf("busy within it: %v, want %v", got, tt.within)
			}
		})
	}
}

// moveContent sets when the first and the last byte of a half went by.
func moveContent(k *scan.Content, first, last int64) { k.Data.Nanos, k.LastNanos = first, last }

// Unreadable are legs of TLS that carried something, whose exchanges, if there are any,
// are hidden.
func TestUnreadable(t *testing.T) {
	make := func(p flow.Protocol, bytes int64, es ...graph.Exchange) *graph.Leg {
		l := clientLeg(0)
		l.Protocol, l.OrigBytes, l.Exchanges = p, bytes, es
		return l
	}
	hidden, read := graph.Exchange{Outline: new(graph.Outline)}, graph.Exchange{}
	for _, tt := range []struct {
		name string
		l    *graph.Leg
		want int
	}{
		{"TLS", make(flow.ProtocolTLS, 9), 1}, {"TLS with hidden exchanges", make(flow.ProtocolTLS, 9, hidden, hidden), 1},
		{"TLS that carried nothing", make(flow.ProtocolTLS, 0), 0}, {"with exchanges that were read", make(flow.ProtocolTLS, 9, read), 0},
		{"HTTP", make(flow.ProtocolHTTP1, 9), 0},
	} {
		if got := Unreadable([]*graph.Leg{tt.l}); len(got) != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, len(got), tt.want)
		}
	}
}

// Guesses of a leg are kept once each, the first of them, no more than are named; what
// is tied surely comes after what is not.
func TestGuesses(t *testing.T) {
	g := newGuesses()
	from := []*graph.Leg{clientLeg(0), clientLeg(1)}
	var to []*graph.Leg
	for i := range MaxRivals + 5 {
		to = append(to, proxyLeg(i))
		g.add(from[0], to[i])
		g.add(from[0], to[i])
	}
	g.add(from[1], to[3])
	g.add(from[1], to[2])
	if len(g.may[from[0]]) != MaxRivals+1 || !slices.Equal(g.legs, from) || !slices.Equal(g.may[from[1]], []*graph.Leg{to[3], to[2]}) {
		t.Errorf("%d guesses of the first leg and %d of the second, want %d and 2", len(g.may[from[0]]), len(g.may[from[1]]), MaxRivals+1)
	}
	tr := new(pcap.Trace)
	opened(tr, 3)
	for _, tt := range []struct {
		name string
		sure []int // legs that it is tied to
		want string
	}{
		{"none tied", nil, "[?0>0|1|2]"},
		{"the first tied", []int{0}, "[?0>1|0|2]"},
		{"two tied", []int{0, 1}, "[?0>2|1|0]"},
		{"all tied", []int{0, 1, 2}, "[]"},
	} {
		c := crossed(t, tr)
		g := newGuesses()
		for _, u := range c.Up {
			g.add(c.Down[0], u)
		}
		for _, i := range tt.sure {
			c.Links = append(c.Links, &graph.Link{From: c.Down[0], To: c.Up[i]}, &graph.Link{From: c.Down[1], To: c.Up[2]}, &graph.Link{From: c.Down[0], To: c.Up[2], Ambiguous: true})
		}
		n := len(c.Links)
		c.addGuesses(g)
		if got := fmt.Sprint(told(c.Links[n:])); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
		for _, l := range c.Links[n:] {
			checkByTime(t, l)
		}
		if len(c.Busy) > 0 {
			t.Errorf("%s: guesses take legs", tt.name)
		}
	}
}
