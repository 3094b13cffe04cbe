package graph

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// When an exchange was, as far as either of its messages was captured.
func TestExchangeTimes(t *testing.T) {
	req, resp := message(100, 110), message(200, 210)
	req.From.Ref.Packet, resp.From.Ref.Packet = 1, 2
	for _, tt := range []struct {
		name                           string
		e                              Exchange
		start, known, end, last, shown int64
	}{
		{"both", Exchange{Req: req, Resp: resp, Floor: 50}, 100, 100, 210, 210, 1},
		{"the request only", Exchange{Req: req, Floor: 50}, 100, 100, 110, 1<<63 - 1, 1},
		{"the response only", Exchange{Resp: resp, Floor: 50}, 50, 200, 210, 210, 2},
	} {
		e := &tt.e
		if e.Start() != tt.start || e.KnownBy() != tt.known || e.End() != tt.end || e.Lasts() != tt.last || int64(e.Ref().Packet) != tt.shown {
			t.Errorf("%s: from %d, known by %d, until %d, going on until %d, shown by packet %d; want %d, %d, %d, %d, %d",
				tt.name, e.Start(), e.KnownBy(), e.End(), e.Lasts(), e.Ref().Packet, tt.start, tt.known, tt.end, tt.last, tt.shown)
		}
	}
}

// What messages say of an exchange; the id is either's, if its field is known.
func TestExchangeSays(t *testing.T) {
	s, r := new(scan.Scan), new(scan.Scan)
	say := func(s *scan.Scan, id string, flags scan.Flags) *scan.Message {
		return &scan.Message{Method: s.Text.Keep([]byte("GET")), Target: s.Text.Keep([]byte("/a")), ID: s.Text.Keep([]byte(id)), Status: 204, Flags: flags}
	}
	for _, tt := range []struct {
		name                string
		e                   Exchange
		method, target, id  string
		status              int
		knows, probe, hides bool
	}{
		{"both", Exchange{Req: say(s, "x", 0), Resp: say(r, "y", 0)}, "GET", "/a", "x", 204, true, false, false},
		{"the response has the id", Exchange{Req: say(s, "", 0), Resp: say(r, "y", 0)}, "GET", "/a", "y", 204, true, false, false},
		{"the request's may be any field", Exchange{Req: say(s, "x", scan.MsgLooseID), Resp: say(r, "y", 0)}, "GET", "/a", "y", 204, true, false, false},
		{"so may the response's", Exchange{Req: say(s, "", 0), Resp: say(r, "y", scan.MsgLooseID)}, "GET", "/a", "", 204, true, false, false},
		{"the request only", Exchange{Req: say(s, "x", scan.MsgProbe)}, "GET", "/a", "x", 0, false, true, false},
		{"the response only", Exchange{Resp: say(r, "y", 0)}, "", "", "y", 204, true, false, false},
		{"neither has an id", Exchange{Req: say(s, "", 0), Resp: say(r, "", 0)}, "GET", "/a", "", 204, true, false, false},
		{"it cannot be read", Exchange{Req: say(s, "", 0), Resp: say(r, "", 0), Outline: new(Outline)}, "GET", "/a", "", 204, false, false, true},
		{"only the response is the kubelet's", Exchange{Req: say(s, "", 0), Resp: say(r, "", scan.MsgProbe)}, "GET", "/a", "", 204, true, false, false},
	} {
		e := &tt.e
		e.Scan, e.RespScan = s, r
		got := fmt.Sprintf("%s %s %q %d, knows its status %v, a probe %v, hidden %v", e.Method(), e.Target(), e.ID(), e.Status(), e.KnowsStatus(), e.Probe(), IsHidden(e))
		want := fmt.Sprintf("%s %s %q %d, knows its status %v, a probe %v, hidden %v", tt.method, tt.target, tt.id, tt.status, tt.knows, tt.probe, tt.hides)
		if got != want {
			t.Errorf("%s: %s, want %s", tt.name, got, want)
		}
	}
}

