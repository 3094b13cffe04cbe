package dns_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// What is kept of the messages of one lookup: the first packets, each tuple once,
// times of the first of each direction, and what the first answer says.
func TestWhatALookupKeeps(t *testing.T) {
	var d sim.DNSTrace
	for i := range 7 {
		d.Add("lo", 100*float64(i), app, sim.Agent, sim.DNSQuery(7, "svc"))
	}
	d.Add("lo", 1000, sim.Resolver, app, sim.DNSAnswer(7, "SVC", "10.96.10.1"))
	d.Add("lo", 1100, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.2"))
	lookups, of := find(t, at(&d))
	if len(lookups) != 1 {
		t.Fatalf("lookups %q, want one", packets(lookups))
	}
	l := lookups[0]
	if got, want := packets(lookups)[0], "app svc [1 2 3 4 5 6 7 8]"; got != want {
		t.Errorf("lookup %q, want %q", got, want)
	}
	base := l.Asked
	if l.Queries != 7 || l.Answers != 2 || l.Answered.Sub(base).Milliseconds() != 1000 || int64(base) != 1_795_248_340_000_000_000 || l.MessageID != 7 {
		t.Errorf("%d queries from %d on, %d answers %v later, id %d", l.Queries, base, l.Answers, l.Answered.Sub(base), l.MessageID)
	}
	udp := func(src, dst string) tcpip.Tuple {
		return tcpip.Tuple{Proto: tcpip.ProtoUDP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
	}
	if want := []tcpip.Tuple{udp(app, sim.Agent), udp(sim.Resolver, app)}; !slices.Equal(l.Captured, want) {
		t.Errorf("tuples %v, want %v", l.Captured, want)
	}
	want := []names.Record{{Name: "SVC", Type: "A", TTL: 30, Addr: netip.MustParseAddr("10.96.10.1")}}
	if diff := cmp.Diff(l.Records, want, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("records (-got +want):\n%s", diff)
	}
	if want := []uint32{1, 1, 1, 1, 1, 1, 1, 1, 1}; !slices.Equal(of[0], want) {
		t.Errorf("messages are of lookups %v, want %v", of[0], want)
	}
}

// Lookups are in the order in which they began, whichever message was read first.
func TestOrderOfLookups(t *testing.T) {
	a, b := new(sim.DNSTrace), new(sim.DNSTrace)
	a.Add("eth0", 5, app, sim.Resolver, sim.DNSQuery(1, "third"))
	a.Add("eth0", 9, app, sim.Resolver, sim.DNSQuery(2, "fourth"))
	b.Add("eth0", 5.01, sim.Resolver, second, sim.DNSAnswer(3, "second"))
	b.Add("eth0", 4.99, second, sim.Resolver, sim.DNSQuery(3, "second"))
	b.Add("eth0", 4.9, second, sim.Resolver, sim.DNSQuery(4, "first"))
	lookups, of := find(t, at(a, b))
	var got []string
	for i, l := range lookups {
		if got = append(got, l.Name); l.ID != i {
			t.Errorf("lookup %d has the ID %d", i, l.ID)
		}
	}
	if want := []string{"first", "second", "third", "fourth"}; !slices.Equal(got, want) {
		t.Errorf("lookups %v, want %v", got, want)
	}
	if want := [][]uint32{{3, 4}, {2, 2, 1}}; !cmp.Equal(of, want) {
		t.Errorf("messages are of lookups %v, want %v", of, want)
	}
}

// A second copy of a packet on loopback is of no lookup.
func TestSecondCopies(t *testing.T) {
	var d sim.DNSTrace
	for range 2 {
		d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
	}
	x := at(&d).Read(t)
	if m := x.Index.Groups[0].DNS.Messages; m.Len() != 2 {
		t.Fatalf("%d messages, want 2", m.Len())
	}
	lookups, of := find(t, at(&d))
	if want := []uint32{1, 0}; len(lookups) != 1 || lookups[0].Queries != 1 || !slices.Equal(of[0], want) {
		t.Errorf("%d lookups of the messages %v, want one of %v", len(lookups), of[0], want)
	}
}

// Whom a client asked and who answered, as far as one direction or both tell.
func TestEnds(t *testing.T) {
	query := func(iface, src, dst string) func(*sim.DNSTrace) {
		return func(d *sim.DNSTrace) { d.Add(iface, 0, src, dst, sim.DNSQuery(7, "svc")) }
	}
	answer := func(iface, src, dst string) func(*sim.DNSTrace) {
		return func(d *sim.DNSTrace) { d.Add(iface, 1, src, dst, sim.DNSAnswer(7, "svc")) }
	}
	const none = "invalid AddrPort"
	for _, tt := range []struct {
		name         string
		trace        []func(*sim.DNSTrace)
		server, from string
		redirected   bool
	}{
		{"both", []func(*sim.DNSTrace){query("eth0", app, sim.Resolver), answer("eth0", sim.Resolver, app)}, sim.Resolver, sim.Resolver, false},
		{"both, redirected", []func(*sim.DNSTrace){query("lo", app, sim.Agent), answer("lo", sim.Resolver, app)}, sim.Resolver, sim.Agent, true},
		{"both, the answer as its sender sent it", []func(*sim.DNSTrace){query("lo", app, sim.Agent), answer("lo", sim.Agent, app)}, none, sim.Agent, true},
		{"both on loopback", []func(*sim.DNSTrace){query("lo", "127.0.0.1:40000", "127.0.0.53:53"), answer("lo", "127.0.0.53:53", "127.0.0.1:40000")}, "127.0.0.53:53", "127.0.0.53:53", false},
		{"a query", []func(*sim.DNSTrace){query("eth0", app, sim.Resolver)}, sim.Resolver, sim.Resolver, false},
		{"a query to the agent", []func(*sim.DNSTrace){query("lo", app, sim.Agent)}, none, sim.Agent, true},
		{"a query on loopback", []func(*sim.DNSTrace){query("lo", "127.0.0.1:40000", "127.0.0.53:53")}, "127.0.0.53:53", "127.0.0.53:53", false},
		{"an answer", []func(*sim.DNSTrace){answer("eth0", sim.Resolver, app)}, sim.Resolver, sim.Resolver, false},
		{"an answer of somebody else on lo", []func(*sim.DNSTrace){answer("lo", sim.Resolver, app)}, sim.Resolver, none, true},
		{"an answer from loopback", []func(*sim.DNSTrace){answer("lo", "127.0.0.53:53", app)}, "127.0.0.53:53", "127.0.0.53:53", false},
		{"an answer of the host to itself", []func(*sim.DNSTrace){answer("lo", sim.Pod+":53", app)}, sim.Pod + ":53", sim.Pod + ":53", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			for _, add := range tt.trace {
				add(&d)
			}
			lookups, _ := find(t, at(&d))
			if len(lookups) != 1 {
				t.Fatalf("lookups %q, want one", packets(lookups))
			}
			l := lookups[0]
			if l.Server.String() != tt.server || l.AnsweredBy.String() != tt.from || l.Redirected != tt.redirected {
				t.Errorf("asked %v, answered by %v, redirected %v, want %s, %s, %v", l.Server, l.AnsweredBy, l.Redirected, tt.server, tt.from, tt.redirected)
			}
		})
	}
}

// A lookup that several points show is one: that of the most packets, or else the
// first.
func TestOnce(t *testing.T) {
	// show adds a lookup of some queries, and an answer if it is given a time.
	show := func(d *sim.DNSTrace, iface, client, server string, id uint16, name string, answered float64, queries ...float64) {
		for _, ms := range queries {
			d.Add(iface, ms, client, server, sim.DNSQuery(id, name))
		}
		if answered > 0 {
			d.Add(iface, answered, server, client, sim.DNSAnswer(id, name))
		}
	}
	for _, tt := range []struct {
		name  string
		trace func(d *sim.DNSTrace)
		want  []string
	}{
		{"as many packets", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 10, 1)
		}, []string{"direct svc [1 2]"}},
		{"more packets", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 0, 0)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 10, 1)
		}, []string{"direct svc [2 3]"}},
		{"more answers, but fewer packets", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 0, 0, 1, 2)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 10, 3)
		}, []string{"direct svc [1 2 3]"}},
		{"in other letters", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", app, sim.Resolver, 7, "SVC", 10, 1)
		}, []string{"direct svc [1 2]"}},
		{"a second later", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 1010, 1000)
		}, []string{"direct svc [1 2]"}},
		{"more than a second later", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 1010, 1000.001)
		}, []string{"direct svc [1 2]", "direct svc [3 4]"}},
		{"twice at each", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth0", app, sim.Resolver, 7, "svc", 29, 20)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 10, 1)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 30, 21)
		}, []string{"direct svc [1 2]", "direct svc [3 4]"}},
		{"at three", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 0, 0)
			show(d, "eth1", app, sim.Resolver, 7, "svc", 10, 1)
			show(d, "eth2", app, sim.Resolver, 7, "svc", 0, 2)
		}, []string{"direct svc [2 3]"}},
		{"another id", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", app, sim.Resolver, 8, "svc", 10, 1)
		}, []string{"direct svc [1 2]", "direct svc [3 4]"}},
		{"another client", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", second, sim.Resolver, 7, "svc", 10, 1)
		}, []string{"direct svc [1 2]", "direct svc [3 4]"}},
		{"another server", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", app, "192.0.2.53:53", 7, "svc", 10, 1)
		}, []string{"direct svc [1 2]", "direct svc [3 4]"}},
		{"another type", func(d *sim.DNSTrace) {
			show(d, "eth0", app, sim.Resolver, 7, "svc", 9, 0)
			show(d, "eth1", app, sim.Resolver, 7, "svc/AAAA", 10, 1)
		}, []string{"direct svc [1 2]", "direct svc [3 4]"}},
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

