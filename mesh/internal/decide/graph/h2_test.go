package mesh_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// muxed is a connection that speaks HTTP/2.
type muxed struct {
	*pcaptest.Connection
	client, server *pcaptest.H2
}

// mux opens an HTTP/2 connection.
func mux(c *pcaptest.Connection) *muxed {
	m := &muxed{c, pcaptest.NewH2(), pcaptest.NewH2()}
	c.Handshake()
	c.Send(m.client.Preface())
	c.Reply(m.server.Settings() + m.server.SettingsAck())
	c.Send(m.client.SettingsAck())
	return m
}

// ask sends a request of one packet.
func (m *muxed) ask(stream uint32, method, target, body string, fields ...string) {
	head := append([]string{":method", method, ":scheme", "http", ":path", target, ":authority", "app"}, fields...)
	frames := m.client.Headers(stream, body == "", head...)
	if body != "" {
		frames += m.client.Data(stream, true, body)
	}
	m.Send(frames)
}

// answer sends a response of one packet.
func (m *muxed) answer(stream uint32, status int, body string, fields ...string) {
	m.Reply(m.server.Headers(stream, body == "", append([]string{":status", fmt.Sprint(status)}, fields...)...) + m.part(stream, true, body))
}

// part makes DATA of the server, none if body is empty.
func (m *muxed) part(stream uint32, end bool, body string) string {
	if body == "" {
		return ""
	}
	return m.server.Data(stream, end, body)
}

// Exchanges of HTTP/2 pair by stream, whatever the order.
func TestStreamsPair(t *testing.T) {
	tr := new(pcaptest.Trace)
	c := mux(on(tr, "eth0", "192.0.2.1:40000", app))
	c.ask(1, "GET", "/a", "")
	c.ask(3, "POST", "/b", "body")
	c.ask(5, "GET", "/c", "")
	c.answer(5, 404, "")
	c.Reply(c.server.Headers(1, false, ":status", "200") + c.part(1, false, "so"))
	c.answer(3, 201, "done")
	c.Reply(c.server.Data(1, true, " far"))
	c.ask(7, "GET", "/d", "")
	c.Reply(c.server.Reset(7, 2))
	c.Close()
	r := stitchTrace(t, tr)
	if got, want := exchangeList(r), []string{"GET /a 200", "POST /b 201", "GET /c 404", "GET /d 0"}; !slices.Equal(got, want) {
		t.Errorf("exchanges %q, want %q", got, want)
	}
	if l := r.Legs[0]; l.Protocol != "h2" || l.LostHeaders || l.ExchangeCount != 4 {
		t.Errorf("leg %+v", l)
	}
	if a, b := r.Paths[0].Exchanges[0].Hops[0], r.Paths[0].Exchanges[1].Hops[0]; a.ResponseEnd <= b.ResponseEnd || a.RequestEnd >= b.RequestEnd {
		t.Errorf("times %+v and %+v", a, b)
	}
}

// joins lists the joins of exchanges: what was asked on which leg, and on which
// legs it went on.
func joins(r *mesh.Result) []string {
	var out []string
	for _, p := range r.Paths {
		for _, e := range p.Exchanges {
			s := fmt.Sprintf("%s %s %d:", e.Method, e.Target, e.Status)
			for _, h := range e.Hops {
				s += fmt.Sprintf(" %s", r.Legs[h.Leg].Orig.Src)
				if h.Ambiguous {
					s += "?"
				} else if len(h.Evidence) > 0 {
					s += " by " + h.Evidence[0].Kind.String()
				}
			}
			out = append(out, s)
		}
	}
	return out
}

