package crossing

import (
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

const (
	talk  = "a long line of which there is no other one, and some more of it"
	reply = "and what is answered to that, which is also long enough to count"
)

// Connections that are carried on byte for byte are tied by contents and times, one to
// one.
func TestJoinStreams(t *testing.T) {
	for _, tt := range []struct {
		name   string
		make   func(tr *pcap.Trace)
		want   []string
		proven bool
	}{
		{"one", func(tr *pcap.Trace) { opened(tr, 1)[0].carry("x", "y") }, []string{"0>0"}, true},
		{"two that say other things", func(tr *pcap.Trace) {
			fs := opened(tr, 2)
			flowed{fs[0].down, fs[1].up}.carry("one", "1")
			flowed{fs[1].down, fs[0].up}.carry("two", "2")
			fs[0].close()
			fs[1].close()
		}, []string{"1>0", "0>1"}, true},
		{"two that say the same, one after the other", func(tr *pcap.Trace) {
			fs := append(opened(tr, 1), flowed{onEth0(tr, 1), onLo(tr, 1)})
			fs[1].down.Handshake()
			fs[1].up.Handshake()
			for _, c := range []*pcap.Connection{fs[0].down, fs[1].down, fs[0].up, fs[1].up} {
				c.Send("same")
			}
			fs[0].close()
			fs[1].close()
		}, []string{"0>0", "1>1"}, false},
		{"two that say the same at once", func(tr *pcap.Trace) {
			fs := opened(tr, 2)
			for _, c := range []*pcap.Connection{fs[0].down, fs[1].down, fs[0].up, fs[1].up} {
				c.Send(talk)
			}
			fs[0].close()
			fs[1].close()
		}, []string{"?0>0|1", "?1>1|0"}, false},
		{"more clients than servers", func(tr *pcap.Trace) {
			other := onEth0(tr, 1)
			other.Handshake()
			fs := opened(tr, 1)
			fs[0].down.Send("same")
			other.Send("same")
			fs[0].up.Send("same")
			fs[0].close()
			other.Close()
		}, []string{"?1>0|0"}, false},
		{"one of which carried nothing", func(tr *pcap.Trace) {
			fs := opened(tr, 1)
			fs[0].down.Send("same")
			fs[0].down.Close()
			fs[0].up.Close()
		}, nil, false},
		{"one that was refused", func(tr *pcap.Trace) {
			down, up := onEth0(tr, 0), onLo(tr, 0)
			down.Handshake()
			up.SYN()
			up.Refuse()
			down.Send("same")
			down.Close()
		}, []string{"0>0"}, false},
		{"one that was open before the capture, and says nothing in it", func(tr *pcap.Trace) {
			fs := opened(tr, 1)
			fs[0].close()
			tr.Filter(func(p *pcap.Packet) bool { return p.Interface != "lo" || p.Flags&tcpip.FlagSYN == 0 })
		}, []string{"?0>0"}, false},
		{"TLS from end to end, among others", func(tr *pcap.Trace) {
			fs := opened(tr, 2)
			hello(fs[0].down, fs[1].up, 1)
			hello(fs[1].down, fs[0].up, 2)
		}, []string{"1>0", "0>1"}, true},
		{"encrypted on one side", func(tr *pcap.Trace) {
			fs := opened(tr, 1)
			fs[0].down.TLS(pcap.TLSConfig{}).Send(40)
			fs[0].up.Send(strings.Repeat("x", 40))
		}, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			tt.make(tr)
			c := crossed(t, tr)
			c.JoinStreams()
			if got := told(c.Links); !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
			for _, l := range c.Links {
				if c.Busy[l.From] == l.Ambiguous || c.Busy[l.To] == l.Ambiguous || l.Attempt != 1 || l.Proven != tt.proven || l.Ambiguous && l.Confidence != .5 {
					t.Errorf("link %+v", l)
				}
			}
		})
	}
}

// hello sends the same records of TLS on two connections.
func hello(down, up *pcap.Connection, seed uint64) {
	from := down.Trace.Len()
	s := down.TLS(pcap.TLSConfig{Seed: seed})
	s.Send(300)
	s.Reply(400)
	for i := from; i < s.Trace.Len(); i++ {
		p := down.Trace.Last(down.Trace.Len() - 1 - i)
		if p.Interface != "eth0" {
			break
		}
		if text := string(p.Bytes); p.Key.SrcPort == 40000 {
			up.Send(text)
		} else if text != "" {
			up.Reply(text)
		}
	}
}