// A status that is 0 is not known if the head is not.
func TestFinal(t *testing.T) {
	with := func(status uint16, flags scan.Flags) *Exchange {
		return &Exchange{Resp: &scan.Message{Status: status, Flags: flags}}
	}
	for _, tt := range []struct {
		name string
		d, u *Exchange
		want bool
	}{
		{"equal", with(200, 0), with(200, 0), true},
		{"not equal", with(200, 0), with(503, 0), false},
		{"one without response", with(200, 0), &Exchange{Req: message(1, 2)}, true},
		{"the other without", &Exchange{Req: message(1, 2)}, with(503, 0), true},
		{"one whose head is not known", with(0, scan.MsgPartial), with(503, 0), true},
		{"a known part of the head", with(200, scan.MsgPartial), with(503, 0), false},
		{"0, which is no status of HTTP", with(0, 0), with(503, 0), false},
	} {
		if got := Final(tt.d, tt.u); got != tt.want {
			t.Errorf("%s: final %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A leg is the kubelet's if all its requests are.
func TestLegProbe(t *testing.T) {
	probe, other := Exchange{Req: &scan.Message{Flags: scan.MsgProbe}}, Exchange{Req: new(scan.Message)}
	for _, tt := range []struct {
		es   []Exchange
		want bool
	}{{nil, false}, {[]Exchange{probe}, true}, {[]Exchange{probe, probe}, true}, {[]Exchange{probe, other}, false}, {[]Exchange{probe, {Resp: message(1, 2)}}, false}} {
		l := bare()
		l.Exchanges = tt.es
		if got := l.Probe(); got != tt.want {
			t.Errorf("%d exchanges: a probe %v, want %v", len(tt.es), got, tt.want)
		}
	}
}

// Exchanges stand in the order of time, of equals in that of legs; what cannot be
// read is left out.
func TestExchangesOf(t *testing.T) {
	a, b := bare(), bare()
	a.Exchanges = []Exchange{{No: 0, Req: message(30, 40)}, {No: 1, Req: message(20, 30), Outline: new(Outline)}, {No: 2, Req: message(10, 20)}}
	b.Exchanges = []Exchange{{No: 3, Req: message(10, 20)}, {No: 4, Resp: message(99, 100), Floor: 5}}
	var got []int
	for _, e := range ExchangesOf([]*Leg{a, b}) {
		got = append(got, e.No)
	}
	if want := []int{4, 2, 3, 0}; !slices.Equal(got, want) {
		t.Errorf("exchanges %v, want %v", got, want)
	}
}

// exchangesOn pairs the messages of a connection, and says whether bytes of it
// belong to none.
func exchangesOn(t *testing.T, tr *pcap.Trace) *Leg {
	t.Helper()
	x, legs := legsOf(t, testindex.Of(tr))
	FindExchanges(x, legs)
	return legs[0]
}

const (
	get   = "GET / HTTP/1.1\r\nhost: app\r\n\r\n"
	ok    = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
	large = "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n0123456789"
)

// Bytes are loose where the head of their message was lost, and where it is certain.
func TestLoose(t *testing.T) {
	for _, tt := range []struct {
		name string
		talk func(*pcap.Connection)
		want bool
	}{
		{"all captured", func(c *pcap.Connection) { c.Send(get); c.Reply(ok) }, false},
		{"part of a body is lost", func(c *pcap.Connection) { c.Send(get); c.Reply(large); c.Reply("01234"); c.Lose(1); c.Reply("56789") }, false},
		{"a head is lost, and some of its body was seen", func(c *pcap.Connection) {
			c.Send(get)
			c.Reply(ok)
			c.Send(get)
			c.Reply(large)
			c.Lose(1)
			c.Reply("0123456789")
			c.Send(get)
			c.Reply(ok)
		}, true},
		{"a whole message is lost", func(c *pcap.Connection) {
			c.Send(get)
			c.Reply(ok)
			c.Send(get)
			c.Reply(ok)
			c.Lose(1)
			c.Send(get)
			c.Reply(ok)
		}, false},
		{"the capture begins inside a body", func(c *pcap.Connection) {
			c.Send(get)
			c.Reply(large)
			c.Reply("0123456789")
			c.Send(get)
			c.Reply(ok)
			c.DropFirst(5)
		}, true},
		{"the capture begins between messages", func(c *pcap.Connection) { c.Send(get); c.Reply(ok); c.Send(get); c.Reply(ok); c.DropFirst(5) }, false},
		{"other bytes", func(c *pcap.Connection) { c.Send("hello"); c.Reply("x"); c.Lose(1); c.Reply("y") }, false},
		{"a tunnel", func(c *pcap.Connection) {
			c.Send("CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n")
			c.Reply("HTTP/1.1 200 OK\r\n\r\n")
			c.Reply("abc")
			c.Lose(1)
			c.Reply("def")
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if l := exchangesOn(t, traceOf("eth0", client, app, tt.talk)); l.Loose != tt.want {
				t.Errorf("loose %v, want %v; %d exchanges", l.Loose, tt.want, len(l.Exchanges))
			}
		})
	}
}

// list describes exchanges in their order: "0 / 200".
func list(es []Exchange) string {
	var out []string
	for i := range es {
		out = append(out, fmt.Sprintf("%d %s %d", es[i].No, es[i].Target(), es[i].Status()))
	}
	return fmt.Sprint(out)
}

// Exchanges are numbered in their order, and none can begin before the one before
// it is over.
func TestNumbers(t *testing.T) {
	l := exchangesOn(t, traceOf("eth0", client, app, func(c *pcap.Connection) {
		c.Send(get)
		c.Reply(ok)
		c.Send(get)
		c.Lose(1)
		c.Reply(ok)
		c.Send(get)
	}))
	if got, want := list(l.Exchanges), "[0 / 200 1  200 2 / 0]"; got != want {
		t.Fatalf("exchanges %s, want %s", got, want)
	}
	for i, floor := range []int64{int64(l.Start), l.Exchanges[0].End(), l.Exchanges[1].End()} {
		if e := &l.Exchanges[i]; e.Floor != floor || e.Leg != l {
			t.Errorf("exchange %d begins at %d at the earliest, want %d", i, e.Floor, floor)
		}
	}
}

// Streams pair by number; what answers none that was captured is an exchange of
// its own, and of several answers the first counts.
func TestPairStreams(t *testing.T) {
	ask := func(h *pcap.H2, stream uint32, target string) string {
		return h.Headers(stream, true, ":method", "GET", ":scheme", "http", ":path", target, ":authority", "app")
	}
	for _, tt := range []struct {
		name string
		talk func(c *pcap.Connection, q, r *pcap.H2)
		want string
	}{
		{"in another order", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Send(ask(q, 1, "/a") + ask(q, 3, "/b"))
			c.Reply(r.Headers(3, true, ":status", "203"))
			c.Reply(r.Headers(1, true, ":status", "201"))
		}, "[0 /a 201 1 /b 203]"},
		{"a request that is lost", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Send(ask(q, 1, "/a"))
			lost := ask(q, 3, "/b")
			c.Send(lost)
			c.Lose(1)
			c.Reply(r.Headers(3, true, ":status", "203"))
			c.Reply(r.Headers(1, true, ":status", "201"))
		}, "[0 /a 201 1  203]"},
		{"a response that is lost", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Send(ask(q, 1, "/a") + ask(q, 3, "/b"))
			c.Reply(r.Headers(1, true, ":status", "201"))
		}, "[0 /a 201 1 /b 0]"},
		{"an answer before what came later", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Reply(r.Headers(5, true, ":status", "205"))
			c.Send(ask(q, 7, "/c"))
			c.Reply(r.Headers(7, true, ":status", "207"))
		}, "[0  205 1 /c 207]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := traceOf("eth0", client, app, func(c *pcap.Connection) {
				q, r := pcap.NewH2(), pcap.NewH2()
				c.Send(q.Preface())
				c.Reply(r.Settings() + r.SettingsAck())
				c.Send(q.SettingsAck())
				tt.talk(c, q, r)
			})
			l := exchangesOn(t, tr)
			if got := list(l.Exchanges); got != tt.want || l.Protocol != flow.ProtocolHTTP2 {
				t.Errorf("exchanges %s of %s, want %s", got, l.Protocol, tt.want)
			}
			for i := range l.Exchanges {
				if e := &l.Exchanges[i]; e.Leg != l || e.Floor != int64(l.Start) {
					t.Errorf("exchange %d begins at %d at the earliest, want when the leg does: others go on meanwhile", i, e.Floor)
				}
			}
		})
	}
}

