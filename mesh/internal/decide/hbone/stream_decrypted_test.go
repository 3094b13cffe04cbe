package hbone_test

import (
	"crypto/tls"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/hbone"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// talkIn lists what goes over a tunnel that carries words of clients, each in a
// stream of its own, answered with a word.
func talkIn(method string, words ...string) []sim.Saying {
	q, r := pcap.NewH2(), pcap.NewH2()
	talk := []sim.Saying{sim.Asks(q.Preface()), sim.Answers(r.Settings() + r.SettingsAck())}
	for i, w := range words {
		stream := uint32(2*i + 1)
		fields := []string{":method", method, ":authority", sim.App}
		if method != "CONNECT" {
			fields = append(fields, ":scheme", "http", ":path", "/")
		}
		talk = append(talk, sim.Asks(q.Headers(stream, false, fields...)+q.Data(stream, true, w)), sim.Answers(r.Headers(stream, false, ":status", "200")+r.Data(stream, true, "ok")))
	}
	return talk
}

// With keys a tunnel is known by its streams, whatever its port; each connection
// has the stream with its bytes, and what is left over opens the tunnel.
func TestDecryptedTunnel(t *testing.T) {
	for _, tt := range []struct {
		name    string
		port    int
		method  string
		streams []string
		inner   []string // the client's words on loopback
		want    []string // links, by the client's port and the number of the stream
		tunnel  bool
		opened  bool
	}{
		{"all carried", 15008, "CONNECT", []string{"hello", "you"}, []string{"you", "hello"}, []string{"20000 1", "20002 0"}, true, false},
		{"one more", 15008, "CONNECT", []string{"hello", "you", "more"}, []string{"you", "hello"}, []string{"20000 1", "20002 0"}, true, true},
		{"at another port", 9999, "CONNECT", []string{"hello"}, []string{"hello"}, []string{"20000 0"}, true, false},
		{"no CONNECT at another port", 9999, "POST", []string{"hello"}, []string{"hello"}, nil, false, false},
		{"another's", 15008, "CONNECT", []string{"hello"}, []string{"world"}, nil, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			over := sim.On(tr, "eth0", "10.244.9.9:40000", fmt.Sprintf("%s:%d", sim.Pod, tt.port))
			keys := sim.SpeakTLS(t, over, tls.VersionTLS13, 1448, talkIn(tt.method, tt.streams...)...)
			tr.Wait(time.Millisecond)
			for i, w := range tt.inner {
				c := sim.On(tr, "lo", fmt.Sprintf("10.244.9.9:%d", 20000+2*i), sim.App).ISN(uint32(i)*7_000_000+9, uint32(i)*9_000_000+9)
				c.Handshake()
				c.Send(w)
				c.Reply("ok")
				c.Close()
			}
			over.Ack()
			w := testindex.Of(tr)
			w.Keys = keys
			r := w.Read(t)
			conns := conn.Bind(r.Index, r.Records.NAT)
			r.Again(t, conn.Pairs(conns))
			legs := graph.Legs(r.Index, conns)
			graph.FindExchanges(r.Index, legs)
			hbone.MarkTunnels(r.Index, legs, profile.Named("istio-ambient"))
			for i, l := range legs {
				l.Views = []graph.View{{Role: flow.RoleProxyApp}}
				l.Kept = i > 0
			}
			legs[0].Views[0].Role = flow.RoleClientProxy
			links := hbone.Join(r.Index, legs, "", nil, nil, new(graph.Ledger))
			hbone.OpenTunnels(legs)
			var got []string
			for _, l := range links {
				if l.Stream != nil {
					got = append(got, fmt.Sprint(l.To.Orig.Src.Port(), " ", l.Stream.No))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, tt.want) || legs[0].Tunnel != tt.tunnel || legs[0].Opened != tt.opened {
				t.Errorf("links %q, a tunnel %v, opened %v; want %q, %v, %v", got, legs[0].Tunnel, legs[0].Opened, tt.want, tt.tunnel, tt.opened)
			}
		})
	}
}
