package tries

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// A connection that was refused was an attempt for the only exchange that was waiting.
func TestJoinRefused(t *testing.T) {
	refuse := func(tr *pcap.Trace, i int) {
		u := onLo(tr, i)
		u.SYN()
		u.Refuse()
	}
	failed := func(tr *pcap.Trace, i int) {
		d := onEth0(tr, i)
		d.SendAt(int64(len(get)), "")
		d.Reply(unavailable)
	}
	for _, tt := range []struct {
		name string
		make func(tr *pcap.Trace)
		than func(c *crossing.Crossing)
		want []string
	}{
		{"and then it failed", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			d.Send(get)
			refuse(tr, 0)
			d.Reply(unavailable)
		}, nil, []string{"0.0>0"}},
		{"and it went well in another way", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			d.Send(get)
			refuse(tr, 0)
			d.Reply(ok)
		}, nil, nil},
		{"and something was open that cannot be read", func(tr *pcap.Trace) {
			d, sealed := onEth0(tr, 0), onEth0(tr, 1)
			d.Handshake()
			s := sealed.TLS(pcap.TLSConfig{})
			s.Send(40)
			d.Send(get)
			refuse(tr, 0)
			d.Reply(unavailable)
			s.Reply(40)
		}, nil, nil},
		{"and what cannot be read was over", func(tr *pcap.Trace) {
			d, sealed := onEth0(tr, 0), onEth0(tr, 1)
			d.Handshake()
			s := sealed.TLS(pcap.TLSConfig{})
			s.Send(40)
			s.Reply(40)
			s.Close()
			tr.Wait(1e6)
			d.Send(get)
			refuse(tr, 0)
			d.Reply(unavailable)
		}, nil, []string{"0.0>0"}},
		{"and another asks, whose answer the capture does not show", func(tr *pcap.Trace) {
			for i := range 2 {
				d := onEth0(tr, i)
				d.Handshake()
				d.Send(get)
			}
			refuse(tr, 0)
			failed(tr, 1)
		}, nil, nil},
		{"and another asked before the capture began", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			d.Send(get)
			refuse(tr, 0)
			failed(tr, 0)
			onEth0(tr, 1).Reply(unavailable)
		}, nil, nil},
		{"and another waits that went well, by what is not known", func(tr *pcap.Trace) {
			for i := range 2 {
				d := onEth0(tr, i)
				d.Handshake()
				d.Send(get)
			}
			refuse(tr, 0)
			failed(tr, 0)
			tr.Wait(1e6)
			d := onEth0(tr, 1)
			d.SendAt(int64(len(get)), "")
			d.Reply(ok)
		}, nil, nil},
		{"and another waits, of which an attempt failed", func(tr *pcap.Trace) {
			for i := range 2 {
				d := onEth0(tr, i)
				d.Handshake()
				d.Send(get)
			}
			u := onLo(tr, 1)
			u.Handshake()
			u.Send(get)
			u.Reply(unavailable)
			refuse(tr, 0)
			failed(tr, 0)
			failed(tr, 1)
		}, func(c *crossing.Crossing) {
			c.Add(&graph.Link{From: c.Down[1], To: c.Up[0], Down: &c.Down[1].Exchanges[0], Up: &c.Up[0].Exchanges[0]})
		}, []string{"1.0>1.0"}},
		{"and a connection waits that says nothing", func(tr *pcap.Trace) {
			d, other := onEth0(tr, 0), onEth0(tr, 1)
			d.Handshake()
			other.Handshake()
			d.Send(get)
			refuse(tr, 0)
			failed(tr, 0)
		}, func(c *crossing.Crossing) { c.Down[1].Orig.Dst = netip.MustParseAddrPort("10.0.0.1:9") }, nil},
		{"and a connection says nothing where others ask", func(tr *pcap.Trace) {
			d, other := onEth0(tr, 0), onEth0(tr, 1)
			d.Handshake()
			other.Handshake()
			d.Send(get)
			refuse(tr, 0)
			failed(tr, 0)
		}, nil, []string{"0.0>0"}},
		{"two that failed", func(tr *pcap.Trace) {
			for i := range 2 {
				d := onEth0(tr, i)
				d.Handshake()
				d.Send(get)
			}
			refuse(tr, 0)
			tr.Wait(1e6)
			for i := range 2 {
				d := onEth0(tr, i)
				d.SendAt(int64(len(get)), "")
				d.Reply(unavailable)
			}
		}, nil, nil},
		{"not all captured", func(tr *pcap.Trace) {
			d, other := onEth0(tr, 0), onEth0(tr, 1)
			d.Handshake()
			other.Handshake()
			d.Send(get)
			refuse(tr, 0)
			d.Reply(unavailable)
			other.SendAt(30, get) // what it said before is missing
		}, nil, nil},
		{"that is tied", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			d.Send(get)
			refuse(tr, 0)
			d.Reply(unavailable)
		}, func(c *crossing.Crossing) { c.Busy[c.Up[0]] = true }, nil},
		{"before it was asked", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			refuse(tr, 0)
			tr.Wait(1e6)
			d.Send(get)
			d.Reply(unavailable)
		}, nil, nil},
		{"and then served", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			d.Send(get)
			refuse(tr, 0)
			u := onLo(tr, 1)
			u.Handshake()
			u.Send(get)
			u.Reply(ok)
			d.Reply(ok)
		}, func(c *crossing.Crossing) {
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[1], Down: &c.Down[0].Exchanges[0], Up: &c.Up[1].Exchanges[0]})
		}, []string{"0.0>1.0", "0.0>0"}},
		{"after it was served", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			d.Send(get)
			u := onLo(tr, 1)
			u.Handshake()
			u.Send(get)
			u.Reply(ok)
			refuse(tr, 0)
			d.Reply(ok)
		}, func(c *crossing.Crossing) {
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[0], Down: &c.Down[0].Exchanges[0], Up: &c.Up[0].Exchanges[0]})
		}, []string{"0.0>1.0"}},
		{"one of two, whose first attempt is tied", func(tr *pcap.Trace) {
			for i := range 2 {
				d := onEth0(tr, i)
				d.Handshake()
				d.Send(get)
			}
			refuse(tr, 0)
			refuse(tr, 1)
			tr.Wait(1e6)
			for i := range 2 {
				d := onEth0(tr, i)
				d.SendAt(int64(len(get)), "")
				d.Reply(unavailable)
			}
		}, func(c *crossing.Crossing) {
			c.Add(&graph.Link{From: c.Down[0], To: c.Up[0], Down: &c.Down[0].Exchanges[0], Attempt: 1})
		}, []string{"0.0>0"}},
		{"accepted, and not used", func(tr *pcap.Trace) {
			d := onEth0(tr, 0)
			d.Handshake()
			d.Send(get)
			u := onLo(tr, 0)
			u.Handshake()
			u.Close()
			d.Reply(unavailable)
		}, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.make(tr)
			c := crossed(t, tr)
			if tt.than != nil {
				tt.than(c)
			}
			n := len(c.Links)
			JoinRefused(c)
			if got := links(c.Links); !slices.Equal(got, tt.want) {
				t.Fatalf("links %v, want %v", got, tt.want)
			}
			for _, l := range c.Links[n:] {
				if e := l.Evidence[0]; l.Confidence != graph.SureByTime || e.Kind != flow.OnlyCandidate || len(e.Packets) != 2 {
					t.Errorf("link %+v", l)
				}
			}
			if n > 0 && len(c.Links) > n && (c.Links[0].Attempt != 2 || c.Links[1].Attempt != 1) {
				t.Errorf("attempts %d and %d, want 2 and 1", c.Links[0].Attempt, c.Links[1].Attempt)
			}
		})
	}
}

