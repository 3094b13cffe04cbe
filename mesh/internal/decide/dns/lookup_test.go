package dns_test

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

func TestLookups(t *testing.T) {
	const app, second = sim.Pod + ":40000", sim.Pod + ":40001"
	for _, tt := range []struct {
		name  string
		trace func(d *sim.DNSTrace)
		want  []string
	}{
		{"redirected", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		{"ipv6", func(d *sim.DNSTrace) {
			d.Add("lo", 0, "[fd00::10]:40000", "[::1]:15053", sim.DNSQuery(7, "svc/AAAA"))
			d.Add("lo", 1, "[fd00:10:96::a]:53", "[fd00::10]:40000", sim.DNSAnswer(7, "svc/AAAA", "fd00::5"))
		}, []string{"app [fd00::10]:40000 > [fd00:10:96::a]:53 ([::1]:15053) svc AAAA NOERROR [1 2]"}},
		{"two questions of one socket", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 0.1, app, sim.Agent, sim.DNSQuery(8, "svc/AAAA"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(8, "svc/AAAA"))
			d.Add("lo", 2, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 4]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc AAAA NXDOMAIN [2 3]",
		}},
		{"one id, two questions", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "one"))
			d.Add("lo", 0.1, app, sim.Agent, sim.DNSQuery(7, "two"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "two"))
			d.Add("lo", 2, sim.Resolver, app, sim.DNSAnswer(7, "ONE"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) one A NXDOMAIN [1 4]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) two A NXDOMAIN [2 3]",
		}},
		{"sent again", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 5000, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 5001, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
			d.Add("lo", 5003, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2 3 4]"}},
		{"port and id used again", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
			d.Add("lo", 2, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 3, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.2"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [3 4]",
		}},
		{"unanswered, and asked again a minute later", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 60_000, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 60_001, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"app 10.244.1.10:40000 > invalid AddrPort (127.0.0.1:15053) svc A  [1]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [2 3]",
		}},
		{"answer alone", func(d *sim.DNSTrace) {
			d.Add("lo", 0, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (invalid AddrPort) svc A NOERROR [1]"}},
		{"answer first", func(d *sim.DNSTrace) {
			d.Add("lo", 0, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
			d.Add("lo", 0.01, app, sim.Agent, sim.DNSQuery(7, "svc"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		{"answer without question", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.PackDNS(dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true, RCode: dnsmessage.RCodeFormatError}}))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A FORMERR [1 2]"}},
		{"answer that lost its NAT", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Agent, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > invalid AddrPort (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		{"answer to another question", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "one"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "two"))
		}, []string{
			"app 10.244.1.10:40000 > invalid AddrPort (127.0.0.1:15053) one A  [1]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (invalid AddrPort) two A NXDOMAIN [2]",
		}},
		// Two servers asked at once from one port, as musl does: NAT gives the
		// second query another port, which its answer does not show.
		{"port moved", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 0.1, sim.Pod+":50123", sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, "10.96.0.11:53", app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
			d.Add("lo", 2, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.11:53 (127.0.0.1:15053) svc A NOERROR [1 3]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [2 4]",
		}},
		{"port moved, one query alone", func(d *sim.DNSTrace) {
			d.Add("lo", 0, sim.Pod+":50123", sim.Agent, sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		// A resolver with an address on loopback, such as a cache of the node's.
		{"resolver on loopback", func(d *sim.DNSTrace) {
			d.Add("lo", 0, "10.0.0.1:40000", "169.254.20.10:53", sim.DNSQuery(7, "svc"))
			d.Add("lo", 1, "169.254.20.10:53", "10.0.0.1:40000", sim.DNSAnswer(7, "svc"))
			d.Add("lo", 2, "169.254.20.10:53", "10.0.0.1:40001", sim.DNSAnswer(8, "svc"))
		}, []string{
			"direct 10.0.0.1:40000 > 169.254.20.10:53 (169.254.20.10:53) svc A NXDOMAIN [1 2]",
			"direct 10.0.0.1:40001 > 169.254.20.10:53 (169.254.20.10:53) svc A NXDOMAIN [3]",
		}},
		{"direct", func(d *sim.DNSTrace) {
			d.Add("eth0", 0, app, sim.Resolver, sim.DNSQuery(7, "svc"))
			d.Add("eth0", 0.1, app, "10.96.0.11:53", sim.DNSQuery(7, "svc"))
			d.Add("eth0", 1, "10.96.0.11:53", app, sim.DNSAnswer(7, "svc"))
			d.Add("eth0", 2, sim.Resolver, app, sim.DNSAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"direct 10.244.1.10:40000 > 10.96.0.10:53 (10.96.0.10:53) svc A NOERROR [1 4]",
			"direct 10.244.1.10:40000 > 10.96.0.11:53 (10.96.0.11:53) svc A NXDOMAIN [2 3]",
		}},
		{"upstream", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, sim.DNSQuery(7, "ext"))
			d.Add("lo", 0.1, second, sim.Agent, sim.DNSQuery(9, "ext"))
			d.Add("eth0", 0.5, sim.Pod+":33001", sim.Resolver, sim.DNSQuery(9, "ext"))
			d.Add("eth0", 0.6, sim.Pod+":33002", sim.Resolver, sim.DNSQuery(7, "ext"))
			d.Add("eth0", 0.7, sim.Pod+":33003", sim.Resolver, sim.DNSQuery(1, "istiod"))
			d.Add("eth0", 3, sim.Resolver, sim.Pod+":33001", sim.DNSAnswer(9, "ext"))
			d.Add("eth0", 4, sim.Resolver, sim.Pod+":33002", sim.DNSAnswer(7, "ext"))
			d.Add("lo", 5, sim.Resolver, app, sim.DNSAnswer(7, "ext"))
			d.Add("lo", 6, sim.Resolver, second, sim.DNSAnswer(9, "ext"))
			d.Add("lo", 6.5, app, sim.Agent, sim.DNSQuery(5, "ext"))
			d.Add("eth0", 6.6, sim.Pod+":33005", "192.0.2.53:53", sim.DNSQuery(6, "ext"))
			d.Add("eth0", 6.7, sim.Pod+":33006", "192.0.2.54:53", sim.DNSQuery(5, "ext"))
			d.Add("lo", 6.9, sim.Resolver, app, sim.DNSAnswer(5, "ext"))
			d.Add("eth0", 7, sim.Pod+":33004", "192.0.2.53:53", sim.DNSQuery(7, "ext"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) ext A NXDOMAIN [1 8]",
			"app 10.244.1.10:40001 > 10.96.0.10:53 (127.0.0.1:15053) ext A NXDOMAIN [2 9]",
			"upstream 10.244.1.10:33001 > 10.96.0.10:53 (10.96.0.10:53) ext A NXDOMAIN [3 6] for 1",
			"upstream 10.244.1.10:33002 > 10.96.0.10:53 (10.96.0.10:53) ext A NXDOMAIN [4 7] for 0",
			"upstream 10.244.1.10:33003 > 10.96.0.10:53 (10.96.0.10:53) istiod A  [5]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) ext A NXDOMAIN [10 13]",
			"direct 10.244.1.10:33005 > 192.0.2.53:53 (192.0.2.53:53) ext A  [11]",
			"upstream 10.244.1.10:33006 > 192.0.2.54:53 (192.0.2.54:53) ext A  [12] for 5",
			"direct 10.244.1.10:33004 > 192.0.2.53:53 (192.0.2.53:53) ext A  [14]",
		}},
		{"no DNS", func(d *sim.DNSTrace) {
			d.Add("lo", 0, app, sim.Agent, []byte("GET / HTTP/1.1\r\n\r\n"))
			d.Add("lo", 1, app, sim.Agent, nil)
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d sim.DNSTrace
			tt.trace(&d)
			r := d.Stitch(t)
			var got []string
			for _, l := range r.Lookups {
				got = append(got, sim.LookupLine(l))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lookups (-want +got):\n%s", diff)
			}
			if tt.name == "no DNS" && r.NotDNS != 2 {
				t.Errorf("%d datagrams are no DNS, want 2", r.NotDNS)
			}
		})
	}
}

// A lookup that two captures show is one.
func TestLookupSeenTwice(t *testing.T) {
	var a, b sim.DNSTrace
	a.Add("eth0", 0, sim.Pod+":40000", sim.Resolver, sim.DNSQuery(7, "svc"))
	b.Add("eth1", 0.01, sim.Pod+":40000", sim.Resolver, sim.DNSQuery(7, "svc"))
	b.Add("eth1", 1, sim.Resolver, sim.Pod+":40000", sim.DNSAnswer(7, "svc", "10.96.10.1"))
	r, err := mesh.Stitch(t.Context(), []mesh.Input{
		{Name: pcap.WriteFile(t, "a.pcapng", pcap.UDPFile(a.Datagrams)), Pod: "a"},
		{Name: pcap.WriteFile(t, "b.pcapng", pcap.UDPFile(b.Datagrams)), Pod: "b"},
	}, &mesh.Options{Reread: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Lookups) != 1 || r.Lookups[0].Pod != "b" || r.Lookups[0].ID != 0 {
		t.Fatalf("%d lookups, want that of pod b alone", len(r.Lookups))
	}
	sum, err := r.WriteCapture(t.Context(), io.Discard, &mesh.WriteOptions{KeepOther: true})
	if err != nil || sum.DNS != 2 || sum.Other != 0 {
		t.Errorf("%d packets of DNS and %d others written, %v; want 2 and none", sum.DNS, sum.Other, err)
	}
}

// What conntrack knows is believed where one direction is missing.
func TestLookupsAndConntrack(t *testing.T) {
	const entry = "udp      17 29 src=10.244.1.10 dst=%s sport=%d dport=53 src=127.0.0.1 dst=10.244.1.10 sport=15053 dport=%d mark=0 zone=2 use=1\n"
	var d sim.DNSTrace
	d.Add("lo", 0, sim.Pod+":40000", sim.Agent, sim.DNSQuery(7, "lost"))
	d.Add("lo", 1, sim.Pod+":40001", sim.Agent, sim.DNSQuery(8, "unknown"))
	d.Add("lo", 2, sim.Resolver, sim.Pod+":40002", sim.DNSAnswer(9, "svc", "10.96.10.1"))
	d.Add("lo", 3, sim.Pod+":50003", sim.Agent, sim.DNSQuery(10, "moved"))
	d.Add("lo", 4, sim.Pod+":40004", sim.Agent, sim.DNSQuery(11, "first"))
	d.Add("lo", 5, sim.Pod+":40004", sim.Agent, sim.DNSQuery(12, "second"))
	d.Add("lo", 6, sim.Resolver, sim.Pod+":40004", sim.DNSAnswer(12, "second", "10.96.10.1"))
	d.Add("lo", 7, sim.Pod+":40005", sim.Agent, sim.DNSQuery(13, "several"))
	d.Add("eth0", 8, sim.Pod+":40006", "192.0.2.99:53", sim.DNSQuery(14, "own"))
	d.Add("eth0", 9, sim.Pod+":40007", "192.0.2.99:53", sim.DNSQuery(15, "direct"))
	table := fmt.Sprintf(entry, "192.0.2.53", 40000, 40000) + fmt.Sprintf(entry, "10.96.0.10", 40002, 40002) +
		fmt.Sprintf(entry, "192.0.2.53", 40003, 50003) + fmt.Sprintf(entry, "192.0.2.53", 40004, 40004) +
		fmt.Sprintf(entry, "192.0.2.53", 40005, 40005) + fmt.Sprintf(entry, "192.0.2.54", 40005, 40005) +
		"udp      17 29 src=10.244.1.10 dst=10.96.0.10 sport=40002 dport=53 src=10.96.0.10 dst=10.244.1.10 sport=53 dport=40002 mark=0 zone=1 use=1\n" +
		"udp      17 29 src=10.244.1.10 dst=192.0.2.99 sport=40006 dport=53 [UNREPLIED] src=192.0.2.99 dst=10.244.1.10 sport=53 dport=40006 mark=0 zone=1 use=1\n" +
		"udp      17 29 src=10.244.1.10 dst=192.0.2.99 sport=40007 dport=53 [UNREPLIED] src=192.0.2.99 dst=10.244.1.10 sport=53 dport=40007 mark=0 use=1\n" +
		"udp      17 29 src=10.244.1.99 dst=10.96.0.10 sport=40002 dport=53 src=10.96.0.10 dst=10.244.1.99 sport=53 dport=40002 mark=0 use=1\n"
	records := record.Files{Conntrack: []record.File{{Name: pcap.WriteFile(t, "conntrack.txt", []byte(table))}}}
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: pcap.WriteFile(t, "dns.pcapng", pcap.UDPFile(d.Datagrams))}}, &mesh.Options{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for _, l := range r.Lookups {
		got = append(got, fmt.Sprint(sim.LookupLine(l), " line ", l.Record.Line))
	}
	want := []string{
		"app 10.244.1.10:40000 > 192.0.2.53:53 (127.0.0.1:15053) lost A  [1] line 1",
		"app 10.244.1.10:40001 > invalid AddrPort (127.0.0.1:15053) unknown A  [2] line 0",
		"app 10.244.1.10:40002 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [3] line 2",
		"app 10.244.1.10:40003 > 192.0.2.53:53 (127.0.0.1:15053) moved A  [4] line 3",
		"app 10.244.1.10:40004 > invalid AddrPort (127.0.0.1:15053) first A  [5] line 0",
		"app 10.244.1.10:40004 > 10.96.0.10:53 (127.0.0.1:15053) second A NOERROR [6 7] line 0",
		"app 10.244.1.10:40005 > invalid AddrPort (127.0.0.1:15053) several A  [8] line 0",
		"upstream 10.244.1.10:40006 > 192.0.2.99:53 (192.0.2.99:53) own A  [9] line 0",
		"direct 10.244.1.10:40007 > 192.0.2.99:53 (192.0.2.99:53) direct A  [10] line 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lookups (-want +got):\n%s", diff)
	}
	if info := r.Records[0]; info.Entries != 10 || info.Matched != 9 {
		t.Errorf("%d entries, %d of what was captured; want 10 and 9", info.Entries, info.Matched)
	}
}

func TestLookupRecords(t *testing.T) {
	var d sim.DNSTrace
	d.Add("eth0", 0, sim.Pod+":40000", sim.Resolver, sim.DNSQuery(7, "www"))
	d.Add("eth0", 1, sim.Resolver, sim.Pod+":40000", sim.DNSAnswer(7, "www", "cdn", "edge.cdn", "192.0.2.1", "192.0.2.2"))
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i+1))
	}
	d.Add("eth0", 2, sim.Pod+":40000", sim.Resolver, sim.DNSQuery(8, "many"))
	d.Add("eth0", 3, sim.Resolver, sim.Pod+":40000", sim.DNSAnswer(8, "many", many...))
	r := d.Stitch(t)
	want := []names.Record{
		{Name: "www", Type: "CNAME", TTL: 30, Target: "cdn"}, {Name: "cdn", Type: "CNAME", TTL: 30, Target: "edge.cdn"},
		{Name: "edge.cdn", Type: "A", TTL: 30, Addr: netip.MustParseAddr("192.0.2.1")}, {Name: "edge.cdn", Type: "A", TTL: 30, Addr: netip.MustParseAddr("192.0.2.2")},
	}
	if diff := cmp.Diff(want, r.Lookups[0].Records, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if l := r.Lookups[1]; len(l.Records) != 32 || l.MoreRecords != 8 {
		t.Errorf("%d records and %d more, want 32 and 8", len(l.Records), l.MoreRecords)
	}
	// The name asked for, not the one at the end of the chain; 192.0.2.1 was
	// first asked for as www.
	if n := r.Names[0]; n != (names.Learned{Addr: netip.MustParseAddr("192.0.2.1"), Name: "www", Source: names.FromDNS}) {
		t.Errorf("name %+v, want www", n)
	}
}

// FuzzLookups checks that no packet at a port of DNS stops reading, and that
// every packet that holds a message is written once.
func FuzzLookups(f *testing.F) {
	f.Add(sim.DNSQuery(7, "svc"), sim.DNSAnswer(7, "svc", "10.96.10.1"), uint8(0))
	f.Add(sim.DNSQuery(7, "svc"), sim.DNSAnswer(7, "svc", "cdn", "10.96.10.1"), uint8(9))
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12}, []byte{}, uint8(3))
	f.Add(sim.DNSAnswer(7, "a"), sim.DNSAnswer(7, "b"), uint8(30))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, query, answer []byte, cut uint8) {
		if len(query)+len(answer) > 4096 {
			return
		}
		var d sim.DNSTrace
		for i := range 3 {
			at := float64(i * 10)
			d.Add("lo", at, sim.Pod+":40000", sim.Agent, query)
			d.Add("lo", at+1, sim.Resolver, sim.Pod+":40000", answer)
			d.Add("eth0", at+2, sim.Pod+":40001", sim.Resolver, query)
		}
		for i := range d.Datagrams {
			d.Datagrams[i].Cut = min(int(cut), len(d.Datagrams[i].Payload))
		}
		file := filepath.Join(dir, "fuzz.pcapng")
		if err := os.WriteFile(file, pcap.UDPFile(d.Datagrams), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: file}}, &mesh.Options{Reread: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		packets := 0
		for i, l := range r.Lookups {
			packets += l.Queries + l.Answers
			if l.ID != i || l.Queries+l.Answers == 0 || !l.Client.IsValid() || len(l.Records) > 32 || l.UpstreamOf >= len(r.Lookups) || strings.ContainsAny(l.Name, "\x1b\n ") {
				t.Fatalf("lookup %d: %+v", i, l)
			}
		}
		sum, err := r.WriteCapture(t.Context(), io.Discard, &mesh.WriteOptions{KeepOther: true})
		if err != nil || sum.DNS != packets || sum.DNS+sum.Other != len(d.Datagrams) || r.NotDNS != sum.Other {
			t.Fatalf("%d packets of DNS in %d, %d others, %d no DNS; lookups have %d: %v", sum.DNS, len(d.Datagrams), sum.Other, r.NotDNS, packets, err)
		}
	})
}