// HTTP/1.1 in front of HTTP/2 and the reverse: exchanges are the same, whatever
// they are written in.
func TestAcrossVersions(t *testing.T) {
	const long = "a body that is long enough"
	t.Run("to HTTP/2", func(t *testing.T) {
		tr := new(pcaptest.Trace)
		a, b := on(tr, "eth0", "192.0.2.1:40000", app), on(tr, "eth0", "192.0.2.2:40000", app).ISN(1, 2)
		a.Handshake()
		b.Handshake()
		up := mux(on(tr, "lo", "127.0.0.6:50000", app).ISN(70000, 80000))
		a.Send(request("GET", "/same", "x-request-id: one"))
		b.Send(request("GET", "/same", "x-request-id: two"))
		up.ask(1, "GET", "/same", "", "x-request-id", "two")
		up.ask(3, "GET", "/same", "", "x-request-id", "one")
		up.answer(3, 200, "1")
		a.Reply(response(200, "1"))
		up.answer(1, 200, "2")
		b.Reply(response(200, "2"))
		a.Send(request("GET", "/same", "cookie: x=1; y=2"))
		b.Send(request("GET", "/other"))
		up.ask(5, "GET", "/same", "", "cookie", "x=1", "cookie", "y=2")
		up.ask(7, "GET", "/other", "")
		up.answer(7, 200, long)
		b.Reply(response(200, long))
		up.answer(5, 200, "")
		a.Reply(response(200, ""))
		for _, c := range []*pcaptest.Connection{a, b, up.Connection} {
			c.Close()
		}
		want := []string{
			"GET /same 200: 192.0.2.1:40000 127.0.0.6:50000 by request-id", "GET /same 200: 192.0.2.1:40000 127.0.0.6:50000 by same-bytes",
			"GET /same 200: 192.0.2.2:40000 127.0.0.6:50000 by request-id", "GET /other 200: 192.0.2.2:40000 127.0.0.6:50000 by same-bytes",
		}
		if got := joins(stitchTrace(t, tr)); !slices.Equal(got, want) {
			t.Errorf("joins\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
	t.Run("from HTTP/2", func(t *testing.T) {
		tr := new(pcaptest.Trace)
		c := mux(on(tr, "eth0", "192.0.2.1:40000", app))
		up := []*pcaptest.Connection{on(tr, "lo", "127.0.0.6:50000", app).ISN(70000, 80000), on(tr, "lo", "127.0.0.6:50002", app).ISN(1, 2)}
		up[0].Handshake()
		up[1].Handshake()
		c.ask(1, "POST", "/1", "first")
		c.ask(3, "POST", "/2", long)
		up[0].Send("POST /2 HTTP/1.1\r\nhost: app\r\ntransfer-encoding: chunked\r\n\r\n1a\r\n" + long + "\r\n0\r\n\r\n")
		up[1].Send("POST /1 HTTP/1.1\r\nhost: app\r\ncontent-length: 5\r\n\r\nfirst")
		up[0].Reply(response(200, "b"))
		up[1].Reply(response(500, "a"))
		c.answer(1, 500, "a")
		c.answer(3, 200, "b")
		c.Close()
		want := []string{"POST /1 500: 192.0.2.1:40000 127.0.0.6:50002 by same-bytes", "POST /2 200: 192.0.2.1:40000 127.0.0.6:50000 by same-bytes"}
		if got := joins(stitchTrace(t, tr)); !slices.Equal(got, want) {
			t.Errorf("joins\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// A gRPC call has a status of its own and counts its messages.
func TestGRPCCall(t *testing.T) {
	tr := new(pcaptest.Trace)
	c := mux(on(tr, "eth0", "192.0.2.1:40000", app))
	c.ask(1, "POST", "/echo.Echo/Say", "\x00\x00\x00\x00\x02hi", "content-type", "application/grpc", "te", "trailers")
	c.Reply(c.server.Headers(1, false, ":status", "200", "content-type", "application/grpc") +
		c.part(1, false, "\x00\x00\x00\x00\x02hi\x00\x00\x00\x00\x00") + c.server.Headers(1, true, "grpc-status", "5", "grpc-message", "none"))
	c.ask(3, "GET", "/", "")
	c.answer(3, 200, "")
	c.Close()
	r := stitchTrace(t, tr)
	if g := r.Paths[0].Exchanges[0].GRPC; g == nil || *g != (flow.GRPC{Status: 5, Sent: 1, Received: 2}) {
		t.Errorf("grpc = %+v", g)
	}
	if g := r.Paths[0].Exchanges[1].GRPC; g != nil {
		t.Errorf("grpc = %+v, want none", g)
	}
}

// A capture that begins inside a connection finds its frames, and says which
// fields are lost; what joins without them still does.
func TestHTTP2InMidstream(t *testing.T) {
	tr := new(pcaptest.Trace)
	up := mux(on(tr, "lo", "127.0.0.6:50000", app).ISN(70000, 80000))
	up.ask(1, "GET", "/before", "", "x-request-id", "old", "user-agent", "test")
	up.answer(1, 200, "", "server", "test")
	tr.DropFirst(tr.Len())
	tr.Wait(10e6)
	a := on(tr, "eth0", "192.0.2.1:40000", app)
	a.Handshake()
	a.Send(request("GET", "/before", "x-request-id: 5c01d9a4-8d6f-4c6b-9d0e-000000000001", "user-agent: test"))
	up.ask(3, "GET", "/before", "", "x-request-id", "5c01d9a4-8d6f-4c6b-9d0e-000000000001", "user-agent", "test")
	up.answer(3, 200, "an answer that is long enough", "server", "test")
	a.Reply(response(200, "an answer that is long enough", "server: test"))
	a.Close()
	r := stitchTrace(t, tr)
	want := []string{"GET /before 200: 192.0.2.1:40000 127.0.0.6:50000 by request-id"}
	if got := joins(r); !slices.Equal(got, want) {
		t.Errorf("joins %q, want %q", got, want)
	}
	for _, l := range r.Legs {
		if l.LostHeaders != (l.Role == flow.RoleProxyApp) || l.Role == flow.RoleProxyApp && !l.Midstream {
			t.Errorf("leg %+v", l)
		}
	}
}