// Where the wrong side is taken for the client, its responses are no requests, nor
// the other's requests responses.
func TestPairStreamsTurned(t *testing.T) {
	x, legs := legsOf(t, testindex.Of(traceOf("eth0", client, app, func(c *pcap.Connection) {
		q, r := pcap.NewH2(), pcap.NewH2()
		c.Send(q.Preface() + q.Headers(1, true, ":method", "GET", ":scheme", "http", ":path", "/a"))
		c.Reply(r.Settings() + r.Headers(1, true, ":status", "200"))
	})))
	l := legs[0]
	if got := list(PairStreams(x, l)); got != "[0 /a 200]" {
		t.Errorf("exchanges %s, want one", got)
	}
	l.Conn.Orig, l.Conn.Reply = l.Conn.Reply, l.Conn.Orig
	if got := list(PairStreams(x, l)); got != "[]" {
		t.Errorf("exchanges %s, want none", got)
	}
}

// A gRPC call is told by either side; without both it is none.
func TestGRPC(t *testing.T) {
	const message = "\x00\x00\x00\x00\x02hi"
	for _, tt := range []struct {
		name string
		talk func(c *pcap.Connection, q, r *pcap.H2)
		want *flow.GRPC
	}{
		{"both sides", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Send(q.Headers(1, false, ":method", "POST", ":scheme", "http", ":path", "/x", "content-type", "application/grpc") + q.Data(1, true, message+message))
			c.Reply(r.Headers(1, false, ":status", "200", "content-type", "application/grpc") + r.Data(1, false, message) + r.Headers(1, true, "grpc-status", "0"))
		}, &flow.GRPC{Status: 0, Sent: 2, Received: 1}},
		{"asked only", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Send(q.Headers(1, false, ":method", "POST", ":scheme", "http", ":path", "/x", "content-type", "application/grpc") + q.Data(1, true, message))
		}, &flow.GRPC{Status: -1, Sent: 1}},
		{"answered only", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Reply(r.Headers(1, false, ":status", "200", "content-type", "application/grpc") + r.Data(1, false, message) + r.Headers(1, true, "grpc-status", "5"))
		}, &flow.GRPC{Status: 5, Received: 1}},
		{"no gRPC", func(c *pcap.Connection, q, r *pcap.H2) {
			c.Send(q.Headers(1, true, ":method", "GET", ":scheme", "http", ":path", "/x"))
			c.Reply(r.Headers(1, true, ":status", "200"))
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := exchangesOn(t, traceOf("eth0", client, app, func(c *pcap.Connection) {
				q, r := pcap.NewH2(), pcap.NewH2()
				c.Send(q.Preface())
				c.Reply(r.Settings())
				tt.talk(c, q, r)
			}))
			if len(l.Exchanges) != 1 {
				t.Fatalf("%d exchanges, want one", len(l.Exchanges))
			}
			got := l.Exchanges[0].GRPC()
			if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
				t.Errorf("gRPC %+v, want %+v", got, tt.want)
			}
		})
	}
}
