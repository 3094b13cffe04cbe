package dns_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/dns"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// What the pod asks the servers from which it is redirected is the agent's, and
// passes on the application's lookup that waits with the same question.
func TestUpstream(t *testing.T) {
	const own, resolver2 = sim.Pod + ":33001", "192.0.2.53:53"
	// ask is a lookup that is redirected, answered after some milliseconds.
	ask := func(d *sim.DNSTrace, ms, wait float64, id uint16, name string) {
		d.Add("lo", ms, app, sim.Agent, sim.DNSQuery(id, name))
		d.Add("lo", ms+wait, sim.Resolver, app, sim.DNSAnswer(id, name))
	}
	for _, tt := range []struct {
		name  string
		trace func(d *sim.DNSTrace)
		want  string // of the lookup that is not redirected
	}{
		{"while it waits", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 10, own, sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "upstream ext [3] for 0"},
		{"with another id", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 10, own, sim.Resolver, sim.DNSQuery(8, "ext"))
		}, "upstream ext [3] for 0"},
		{"in other letters", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "Ext")
			d.Add("eth0", 10, own, sim.Resolver, sim.DNSQuery(8, "eXT"))
		}, "upstream eXT [3] for 0"},
		{"another question", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 10, own, sim.Resolver, sim.DNSQuery(7, "other"))
		}, "upstream other [3]"},
		{"another type", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 10, own, sim.Resolver, sim.DNSQuery(7, "ext/AAAA"))
		}, "upstream ext [3]"},
		{"at a server that only the id tells", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 10, own, resolver2, sim.DNSQuery(7, "ext"))
		}, "upstream ext [3] for 0"},
		{"at another server, with another id", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 10, own, resolver2, sim.DNSQuery(8, "ext"))
		}, "direct ext [3]"},
		{"by another pod's address", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 10, "10.244.1.11:33001", sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "direct ext [3]"},
		{"on loopback", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("lo", 10, own, sim.Resolver, sim.DNSQuery(8, "ext"))
		}, "direct ext [3]"},
		{"50 microseconds before it is asked", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, own, sim.Resolver, sim.DNSQuery(7, "ext"))
			ask(d, 0.05, 100, 7, "ext")
		}, "upstream ext [1] for 1"},
		{"earlier than that", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, own, sim.Resolver, sim.DNSQuery(7, "ext"))
			ask(d, 0.0625, 100, 7, "ext")
		}, "upstream ext [1]"},
		{"50 microseconds after it was answered", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 100.05, own, sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "upstream ext [3] for 0"},
		{"later than that", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 100.0625, own, sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "upstream ext [3]"},
		{"answered 50 microseconds after", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 50, own, sim.Resolver, sim.DNSQuery(7, "ext"))
			d.Add("eth0", 100.05, sim.Resolver, own, sim.DNSAnswer(7, "ext"))
		}, "upstream ext [3 4] for 0"},
		{"answered later than that", func(d *sim.DNSTrace) {
			ask(d, 0, 100, 7, "ext")
			d.Add("eth0", 50, own, sim.Resolver, sim.DNSQuery(7, "ext"))
			d.Add("eth0", 100.0625, sim.Resolver, own, sim.DNSAnswer(7, "ext"))
		}, "upstream ext [3 4]"},
		{"30 seconds later, unanswered", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "ext"))
			d.Add("eth0", 30_000, own, sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "upstream ext [2] for 0"},
		{"later than that, unanswered", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "ext"))
			d.Add("eth0", 30_000.001, own, sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "direct ext [2]"},
		{"a redirect that was cut before its question tells servers only", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "ext"))
			d.Add("lo", 100, sim.Resolver, app, sim.DNSAnswer(7, "ext"))
			d.Datagrams[0].Cut, d.Datagrams[1].Cut = 9, 9 // the question
			d.Add("eth0", 10, own, sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "upstream ext [3]"},
		{"no agent", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Resolver, sim.DNSQuery(7, "ext"))
			d.Add("eth0", 10, own, sim.Resolver, sim.DNSQuery(7, "ext"))
		}, "direct ext [2]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			tt.trace(&d)
			lookups, _ := find(t, at(&d))
			var got string
			for i, l := range lookups {
				if l.Client.Addr() != netip.MustParseAddr(sim.Pod) || l.Client.Port() == 33001 {
					got = packets(lookups)[i]
				}
			}
			if got != tt.want {
				t.Errorf("lookup %q of %q, want %q", got, packets(lookups), tt.want)
			}
		})
	}
}

// Of several of the application's lookups with one question the id tells which is
// passed on, then whether it was already, then time.
func TestUpstreamOfSeveral(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ids   []uint16 // asked by the application
		asked []uint16 // by the agent
		want  []int
	}{
		{"one after the other", []uint16{1, 1, 1}, []uint16{1, 1, 1}, []int{0, 1, 2}},
		{"more than the application asked", []uint16{1, 1}, []uint16{1, 1, 1}, []int{0, 1, 0}},
		{"by their ids", []uint16{1, 2, 3}, []uint16{3, 1, 2}, []int{2, 0, 1}},
		{"an id that was passed on already", []uint16{1, 2}, []uint16{1, 1}, []int{0, 0}},
		{"other ids", []uint16{1, 2}, []uint16{8, 9}, []int{0, 1}},
		{"another id first", []uint16{1, 2}, []uint16{8, 1}, []int{0, 0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			for i, id := range tt.ids {
				d.Add("lo", float64(i), fmt.Sprintf("%s:%d", sim.Pod, 40000+i), sim.Agent, sim.DNSQuery(id, "ext"))
			}
			for i, id := range tt.asked {
				d.Add("eth0", 10+float64(i), fmt.Sprintf("%s:%d", sim.Pod, 33000+i), sim.Resolver, sim.DNSQuery(id, "ext"))
			}
			for i, id := range tt.ids {
				d.Add("lo", 100+float64(i), sim.Resolver, fmt.Sprintf("%s:%d", sim.Pod, 40000+i), sim.DNSAnswer(id, "ext"))
			}
			lookups, _ := find(t, at(&d))
			var got []int
			for _, l := range lookups[len(tt.ids):] {
				got = append(got, l.UpstreamOf)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("passed on (-got +want):\n%s", diff)
			}
		})
	}
}