// Where not all was captured only contents prove, if they are long enough to say
// something.
func TestStreamCertain(t *testing.T) {
	for _, tt := range []struct {
		name        string
		ask, answer string
		hole        bool
		want        bool
	}{
		{"all captured", "x", "y", false, true},
		{"not all", "x", "y", true, false},
		{"not all, contents", talk, reply, true, true},
		{"not all, contents as long as count", "12345678", "87654321", true, true},
		{"not all, contents shorter", "1234567", "87654321", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			f := opened(tr, 1)[0]
			f.carry(tt.ask, tt.answer)
			f.close()
			c := crossed(t, tr)
			if tt.hole {
				c.Trust = &Trust{lives: []scan.Span{{From: int64(c.Up[0].Start), To: int64(c.Up[0].End)}}}
			}
			if got := c.streamCertain(c.Down[0], c.Up[0]); got != tt.want {
				t.Errorf("certain %v, want %v", got, tt.want)
			}
			if got, want := c.SameStream(c.Down[0], c.Up[0]), len(tt.ask)+len(tt.answer) >= MinMark; got != want {
				t.Errorf("the same %v, want %v", got, want)
			}
			c.Up[0].Protocol = flow.ProtocolTLS
			if got := c.streamCertain(c.Down[0], c.Up[0]); got != !tt.hole {
				t.Errorf("of another protocol certain %v", got)
			}
		})
	}
}

// How sure a link between streams is, and why.
func TestStreamLink(t *testing.T) {
	for _, tt := range []struct {
		name        string
		ask, answer string
		make        func(c *Crossing)
		sole        bool
		confidence  float64
		proven      bool
		kinds       []flow.EvidenceKind
		detail      string
	}{
		{"equal", "abc", "de", nil, true, graph.SureProven, true, []flow.EvidenceKind{flow.SameBytes}, "both streams equal, 3 bytes sent and 2 received"},
		{"equal, of several", "abc", "de", nil, false, graph.SureByContents, false, []flow.EvidenceKind{flow.SameBytes}, "both streams equal, 3 bytes sent and 2 received"},
		{"equal, a byte", "a", "", nil, true, graph.SureProven, true, []flow.EvidenceKind{flow.SameBytes}, "both streams equal, 1 bytes sent and 0 received"},
		{"empty", "", "", nil, true, graph.SureByTime, false, []flow.EvidenceKind{flow.OnlyCandidate}, "no other connection fits in time"},
		{"of other protocols", "abc", "de", func(c *Crossing) { c.Up[0].Protocol = flow.ProtocolTLS }, true, graph.SureByTime, false, []flow.EvidenceKind{flow.OnlyCandidate}, "no other connection fits in time"},
		{"of neighbouring ports", "abc", "de", func(c *Crossing) {
			c.Up[0].Orig = c.Down[0].Orig
			c.Up[0].Orig.Src = leg("192.0.2.1:40002", "10.244.1.10:8080").Orig.Src
		}, true, graph.SureProven, true, []flow.EvidenceKind{flow.SameBytes, flow.PortAdjacency}, "both streams equal, 3 bytes sent and 2 received"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			f := opened(tr, 1)[0]
			if tt.ask != "" {
				f.carry(tt.ask, tt.answer)
			}
			f.close()
			c := crossed(t, tr)
			if tt.make != nil {
				tt.make(c)
			}
			l := c.streamLink(c.Down[0], c.Up[0], tt.sole)
			var kinds []flow.EvidenceKind
			for _, e := range l.Evidence {
				kinds = append(kinds, e.Kind)
				if len(e.Packets) != 2 {
					t.Errorf("shown by %v", e.Packets)
				}
			}
			if l.Confidence != tt.confidence || l.Proven != tt.proven || !slices.Equal(kinds, tt.kinds) || l.Evidence[0].Detail != tt.detail {
				t.Errorf("%+v, want confidence %v, proven %v, %v", l, tt.confidence, tt.proven, tt.kinds)
			}
		})
	}
}

// Linux takes the next even ports: those of neighbours are 2 to 16 apart.
func TestAdjacency(t *testing.T) {
	tr := new(pcap.Trace)
	opened(tr, 1)[0].carry("a", "b")
	c := crossed(t, tr)
	for _, tt := range []struct {
		name     string
		src, dst string
		start    int64 // after that of the other
		want     bool
	}{
		{"the next", "192.0.2.1:40002", "10.244.1.10:8080", 0, true},
		{"the last that counts", "192.0.2.1:40016", "10.244.1.10:8080", 0, true},
		{"one more", "192.0.2.1:40018", "10.244.1.10:8080", 0, false},
		{"an odd one", "192.0.2.1:40003", "10.244.1.10:8080", 0, false},
		{"the same", "192.0.2.1:40000", "10.244.1.10:8080", 0, false},
		{"the one before", "192.0.2.1:39998", "10.244.1.10:8080", 0, false},
		{"of another host", "192.0.2.2:40002", "10.244.1.10:8080", 0, false},
		{"to another port", "192.0.2.1:40002", "10.244.1.10:8081", 0, false},
		{"begun before", "192.0.2.1:40002", "10.244.1.10:8080", -1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.Up[0].Orig, c.Up[0].Start = leg(tt.src, tt.dst).Orig, capture.Time(int64(c.Down[0].Start)+tt.start)
			e, got := adjacency(c.Index, c.Down[0], c.Up[0])
			if got != tt.want || got && (e.Kind != flow.PortAdjacency || len(e.Packets) != 2 || !strings.HasPrefix(e.Detail, "source ports 40000 and 400")) {
				t.Errorf("neighbours %v, %+v, want %v", got, e, tt.want)
			}
		})
	}
}

