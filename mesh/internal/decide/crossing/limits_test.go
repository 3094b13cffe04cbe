package crossing

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// Turn algebra's word completes what a log says, where both name the same legs and
// exchange, and nothing else has it.
func TestRefine(t *testing.T) {
	d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
	other := exchange(clientLeg(1), 0, 100*us)
	for _, tt := range []struct {
		name string
		log  *graph.Link // what the log ties
		by   *graph.Exchange
		make func(c *Crossing, l *graph.Link)
		want *graph.Exchange // what is added to it
	}{
		{"a client's exchange", &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange}, u.Exchange, nil, d.Exchange},
		{"a server's", &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange}, d.Exchange, nil, u.Exchange},
		{"ambiguous", &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange}, u.Exchange, func(_ *Crossing, l *graph.Link) { l.Ambiguous = true }, nil},
		{"of another client", &graph.Link{From: other.Leg, To: u.Leg, Up: u.Exchange}, u.Exchange, nil, nil},
		{"to another leg", &graph.Link{From: d.Leg, To: other.Leg, Down: d.Exchange}, d.Exchange, nil, nil},
		{"whose client's is known", &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange, Down: other.Exchange}, u.Exchange, nil, nil},
		{"whose server's is known", &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange, Up: other.Exchange}, d.Exchange, nil, nil},
		{"that is taken", &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange}, u.Exchange, func(c *Crossing, _ *graph.Link) { c.Taken[d.Exchange] = true }, nil},
		{"a server's that is taken", &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange}, d.Exchange, func(c *Crossing, _ *graph.Link) { c.Taken[u.Exchange] = true }, nil},
		{"not named by a log", &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange}, other.Exchange, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(nil, nil, nil)
			k := *tt.log
			c.ByLog[tt.by] = &k
			l := &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange, Up: u.Exchange, Evidence: []flow.Evidence{{Kind: flow.TurnAlgebra}}}
			if tt.make != nil {
				tt.make(c, l)
			}
			taken := len(c.Taken)
			c.Refine(l)
			added := k.Down
			if tt.log.Down != nil {
				added = k.Up
			}
			if tt.want == nil {
				if k.Down != tt.log.Down || k.Up != tt.log.Up || len(k.Evidence) != 0 || len(c.Taken) != taken {
					t.Errorf("what the log says became %+v", k)
				}
				return
			}
			if added != tt.want || len(k.Evidence) != 1 || !c.Taken[tt.want] || c.ByLog[tt.want] != &k {
				t.Errorf("what the log says became %+v, want %v added", k, tt.want.Leg.Orig)
			}
		})
	}
}

// A log bars what it ties to something else.
func TestBarred(t *testing.T) {
	d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
	e, v := exchange(clientLeg(1), 0, 100*us), exchange(proxyLeg(1), 10*us, 90*us)
	d2, u2 := exchange(d.Leg, 200*us, 300*us), exchange(u.Leg, 210*us, 290*us)
	for _, tt := range []struct {
		name string
		by   *graph.Exchange
		log  *graph.Link
		want bool
	}{
		{"nothing", e.Exchange, &graph.Link{From: e.Leg, To: v.Leg}, false},
		{"the same", d.Exchange, &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange, Up: u.Exchange}, false},
		{"the client's to the leg", d.Exchange, &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange}, false},
		{"the client's to another leg", d.Exchange, &graph.Link{From: d.Leg, To: v.Leg, Down: d.Exchange}, true},
		{"the client's to another exchange", d.Exchange, &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange, Up: u2.Exchange}, true},
		{"the server's from the leg", u.Exchange, &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange}, false},
		{"the server's from the exchange", u.Exchange, &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange, Down: d.Exchange}, false},
		{"the server's from another leg", u.Exchange, &graph.Link{From: e.Leg, To: u.Leg, Up: u.Exchange}, true},
		{"the server's from another exchange", u.Exchange, &graph.Link{From: d.Leg, To: u.Leg, Up: u.Exchange, Down: d2.Exchange}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(nil, nil, nil)
			c.ByLog[tt.by] = tt.log
			if got := c.Barred(d.Exchange, u.Exchange); got != tt.want {
				t.Errorf("barred %v, want %v", got, tt.want)
			}
		})
	}
}

// What a log gives to something that was not captured belongs to nothing else, but for
// attempts before the one that the log names.
func TestOrphans(t *testing.T) {
	at := func(l *graph.Leg, status uint16) *graph.Exchange {
		e := exchange(l, 0, 100*us)
		e.Resp.Status = status
		return e.Exchange
	}
	for _, tt := range []struct {
		name     string
		of       int    // which of the two it is
		attempt  uint16 // the status behind the proxy; the client got 200
		orphaned bool
	}{
		{"nothing", -1, 200, false},
		{"the client's", 0, 200, true},
		{"an earlier attempt of the client's", 0, 503, false},
		{"the server's", 1, 200, true},
		{"an attempt of a client that was not captured", 1, 503, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			es := [2]*graph.Exchange{at(clientLeg(0), 200), at(proxyLeg(0), tt.attempt)}
			c := New(nil, nil, nil)
			if tt.of >= 0 {
				c.Orphans[es[tt.of]] = true
			}
			if got := c.Barred(es[0], es[1]); got != tt.orphaned {
				t.Errorf("barred %v, want %v", got, tt.orphaned)
			}
			if got := c.allowed(es[0], es[1]); got == tt.orphaned {
				t.Errorf("allowed %v, want %v", got, !tt.orphaned)
			}
		})
	}
}