// Addresses on loopback are those of one pod, and what is redirected is one pod's
// matter.
func TestOnceInPods(t *testing.T) {
	const local = "127.0.0.1:40000"
	for _, tt := range []struct {
		name           string
		client, server string
		pods           [2]string
		want           int
	}{
		{"other pods see the same", app, sim.Resolver, [2]string{"a", "b"}, 1},
		{"other pods have clients on loopback", local, sim.Resolver, [2]string{"a", "b"}, 2},
		{"other pods have servers on loopback", app, "127.0.0.53:53", [2]string{"a", "b"}, 2},
		{"one pod has both", local, "127.0.0.53:53", [2]string{"a", "a"}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var traces [2]sim.DNSTrace
			for i := range traces {
				traces[i].Add(fmt.Sprint("eth", i), float64(i), tt.client, tt.server, sim.DNSQuery(7, "svc"))
			}
			w := at(&traces[0], &traces[1])
			for i := range w.Pods {
				w.Pods[i].Name = tt.pods[i]
			}
			lookups, of := find(t, w)
			if len(lookups) != tt.want {
				t.Fatalf("%d lookups, want %d", len(lookups), tt.want)
			}
			if gone := of[1][0] == 0; gone != (tt.want == 1) || lookups[0].Pod != tt.pods[0] || of[0][0] != 1 {
				t.Errorf("messages are of lookups %v, the first of pod %q", of, lookups[0].Pod)
			}
		})
	}
}