// What served an exchange is the last that surely did.
func TestServed(t *testing.T) {
	d, u, v, w := exchange(clientLeg(0), 0, 9*us), exchange(proxyLeg(0), 3*us, 9*us), exchange(proxyLeg(1), 5*us, 9*us), exchange(proxyLeg(2), 7*us, 9*us)
	c := crossing.New(nil, nil, nil)
	c.Links = []*graph.Link{{Down: d.Exchange, Up: v.Exchange}, {Down: d.Exchange, Up: u.Exchange}, {Down: d.Exchange, Up: w.Exchange, Ambiguous: true}, {From: d.Leg, Up: w.Exchange}}
	if got := served(c); len(got) != 1 || got[d.Exchange] != 5*us {
		t.Errorf("served at %v, want 5 µs", got)
	}
}

// A plan is what happens at times, in milliseconds.
type plan struct {
	tr   *pcap.Trace
	todo []event
	dead int
}

type event struct {
	at float64
	do func()
}

func (p *plan) at(at float64, do func()) { p.todo = append(p.todo, event{at, do}) }

// call has client i ask, the proxy dial in vain, and answer 300 µs after the last time; 0 =
// never.
func (p *plan) call(i int, asked float64, dialled ...float64) {
	d := onEth0(p.tr, i).Step(0)
	p.at(asked-.2, d.Handshake)
	p.at(asked, func() { d.Send(get) })
	for k, at := range dialled {
		if at == 0 {
			continue
		}
		u := onLo(p.tr, p.dead).Step(0)
		p.dead++
		p.at(at, func() {
			u.SYN()
			u.Refuse()
		})
		if k == len(dialled)-1 {
			p.at(at+.3, func() { d.Reply(unavailable) })
		}
	}
}