// Only the last 64 lookups with the question are looked at.
func TestMostCauses(t *testing.T) {
	for later, want := range map[int]int{63: 0, 64: -1} {
		var d sim.DNSTrace
		d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "ext")) // the only one that waits
		for i := range later {
			end := fmt.Sprintf("%s:%d", sim.Pod, 41000+i)
			d.Add("lo", 1+float64(i), end, sim.Agent, sim.DNSQuery(7, "ext"))
			d.Add("lo", 1.5+float64(i), sim.Resolver, end, sim.DNSAnswer(7, "ext"))
		}
		d.Add("eth0", 1000, sim.Pod+":33001", sim.Resolver, sim.DNSQuery(7, "ext"))
		lookups, _ := find(t, at(&d))
		if got := lookups[len(lookups)-1]; got.UpstreamOf != want || got.Client.Port() != 33001 {
			t.Errorf("%d lookups after it: that of %v is for %d, want that of the agent for %d", later, got.Client, got.UpstreamOf, want)
		}
	}
}

// Whether a pod's agent answers its queries shows in lookups, and in connections
// to port 53 that another port of DNS answers.
func TestCaptured(t *testing.T) {
	leg := func(asked, answered uint16) *graph.Leg {
		client, server := netip.MustParseAddr(sim.Pod), netip.MustParseAddr("10.96.0.10")
		to := func(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }
		l := &graph.Leg{Leg: &flow.Leg{Pod: "a"}}
		l.Orig = tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: to(client, 40000), Dst: to(server, asked)}
		l.Reply = tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: to(server, answered), Dst: to(client, 40000)}
		return l
	}
	redirected, direct := new(sim.DNSTrace), new(sim.DNSTrace)
	redirected.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
	direct.Add("lo", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
	for _, tt := range []struct {
		name  string
		trace *sim.DNSTrace
		legs  []*graph.Leg
		want  map[string]bool
	}{
		{"nothing", new(sim.DNSTrace), nil, map[string]bool{}},
		{"a lookup that is redirected", redirected, nil, map[string]bool{"": true}},
		{"one that is not", direct, nil, map[string]bool{}},
		{"the agent answers", new(sim.DNSTrace), []*graph.Leg{leg(53, 15053)}, map[string]bool{"a": true}},
		{"port 53 answers", new(sim.DNSTrace), []*graph.Leg{leg(53, 53)}, map[string]bool{}},
		{"another port answers", new(sim.DNSTrace), []*graph.Leg{leg(53, 15001)}, map[string]bool{}},
		{"another port is asked", new(sim.DNSTrace), []*graph.Leg{leg(80, 15053), leg(54, 15053), leg(52, 15053)}, map[string]bool{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := at(tt.trace).Read(t)
			lookups, _ := dns.Find(x.Index, x.Records)
			if got := dns.Captured(&index.Index{Ports: []uint16{53, 15053}}, lookups, tt.legs); !cmp.Equal(got, tt.want) {
				t.Errorf("pods %v, want %v", got, tt.want)
			}
		})
	}
}

// Where answers of a server at a point show that nothing is redirected, an answer
// alone is not either.
func TestPlainServers(t *testing.T) {
	const cache = "169.254.20.10:53"
	talk := func(d *sim.DNSTrace, iface, server string) {
		d.Add(iface, 0, "10.0.0.1:40000", server, sim.DNSQuery(7, "svc"))
		d.Add(iface, 1, server, "10.0.0.1:40000", sim.DNSAnswer(7, "svc"))
	}
	for _, tt := range []struct {
		name  string
		trace func(d *sim.DNSTrace)
		want  bool // the answer alone is redirected
	}{
		{"nothing else", func(*sim.DNSTrace) {}, true},
		{"the server's answers are not", func(d *sim.DNSTrace) { talk(d, "lo", cache) }, false},
		{"another server's answers are not", func(d *sim.DNSTrace) { talk(d, "lo", "169.254.20.11:53") }, true},
		{"at another point", func(d *sim.DNSTrace) { talk(d, "eth0", cache) }, true},
		{"a query alone says nothing", func(d *sim.DNSTrace) {
			d.Add("lo", 0, "10.0.0.1:40000", cache, sim.DNSQuery(7, "svc"))
		}, true},
		{"redirected", func(d *sim.DNSTrace) {
			d.Add("lo", 0, "10.0.0.1:40000", sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, cache, "10.0.0.1:40000", sim.DNSAnswer(7, "svc"))
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			tt.trace(&d)
			d.Add("lo", 5000, cache, "10.0.0.1:40009", sim.DNSAnswer(9, "svc"))
			lookups, _ := find(t, at(&d))
			l := lookups[len(lookups)-1]
			if l.Redirected != tt.want || l.AnsweredBy.IsValid() == tt.want {
				t.Errorf("redirected %v, answered by %v, want redirected %v", l.Redirected, l.AnsweredBy, tt.want)
			}
		})
	}
}
