package dns_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/dns"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Clients of the pod.
const (
	app    = sim.Pod + ":40000"
	second = sim.Pod + ":40001"
)

// at is a world in which DNS was captured, as one file or one for each pod.
func at(traces ...*sim.DNSTrace) *testindex.World {
	w := new(testindex.World)
	for _, d := range traces {
		w.Pods = append(w.Pods, testindex.Pod{File: pcap.UDPFile(d.Datagrams)})
	}
	return w
}

// find pairs the messages of a world.
func find(t *testing.T, w *testindex.World) ([]*dns.Lookup, [][]uint32) {
	t.Helper()
	x := w.Read(t)
	return dns.Find(x.Index, x.Records)
}

// tracked adds what conntrack says.
func tracked(w *testindex.World, lines string) *testindex.World {
	w.Texts = append(w.Texts, testindex.Text{Kind: record.Conntrack, Text: lines})
	return w
}

// packets describes lookups by their packets and what they were asked for.
func packets(lookups []*dns.Lookup) []string {
	var out []string
	for _, l := range lookups {
		var ns []uint32
		for _, p := range l.Packets {
			ns = append(ns, p.Packet)
		}
		s := fmt.Sprint(l.Role, " ", l.Name, " ", ns)
		if l.UpstreamOf >= 0 {
			s += fmt.Sprint(" for ", l.UpstreamOf)
		}
		out = append(out, s)
	}
	return out
}