func (p *plan) play() {
	slices.SortStableFunc(p.todo, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	now := 0.0
	for _, e := range p.todo {
		p.tr.Wait(time.Duration((e.at - now) * 1e6))
		now = e.at
		e.do()
	}
}

// The first attempt comes when an exchange is asked and the last before it is answered,
// within what that is seen to take; the others, if each is tried as often, where there is
// no other way.
func TestEndsOfRefused(t *testing.T) {
	four := func(p *plan) { // connections are numbered by client: 0 to 2, 3 to 5, ...
		p.call(0, 1, 1.3, 7, 20)
		p.call(1, 3, 3.3, 8, 22)
		p.call(2, 5, 5.3, 10, 24)
		p.call(3, 6, 6.3, 12, 26)
	}
	for _, tt := range []struct {
		name string
		make func(p *plan)
		want []string
	}{
		{"four at once", four, []string{"0.0>0", "0.0>2", "1.0>3", "1.0>5", "2.0>6", "2.0>8", "3.0>11", "3.0>9"}},
		{"three at once", func(p *plan) {
			p.call(0, 1, 1.3, 7, 20)
			p.call(1, 3, 3.3, 8, 22)
			p.call(2, 5, 5.3, 10, 24)
		}, []string{"0.0>0", "2.0>8"}}, // while nothing else waited
		{"each three times", func(p *plan) {
			p.call(0, 1, 1.3, 5, 10)
			p.call(1, 3, 3.3, 14, 18) // its second is the only one that waits then, so that 5 is not its own
			p.call(2, 31, 31.3, 35, 40)
			p.call(3, 33, 33.3, 44, 48)
		}, []string{"0.0>0", "0.0>1", "0.0>2", "1.0>3", "1.0>4", "1.0>5", "2.0>6", "2.0>7", "2.0>8", "3.0>10", "3.0>11", "3.0>9"}},
		{"one twice", func(p *plan) {
			p.call(0, 1, 1.3, 10)
			p.call(1, 3, 3.3, 5, 18)
			p.call(2, 31, 31.3, 35, 40)
			p.call(3, 33, 33.3, 44, 48)
		}, []string{"0.0>0", "0.0>1", "1.0>2", "1.0>4", "2.0>5", "2.0>7", "3.0>10", "3.0>8", "3.0>9"}},
		{"two answered at once", func(p *plan) {
			four(p)
			p.call(4, 6.1, 6.4, 14, 24.01)
		}, []string{"0.0>0", "0.0>2", "1.0>3", "1.0>5", "2.0>6", "3.0>11"}},
		{"another asked at once, that is not answered", func(p *plan) {
			four(p)
			p.call(4, 5.02, 0)
		}, []string{"0.0>0", "0.0>2", "1.0>3", "1.0>5", "2.0>8", "3.0>11", "3.0>9"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := &plan{tr: new(pcap.Trace)}
			tt.make(p)
			p.at(0, onLo(p.tr, 90).Step(0).Handshake) // lo is watched all the time
			p.at(60, onLo(p.tr, 91).Step(0).Handshake)
			p.play()
			c := crossed(t, p.tr)
			JoinRefused(c)
			got := links(c.Links)
			slices.Sort(got)
			if !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
		})
	}
}