// From what a log ties turn algebra learns, unless one end is a stream of HTTP/2 that
// is not known.
func TestOpenOrTied(t *testing.T) {
	h2 := func(l *graph.Leg) *graph.Leg { l.Protocol = flow.ProtocolHTTP2; return l }
	d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
	for _, tt := range []struct {
		name  string
		taken bool
		log   *graph.Link
		want  bool
	}{
		{"open", false, nil, true},
		{"taken", true, nil, false},
		{"tied by a log", true, &graph.Link{From: d.Leg, To: u.Leg, Down: d.Exchange, Up: u.Exchange}, true},
		{"tied by a log, though open", false, &graph.Link{From: d.Leg, To: h2(proxyLeg(1)), Down: d.Exchange}, true},
		{"to some stream of HTTP/2", true, &graph.Link{From: d.Leg, To: h2(proxyLeg(1)), Down: d.Exchange}, false},
		{"to one that is known", true, &graph.Link{From: d.Leg, To: h2(proxyLeg(1)), Down: d.Exchange, Up: u.Exchange}, true},
		{"from some stream of HTTP/2", true, &graph.Link{From: h2(clientLeg(1)), To: u.Leg, Up: d.Exchange}, false},
		{"from one that is known", true, &graph.Link{From: h2(clientLeg(1)), To: u.Leg, Down: u.Exchange, Up: d.Exchange}, true},
		{"to a leg of turns", true, &graph.Link{From: d.Leg, To: proxyLeg(1), Down: d.Exchange}, true},
		{"from a leg of turns", true, &graph.Link{From: clientLeg(1), To: u.Leg, Up: d.Exchange}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(nil, nil, nil)
			c.Taken[d.Exchange] = tt.taken
			if tt.log != nil {
				c.ByLog[d.Exchange] = tt.log
			}
			if got := len(c.OpenOrTied([]*graph.Exchange{d.Exchange})) == 1; got != tt.want {
				t.Errorf("of account: %v, want %v", got, tt.want)
			}
		})
	}
}

// A log that names several leaves no others, on either side.
func TestAllowed(t *testing.T) {
	d, u := exchange(clientLeg(0), 0, 100*us), exchange(proxyLeg(0), 10*us, 90*us)
	e, v := exchange(clientLeg(1), 0, 100*us), exchange(proxyLeg(1), 10*us, 90*us)
	for _, tt := range []struct {
		name string
		make func(*Crossing)
		want bool
	}{
		{"nothing said", func(*Crossing) {}, true},
		{"of others", func(c *Crossing) { c.LimitUp(v.Exchange, []*graph.Exchange{e.Exchange}) }, true},
		{"the server's to some, and it is one", func(c *Crossing) { c.LimitUp(u.Exchange, []*graph.Exchange{e.Exchange, d.Exchange}) }, true},
		{"the server's to others", func(c *Crossing) { c.LimitUp(u.Exchange, []*graph.Exchange{e.Exchange}) }, false},
		{"the server's to none", func(c *Crossing) { c.LimitUp(u.Exchange, nil) }, false},
		{"the client's to some, and it is one", func(c *Crossing) { c.LimitDown(d.Exchange, []*graph.Exchange{v.Exchange, u.Exchange}) }, true},
		{"the client's to others", func(c *Crossing) { c.LimitDown(d.Exchange, []*graph.Exchange{v.Exchange}) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := New(nil, nil, nil)
			tt.make(c)
			if got := c.allowed(d.Exchange, u.Exchange); got != tt.want {
				t.Errorf("allowed %v, want %v", got, tt.want)
			}
		})
	}
	c := between([]made{d, e}, []made{u, v})
	c.LimitUp(&c.Up[0].Exchanges[0], []*graph.Exchange{&c.Down[1].Exchanges[0]})
	c.JoinExchanges()
	if got, want := told(c.Links), []string{"1.0>0.0", "0.0>1.0"}; !slices.Equal(got, want) {
		t.Errorf("links %v, want %v: the log says so", got, want)
	}
}

// An exchange is shown by its own packet, a leg by its first.
func TestShows(t *testing.T) {
	tr := new(pcap.Trace)
	fs := opened(tr, 2)
	fs[1].carry(get, ok)
	c := crossed(t, tr)
	if got, want := c.Shows(c.Down[1], &c.Down[1].Exchanges[0]).Packet, uint32(13); got != want {
		t.Errorf("the exchange is shown by packet %d, want %d", got, want)
	}
	if got, want := c.Shows(c.Down[1], nil).Packet, uint32(4); got != want {
		t.Errorf("the leg is shown by packet %d, want %d", got, want)
	}
}