// Types and codes are called what tools call them.
func TestNamesOfTypes(t *testing.T) {
	for number, want := range map[uint16]string{1: "A", 28: "AAAA", 12: "PTR", 64: "SVCB", 65: "HTTPS", 63: "TYPE63", 66: "TYPE66", 65280: "TYPE65280"} {
		var d sim.DNSTrace
		q := dnsmessage.Question{Name: dnsmessage.MustNewName("svc."), Type: dnsmessage.Type(number), Class: dnsmessage.ClassINET}
		d.Add("eth0", 0, app, sim.Resolver, sim.PackDNS(dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{q}}))
		lookups, _ := find(t, at(&d))
		if got := lookups[0].Type; got != want {
			t.Errorf("type %d is %q, want %q", number, got, want)
		}
	}
}

func TestNamesOfCodes(t *testing.T) {
	for code, want := range map[dnsmessage.RCode]string{0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED", 6: "RCODE06", 10: "RCODE10", 15: "RCODE15"} {
		for _, truncated := range []bool{false, true} {
			var d sim.DNSTrace
			h := dnsmessage.Header{ID: 7, Response: true, RCode: code, Truncated: truncated}
			d.Add("eth0", 0, sim.Resolver, app, sim.PackDNS(dnsmessage.Message{Header: h}))
			lookups, _ := find(t, at(&d))
			if l := lookups[0]; l.RCode != want || l.Truncated != truncated {
				t.Errorf("code %d is %q, truncated %v, want %q, %v", code, l.RCode, l.Truncated, want, truncated)
			}
		}
	}
}