// Streams that are equal are tied, where some leg cannot be read and no others are
// equal.
func TestJoinEqual(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(tr *pcap.Trace, fs []flowed)
		want []string
	}{
		{"equal", func(_ *pcap.Trace, fs []flowed) { fs[0].carry(talk, reply) }, []string{"0>0"}},
		{"short", func(_ *pcap.Trace, fs []flowed) { fs[0].carry("short", "too") }, nil},
		{"as short as counts", func(_ *pcap.Trace, fs []flowed) { fs[0].carry("12345678", "87654321") }, []string{"0>0"}},
		{"two that say the same", func(_ *pcap.Trace, fs []flowed) { fs[0].carry(talk, reply); fs[1].carry(talk, reply) }, nil},
		{"one that two clients say", func(_ *pcap.Trace, fs []flowed) {
			fs[0].carry(talk, reply)
			fs[1].down.Send(talk)
			fs[1].down.Reply(reply)
		}, nil},
		{"that two servers hear", func(_ *pcap.Trace, fs []flowed) { fs[0].carry(talk, reply); fs[1].up.Send(talk); fs[1].up.Reply(reply) }, nil},
		{"the effect before its cause", func(tr *pcap.Trace, fs []flowed) {
			fs[0].up.Send(talk)
			fs[0].up.Reply(reply)
			tr.Wait(1e6)
			fs[0].down.Send(talk)
			fs[0].down.Reply(reply)
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			fs := opened(tr, 2)
			tt.make(tr, fs)
			for _, f := range fs {
				f.close()
			}
			sealed := onEth0(tr, 7)
			sealed.Handshake()
			sealed.TLS(pcap.TLSConfig{}).Send(10)
			c := crossed(t, tr)
			c.JoinEqual()
			if got := told(c.Links); !slices.Equal(got, tt.want) {
				t.Errorf("links %v, want %v", got, tt.want)
			}
			all := crossed(t, tr)
			all.Down = slices.DeleteFunc(all.Down, func(l *graph.Leg) bool { return !l.Readable() })
			if all.JoinEqual(); len(all.Links) > 0 {
				t.Errorf("where all can be read, links %v", told(all.Links))
			}
		})
	}
}

