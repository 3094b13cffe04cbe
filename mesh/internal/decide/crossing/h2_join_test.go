package crossing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

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
		tr := new(pcap.Trace)
		a, b := sim.On(tr, "eth0", "192.0.2.1:40000", sim.App), sim.On(tr, "eth0", "192.0.2.2:40000", sim.App).ISN(1, 2)
		a.Handshake()
		b.Handshake()
		up := sim.Mux(sim.On(tr, "lo", "127.0.0.6:50000", sim.App).ISN(70000, 80000))
		a.Send(sim.Request("GET", "/same", "x-request-id: one"))
		b.Send(sim.Request("GET", "/same", "x-request-id: two"))
		up.Ask(1, "GET", "/same", "", "x-request-id", "two")
		up.Ask(3, "GET", "/same", "", "x-request-id", "one")
		up.Answer(3, 200, "1")
		a.Reply(sim.Response(200, "1"))
		up.Answer(1, 200, "2")
		b.Reply(sim.Response(200, "2"))
		a.Send(sim.Request("GET", "/same", "cookie: x=1; y=2"))
		b.Send(sim.Request("GET", "/other"))
		up.Ask(5, "GET", "/same", "", "cookie", "x=1", "cookie", "y=2")
		up.Ask(7, "GET", "/other", "")
		up.Answer(7, 200, long)
		b.Reply(sim.Response(200, long))
		up.Answer(5, 200, "")
		a.Reply(sim.Response(200, ""))
		for _, c := range []*pcap.Connection{a, b, up.Connection} {
			c.Close()
		}
		want := []string{
			"GET /same 200: 192.0.2.1:40000 127.0.0.6:50000 by request-id", "GET /same 200: 192.0.2.1:40000 127.0.0.6:50000 by same-bytes",
			"GET /same 200: 192.0.2.2:40000 127.0.0.6:50000 by request-id", "GET /other 200: 192.0.2.2:40000 127.0.0.6:50000 by same-bytes",
		}
		if got := joins(sim.Stitch(t, tr)); !slices.Equal(got, want) {
			t.Errorf("joins\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
	t.Run("from HTTP/2", func(t *testing.T) {
		tr := new(pcap.Trace)
		c := sim.Mux(sim.On(tr, "eth0", "192.0.2.1:40000", sim.App))
		up := []*pcap.Connection{sim.On(tr, "lo", "127.0.0.6:50000", sim.App).ISN(70000, 80000), sim.On(tr, "lo", "127.0.0.6:50002", sim.App).ISN(1, 2)}
		up[0].Handshake()
		up[1].Handshake()
		c.Ask(1, "POST", "/1", "first")
		c.Ask(3, "POST", "/2", long)
		up[0].Send("POST /2 HTTP/1.1\r\nhost: app\r\ntransfer-encoding: chunked\r\n\r\n1a\r\n" + long + "\r\n0\r\n\r\n")
		up[1].Send("POST /1 HTTP/1.1\r\nhost: app\r\ncontent-length: 5\r\n\r\nfirst")
		up[0].Reply(sim.Response(200, "b"))
		up[1].Reply(sim.Response(500, "a"))
		c.Answer(1, 500, "a")
		c.Answer(3, 200, "b")
		c.Close()
		want := []string{"POST /1 500: 192.0.2.1:40000 127.0.0.6:50002 by same-bytes", "POST /2 200: 192.0.2.1:40000 127.0.0.6:50000 by same-bytes"}
		if got := joins(sim.Stitch(t, tr)); !slices.Equal(got, want) {
			t.Errorf("joins\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// A capture that begins inside a connection finds its frames, and says which
// fields are lost; what joins without them still does.
func TestHTTP2InMidstream(t *testing.T) {
	tr := new(pcap.Trace)
	up := sim.Mux(sim.On(tr, "lo", "127.0.0.6:50000", sim.App).ISN(70000, 80000))
	up.Ask(1, "GET", "/before", "", "x-request-id", "old", "user-agent", "test")
	up.Answer(1, 200, "", "server", "test")
	tr.DropFirst(tr.Len())
	tr.Wait(10e6)
	a := sim.On(tr, "eth0", "192.0.2.1:40000", sim.App)
	a.Handshake()
	a.Send(sim.Request("GET", "/before", "x-request-id: 5c01d9a4-8d6f-4c6b-9d0e-000000000001", "user-agent: test"))
	up.Ask(3, "GET", "/before", "", "x-request-id", "5c01d9a4-8d6f-4c6b-9d0e-000000000001", "user-agent", "test")
	up.Answer(3, 200, "an answer that is long enough", "server", "test")
	a.Reply(sim.Response(200, "an answer that is long enough", "server: test"))
	a.Close()
	r := sim.Stitch(t, tr)
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