// A query waits for 30 seconds, and a message belongs to the lookup of the same
// end, id and question that goes with it best.
func TestPairing(t *testing.T) {
	for _, tt := range []struct {
		name  string
		trace func(d *sim.DNSTrace)
		want  []string
	}{
		{"an answer after 30 seconds", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 30_000, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1 2]"}},
		{"an answer after more", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 30_000.001, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"an answer 30 seconds after the query was sent again", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 20_000, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 50_000, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1 2 3]"}},
		{"an answer 50 microseconds before its query", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 0.05, app, sim.Resolver, sim.DNSQuery(7, "svc"))
		}, []string{"direct svc [1 2]"}},
		{"an answer earlier than that", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 0.0625, app, sim.Resolver, sim.DNSQuery(7, "svc"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"an answer of another server before a query", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, "192.0.2.53:53", app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 0.01, app, sim.Resolver, sim.DNSQuery(7, "svc"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"answers of two servers", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 1, "192.0.2.53:53", app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 2, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1 3]", "direct svc [2]"}},
		{"of a query answered already the second answer", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 2, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 3, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 4, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1 2 5]", "direct svc [3 4]"}},
		{"the server that was asked, not one that a redirect may hide", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("lo", 2, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 3, "192.0.2.53:53", app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1 4]", "direct svc [2 3]"}},
		{"who waits, though a redirect may hide whom it asked", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 2, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 3, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1 2]", "app svc [3 4]"}},
		{"another server, and no redirect", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 1, "192.0.2.53:53", app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"a query from loopback is not redirected", func(d *sim.DNSTrace) {
			d.Add("lo", 0, "127.0.0.1:40000", sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, "127.0.0.1:40000", sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1]", "app svc [2]"}},
		{"nor does an answer from another address on loopback come of it", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, "127.0.0.53:53", app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1]", "direct svc [2]"}},
		{"the same end at another point", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth1", 2000, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"another type", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc/AAAA"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"another id", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 1, sim.Resolver, app, sim.DNSAnswer(8, "svc"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"queries of one end to two servers", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 1, app, "192.0.2.53:53", sim.DNSQuery(7, "svc"))
			d.Add("eth0", 2, app, "192.0.2.53:53", sim.DNSQuery(7, "svc"))
			d.Add("eth0", 3, app, "192.0.2.53:5353", sim.DNSQuery(7, "svc"))
		}, []string{"direct svc [1]", "direct svc [2 3]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			tt.trace(&d)
			lookups, _ := find(t, at(&d))
			if diff := cmp.Diff(packets(lookups), tt.want); diff != "" {
				t.Errorf("lookups (-got +want):\n%s", diff)
			}
		})
	}
}

// An attacker could have a client's end wait for ever more answers: 16 are looked
// at.
func TestMostUnderWay(t *testing.T) {
	for asked, want := range map[int]string{16: "[1 17]", 17: "[18]"} {
		var d sim.DNSTrace
		for i := range asked {
			d.Add("eth0", float64(i), app, fmt.Sprintf("192.0.2.%d:53", 1+i), sim.DNSQuery(7, "svc"))
		}
		d.Add("eth0", 100, "192.0.2.1:53", app, sim.DNSAnswer(7, "svc"))
		lookups, _ := find(t, at(&d))
		found := false
		for _, s := range packets(lookups) {
			found = found || s == "direct svc "+want
		}
		if !found {
			t.Errorf("%d are asked: lookups %v, want one of the packets %s", asked, packets(lookups), want)
		}
	}
}

// Where NAT moved the port of a query, its answer is tied by what else they have in
// common, if nothing else has that, and in time.
func TestMovedPort(t *testing.T) {
	const moved, other = sim.Pod + ":50123", sim.Pod + ":50124"
	for _, tt := range []struct {
		name  string
		trace func(d *sim.DNSTrace)
		want  []string
	}{
		{"after 30 seconds", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 30_000, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1 2]"}},
		{"after more", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 30_000.001, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1]", "app svc [2]"}},
		{"50 microseconds before the query", func(d *sim.DNSTrace) {
			d.Add("lo", 0, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 0.05, moved, sim.Agent, sim.DNSQuery(7, "svc"))
		}, []string{"app svc [1 2]"}},
		{"earlier than that", func(d *sim.DNSTrace) {
			d.Add("lo", 0, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 0.0625, moved, sim.Agent, sim.DNSQuery(7, "svc"))
		}, []string{"app svc [1]", "app svc [2]"}},
		{"two that could be meant", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, other, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 2, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1]", "app svc [2]", "app svc [3]"}},
		{"one of which has its answer", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, other, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 2, sim.Resolver, other, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 3, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1 4]", "app svc [2 3]"}},
		{"two answers for one", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 2, sim.Resolver, second, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1 2]", "app svc [3]"}},
		{"an answer sent twice", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 10, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 1000, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1 2 3]"}},
		{"behind others", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(5, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(5, "svc"))
			d.Add("lo", 2, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
			d.Add("lo", 2, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 3, app, sim.Agent, sim.DNSQuery(8, "svc"))
			d.Add("lo", 4, sim.Resolver, app, sim.DNSAnswer(8, "svc"))
		}, []string{"app svc [1 2]", "app svc [3 4]", "app svc [5 6]"}},
		{"another question", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "other"))
		}, []string{"app svc [1]", "app other [2]"}},
		{"another type", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc/AAAA"))
		}, []string{"app svc [1]", "app svc [2]"}},
		{"another id", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(8, "svc"))
		}, []string{"app svc [1]", "app svc [2]"}},
		{"another client", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, "10.244.1.11:40000", sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1]", "app svc [2]"}},
		{"no redirect", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, moved, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1]", "direct svc [2]"}},
		{"from loopback", func(d *sim.DNSTrace) {
			d.Add("lo", 0, "127.0.0.1:50123", sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, "127.0.0.1:40000", sim.DNSAnswer(7, "svc"))
		}, []string{"direct svc [1]", "app svc [2]"}},
		{"an answer from loopback", func(d *sim.DNSTrace) {
			d.Add("lo", 0, moved, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Agent, app, sim.DNSAnswer(7, "svc"))
		}, []string{"app svc [1]", "direct svc [2]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			tt.trace(&d)
			lookups, of := find(t, at(&d))
			if diff := cmp.Diff(packets(lookups), tt.want); diff != "" {
				t.Errorf("lookups (-got +want):\n%s", diff)
			}
			for i, l := range lookups {
				for _, p := range l.Packets {
					if got := of[0][p.Packet-1]; got != uint32(i+1) {
						t.Errorf("packet %d is of lookup %d, want %d", p.Packet, int(got)-1, i)
					}
				}
			}
		})
	}
}

// More than 64 queries that one answer may be of are not looked at, even if time
// leaves only one.
func TestMostWaiting(t *testing.T) {
	for asked, want := range map[int]int{64: 64, 65: 66} {
		var d sim.DNSTrace
		for i := range asked {
			ms := float64(i)
			if i == asked-1 {
				ms = 40_000
			}
			d.Add("lo", ms, fmt.Sprintf("%s:%d", sim.Pod, 50000+i), sim.Agent, sim.DNSQuery(7, "svc"))
		}
		d.Add("lo", 40_001, sim.Resolver, app, sim.DNSAnswer(7, "svc"))
		if lookups, _ := find(t, at(&d)); len(lookups) != want {
			t.Errorf("%d wait: %d lookups, want %d", asked, len(lookups), want)
		}
	}
}