// What one leg may carry on of another: contents that do not differ, and of what is
// encrypted the same protocol.
func TestMayCarry(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(c *Crossing)
		want bool
	}{
		{"contents", func(*Crossing) {}, true},
		{"other contents", func(c *Crossing) { c.Index.Content(c.Up[0].Conn.Orig).Print.First++ }, false},
		{"of another client", func(c *Crossing) { c.Up[0].Kept = true }, false},
		{"both encrypted", func(c *Crossing) {
			c.Down[0].Protocol, c.Up[0].Protocol = flow.ProtocolTLS, flow.ProtocolTLS
		}, true},
		{"both encrypted, each in its own way", func(c *Crossing) {
			c.Down[0].Protocol, c.Up[0].Protocol = flow.ProtocolTLS, flow.ProtocolTLS
			c.Index.Content(c.Up[0].Conn.Orig).Print.First++
		}, false},
		{"both encrypted, of other lengths", func(c *Crossing) {
			c.Down[0].Protocol, c.Up[0].Protocol = flow.ProtocolTLS, flow.ProtocolTLS
			p := &c.Index.Content(c.Up[0].Conn.Orig).Print
			p.Len, p.Known = p.Len+1, 0
		}, false},
		{"both encrypted, one of which was reset earlier", func(c *Crossing) {
			c.Down[0].Protocol, c.Up[0].Protocol = flow.ProtocolTLS, flow.ProtocolTLS
			p := &c.Index.Content(c.Up[0].Conn.Orig).Print
			p.Len, p.Last = p.Len-1, 1
		}, true},
		{"both encrypted, of which nothing was sent", func(c *Crossing) {
			c.Down[0].Protocol, c.Up[0].Protocol, c.Down[0].OrigBytes = flow.ProtocolTLS, flow.ProtocolTLS, 0
		}, false},
		{"both encrypted, of which a byte was sent", func(c *Crossing) {
			c.Down[0].Protocol, c.Up[0].Protocol, c.Down[0].OrigBytes = flow.ProtocolTLS, flow.ProtocolTLS, 1
		}, true},
		{"one encrypted", func(c *Crossing) { c.Down[0].Protocol = flow.ProtocolTLS }, false},
		{"the other encrypted", func(c *Crossing) { c.Up[0].Protocol = flow.ProtocolTLS }, false},
		{"nothing came of it", func(c *Crossing) { c.Up[0].OrigBytes, c.Up[0].ReplyBytes = 0, 0 }, false},
		{"nothing came of it, since it was refused", func(c *Crossing) {
			l := c.Up[0]
			l.OrigBytes, l.ReplyBytes = 0, 0
			h := c.Index.Half(l.Conn.Reply)
			h.RST, h.SYN, h.Bytes = true, false, 0
		}, true},
		{"a log gives the client's to another, and contents speak", func(c *Crossing) { c.Orphaned[c.Down[0]] = true }, true},
		{"a log gives the client's to another", func(c *Crossing) {
			c.Orphaned[c.Down[0]] = true
			forget(c)
		}, false},
		{"a log gives the server's to another", func(c *Crossing) {
			c.Orphaned[c.Up[0]] = true
			forget(c)
		}, false},
		{"a log gives the server's, encrypted, to another", func(c *Crossing) {
			c.Down[0].Protocol, c.Up[0].Protocol = flow.ProtocolTLS, flow.ProtocolTLS
			c.Orphaned[c.Up[0]] = true
			forget(c)
		}, false},
		{"contents that were not seen", forget, true},
		{"of nothing", func(c *Crossing) { c.Down[0].OrigBytes, c.Down[0].ReplyBytes = 0, 0 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			f := opened(tr, 1)[0]
			f.carry(talk, reply)
			f.close()
			c := crossed(t, tr)
			tt.make(c)
			if got := c.mayCarry(c.Down[0], c.Up[0]); got != tt.want {
				t.Errorf("may carry it: %v, want %v", got, tt.want)
			}
		})
	}
}

// forget makes the contents of the first legs unknown.
func forget(c *Crossing) {
	for _, l := range [2]*graph.Leg{c.Down[0], c.Up[0]} {
		for h := range l.Conn.Halves {
			c.Index.Content(h).Print.Known = 0
		}
	}
}

// Streams are legs without exchanges that are tied by nothing, and no pools of streams.
func TestStreams(t *testing.T) {
	free, busy, read, pool := clientLeg(0), clientLeg(1), clientLeg(2), clientLeg(3)
	c := New(nil, nil, nil)
	c.Busy[busy] = true
	read.Exchanges = make([]graph.Exchange, 1)
	pool.Protocol = flow.ProtocolHTTP2
	if got := c.streams([]*graph.Leg{free, busy, read, pool}); len(got) != 1 || got[0] != free {
		t.Errorf("%d streams, want one", len(got))
	}
}

// Too many that may be carried on are none.
func TestCarriers(t *testing.T) {
	tr := new(pcap.Trace)
	f := opened(tr, 1)[0]
	f.carry(talk, reply)
	f.close()
	c := crossed(t, tr)
	for _, n := range []int{1, MaxRivals, MaxRivals + 1} {
		want := n
		if n > MaxRivals {
			want = 0
		}
		if got := c.carriers(slices.Repeat(c.Down, n), c.Up[0]); len(got) != want {
			t.Errorf("of %d %d may be carried on, want %d", n, len(got), want)
		}
	}
}

// Legs are found by contents that are known whole, in both directions.
func TestByContent(t *testing.T) {
	tr := new(pcap.Trace)
	fs := opened(tr, 3)
	fs[0].carry(talk, reply)
	fs[1].carry(talk, reply)
	fs[2].carry(talk, talk)
	for _, f := range fs {
		f.close()
	}
	c := crossed(t, tr)
	k, ok := c.Content(c.Down[0])
	if m := c.ByContent(c.Down); !ok || len(m) != 2 || len(m[k]) != 2 || m[k][1] != c.Down[1] {
		t.Errorf("%d legs have the content of the first, of %d contents", len(m[k]), len(m))
	}
	for _, h := range []index.HalfNo{c.Down[0].Conn.Orig, c.Down[0].Conn.Reply} {
		was := c.Index.Content(h).Print.Known
		c.Index.Content(h).Print.Known = fingerprint.KnownFirst
		if _, ok := c.Content(c.Down[0]); ok {
			t.Error("a content that is not whole is known")
		}
		if m := c.ByContent(c.Down); len(m[k]) != 1 {
			t.Errorf("%d legs have a content that one of them has", len(m[k]))
		}
		c.Index.Content(h).Print.Known = was
	}
}
