package crossing

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// The agent's probes of the application belong to the control leg whose probe asked for
// them, if all that their leg carries does.
func TestProbes(t *testing.T) {
	probe := func(e made) made { return e.request(scan.MsgComplete | scan.MsgProbe) }
	kubelet := func() made { return probe(exchange(clientLeg(9), 0, 1000*us)) }
	for _, tt := range []struct {
		name    string
		control []made
		ups     []made
		moved   int
	}{
		{"within the probe", []made{kubelet()}, []made{probe(exchange(proxyLeg(0), 100*us, 900*us))}, 1},
		{"and another request", []made{kubelet()}, []made{probe(exchange(proxyLeg(0), 100*us, 900*us)), exchange(proxyLeg(1), 100*us, 900*us)}, 1},
		{"on a leg with other requests", []made{kubelet()}, func() []made {
			l := proxyLeg(0)
			return []made{probe(exchange(l, 100*us, 900*us)), exchange(l, 2000*us, 2100*us)}
		}(), 0},
		{"two on a leg, one outside", []made{kubelet()}, func() []made {
			l := proxyLeg(0)
			return []made{probe(exchange(l, 100*us, 900*us)), probe(exchange(l, 5000*us, 5100*us))}
		}(), 0},
		{"outside the probe", []made{kubelet()}, []made{probe(exchange(proxyLeg(0), 2000*us, 3000*us))}, 0},
		{"within something else", []made{exchange(clientLeg(9), 0, 1000*us)}, []made{probe(exchange(proxyLeg(0), 100*us, 900*us))}, 0},
		{"no control leg", nil, []made{probe(exchange(proxyLeg(0), 100*us, 900*us))}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			control, c := between(tt.control, nil), between([]made{exchange(clientLeg(0), 0, 5000*us)}, tt.ups)
			for _, l := range c.Up {
				l.Views = []graph.View{{Role: flow.RoleProxyApp}, {Role: flow.RoleProxyApp}}
			}
			was := slices.Clone(c.Up)
			Probes(control, []*Crossing{c, control})
			if len(control.Up) != tt.moved || len(c.Up) != len(was)-tt.moved {
				t.Fatalf("%d legs are moved and %d left, want %d of %d", len(control.Up), len(c.Up), tt.moved, len(was))
			}
			for _, l := range was {
				want := flow.RoleProxyApp
				if slices.Contains(control.Up, l) {
					want = flow.RoleControl
				}
				if l.Views[0].Role != want || l.Views[1].Role != want {
					t.Errorf("%v has views %v, want %v", l.Orig, l.Views, want)
				}
			}
		})
	}
	control := between([]made{kubelet()}, []made{probe(exchange(proxyLeg(0), 100*us, 900*us))})
	if Probes(control, []*Crossing{control}); len(control.Up) != 1 {
		t.Errorf("of the control crossing itself %d legs are left", len(control.Up))
	}
}

// probing makes a trace of probes of kubelet, two of which overlap, and of what the
// agent asks the application for them.
func probing() *pcap.Trace {
	tr := new(pcap.Trace)
	const ask = "GET /app-health/app/livez HTTP/1.1\r\nhost: 10.244.1.10:15020\r\nuser-agent: kube-probe/1.29\r\n\r\n"
	const on = "GET /livez HTTP/1.1\r\nhost: 10.244.1.10:8080\r\nuser-agent: kube-probe/1.29\r\n\r\n"
	const ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
	var downs, ups []*pcap.Connection
	for i := range 3 {
		downs, ups = append(downs, onEth0(tr, i)), append(ups, onLo(tr, i))
		downs[i].Handshake()
		ups[i].Handshake()
	}
	downs[0].Send(ask)
	ups[0].Send(on)
	ups[0].Reply(ok)
	downs[0].Reply(ok)
	downs[1].Send(ask)
	downs[2].Send(ask)
	ups[1].Send(on)
	ups[2].Send(on)
	ups[1].Reply(ok)
	ups[2].Reply(ok)
	downs[1].Reply(ok)
	downs[2].Reply(ok)
	return tr
}

// Probes are tied by time alone, whatever their lines; which of two at once is whose is
// not told.
func TestJoinProbes(t *testing.T) {
	c := crossed(t, probing())
	for _, l := range c.Down {
		l.Role = flow.RoleControl
	}
	c.JoinProbes()
	if got, want := told(c.Links), []string{"0.0>0.0"}; !slices.Equal(got, want) {
		t.Fatalf("links %v, want %v", got, want)
	}
	if l := c.Links[0]; l.Confidence != graph.SureByContents || l.Attempt != 1 || len(l.Evidence) != 1 || l.Evidence[0].Kind != flow.OnlyCandidate || len(l.Evidence[0].Packets) != 2 {
		t.Errorf("link %+v", l)
	}
	c = crossed(t, probing())
	c.Down[0].Role, c.Down, c.Up = flow.RoleControl, c.Down[:1], c.Up[:1]
	if c.JoinProbes(); len(c.Links) != 1 {
		t.Errorf("%d links of one probe", len(c.Links))
	}
	c = crossed(t, probing())
	if c.JoinProbes(); len(c.Links) > 0 {
		t.Errorf("%d links of legs that are no control", len(c.Links))
	}
	c = crossed(t, probing())
	c.Down = nil
	c.JoinProbes()
	c = crossed(t, probing())
	c.Down[0].Role, c.Up = flow.RoleControl, nil
	if c.JoinProbes(); len(c.Links) > 0 {
		t.Errorf("%d links of nothing", len(c.Links))
	}
}
