package mesh_test

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

const (
	podAddr  = "10.244.1.10"
	resolver = "10.96.0.10:53"
	agent    = "127.0.0.1:15053"
)

// A dnsTrace is a capture of DNS in the making. Times are milliseconds.
type dnsTrace struct{ ds []pcaptest.Datagram }

func (d *dnsTrace) add(iface string, ms float64, src, dst string, payload []byte) {
	d.ds = append(d.ds, pcaptest.Datagram{Interface: iface, Nanos: 1_795_248_340_000_000_000 + int64(ms*1e6),
		Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst), Payload: payload})
}

func dnsQuestion(name string) dnsmessage.Question {
	q := dnsmessage.Question{Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	if rest, ok := strings.CutSuffix(name, "/AAAA"); ok {
		name, q.Type = rest, dnsmessage.TypeAAAA
	}
	q.Name = dnsmessage.MustNewName(name + ".")
	return q
}

func packDNS(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// dnsQuery is a query for a name; "name/AAAA" asks for IPv6.
func dnsQuery(id uint16, name string) []byte {
	return packDNS(dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true}, Questions: []dnsmessage.Question{dnsQuestion(name)}})
}

// dnsAnswer is the answer with the addresses, NXDOMAIN if there are none. An element
// that is no address is the target of a CNAME, of which the next ones are.
func dnsAnswer(id uint16, name string, addrs ...string) []byte {
	q := dnsQuestion(name)
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: true}, Questions: []dnsmessage.Question{q}}
	if addrs == nil {
		m.RCode = dnsmessage.RCodeNameError
	}
	owner := q.Name
	for _, a := range addrs {
		h := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: 30}
		switch addr, err := netip.ParseAddr(a); {
		case err != nil:
			owner = dnsmessage.MustNewName(a + ".")
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.CNAMEResource{CNAME: owner}})
		case addr.Is4():
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AResource{A: addr.As4()}})
		default:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
	return packDNS(m)
}

func (d *dnsTrace) stitch(t testing.TB) *mesh.Result {
	t.Helper()
	file := pcaptest.WriteFile(t, "dns.pcapng", pcaptest.UDPFile(d.ds))
	r, err := mesh.Stitch([]mesh.Input{{File: file}}, &mesh.Options{Reread: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// lookupLine is a lookup as one line: role, client, server asked, who answered,
// question, outcome, packets by number, and the lookup it was asked for.
func lookupLine(l *names.Lookup) string {
	var ns []string
	for _, p := range l.Packets {
		ns = append(ns, fmt.Sprint(p.Packet))
	}
	s := fmt.Sprintf("%s %v > %v (%v) %s %s %s [%s]", l.Role, l.Client, l.Server, l.AnsweredBy, l.Name, l.Type, l.RCode, strings.Join(ns, " "))
	if l.UpstreamOf >= 0 {
		s += fmt.Sprintf(" for %d", l.UpstreamOf)
	}
	return s
}

func TestLookups(t *testing.T) {
	const app, second = podAddr + ":40000", podAddr + ":40001"
	for _, tt := range []struct {
		name  string
		trace func(d *dnsTrace)
		want  []string
	}{
		{"redirected", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 1, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		{"ipv6", func(d *dnsTrace) {
			d.add("lo", 0, "[fd00::10]:40000", "[::1]:15053", dnsQuery(7, "svc/AAAA"))
			d.add("lo", 1, "[fd00:10:96::a]:53", "[fd00::10]:40000", dnsAnswer(7, "svc/AAAA", "fd00::5"))
		}, []string{"app [fd00::10]:40000 > [fd00:10:96::a]:53 ([::1]:15053) svc AAAA NOERROR [1 2]"}},
		{"two questions of one socket", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 0.1, app, agent, dnsQuery(8, "svc/AAAA"))
			d.add("lo", 1, resolver, app, dnsAnswer(8, "svc/AAAA"))
			d.add("lo", 2, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 4]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc AAAA NXDOMAIN [2 3]",
		}},
		{"one id, two questions", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "one"))
			d.add("lo", 0.1, app, agent, dnsQuery(7, "two"))
			d.add("lo", 1, resolver, app, dnsAnswer(7, "two"))
			d.add("lo", 2, resolver, app, dnsAnswer(7, "ONE"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) one A NXDOMAIN [1 4]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) two A NXDOMAIN [2 3]",
		}},
		{"sent again", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 5000, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 5001, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
			d.add("lo", 5003, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2 3 4]"}},
		{"port and id used again", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 1, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
			d.add("lo", 2, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 3, resolver, app, dnsAnswer(7, "svc", "10.96.10.2"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [3 4]",
		}},
		{"unanswered, and asked again a minute later", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 60_000, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 60_001, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"app 10.244.1.10:40000 > invalid AddrPort (127.0.0.1:15053) svc A  [1]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [2 3]",
		}},
		{"answer alone", func(d *dnsTrace) {
			d.add("lo", 0, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (invalid AddrPort) svc A NOERROR [1]"}},
		{"answer first", func(d *dnsTrace) {
			d.add("lo", 0, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
			d.add("lo", 0.01, app, agent, dnsQuery(7, "svc"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		{"answer without question", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 1, resolver, app, packDNS(dnsmessage.Message{Header: dnsmessage.Header{ID: 7, Response: true, RCode: dnsmessage.RCodeFormatError}}))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A FORMERR [1 2]"}},
		{"answer that lost its NAT", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 1, agent, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > invalid AddrPort (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		{"answer to another question", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "one"))
			d.add("lo", 1, resolver, app, dnsAnswer(7, "two"))
		}, []string{
			"app 10.244.1.10:40000 > invalid AddrPort (127.0.0.1:15053) one A  [1]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (invalid AddrPort) two A NXDOMAIN [2]",
		}},
		// Two servers asked at once from one port, as musl does: NAT gives the
		// second query another port, which its answer does not show.
		{"port moved", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "svc"))
			d.add("lo", 0.1, podAddr+":50123", agent, dnsQuery(7, "svc"))
			d.add("lo", 1, "10.96.0.11:53", app, dnsAnswer(7, "svc", "10.96.10.1"))
			d.add("lo", 2, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"app 10.244.1.10:40000 > 10.96.0.11:53 (127.0.0.1:15053) svc A NOERROR [1 3]",
			"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [2 4]",
		}},
		{"port moved, one query alone", func(d *dnsTrace) {
			d.add("lo", 0, podAddr+":50123", agent, dnsQuery(7, "svc"))
			d.add("lo", 1, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{"app 10.244.1.10:40000 > 10.96.0.10:53 (127.0.0.1:15053) svc A NOERROR [1 2]"}},
		// A resolver with an address on loopback, such as a cache of the node's.
		{"resolver on loopback", func(d *dnsTrace) {
			d.add("lo", 0, "10.0.0.1:40000", "169.254.20.10:53", dnsQuery(7, "svc"))
			d.add("lo", 1, "169.254.20.10:53", "10.0.0.1:40000", dnsAnswer(7, "svc"))
			d.add("lo", 2, "169.254.20.10:53", "10.0.0.1:40001", dnsAnswer(8, "svc"))
		}, []string{
			"direct 10.0.0.1:40000 > 169.254.20.10:53 (169.254.20.10:53) svc A NXDOMAIN [1 2]",
			"direct 10.0.0.1:40001 > 169.254.20.10:53 (169.254.20.10:53) svc A NXDOMAIN [3]",
		}},
		{"direct", func(d *dnsTrace) {
			d.add("eth0", 0, app, resolver, dnsQuery(7, "svc"))
			d.add("eth0", 0.1, app, "10.96.0.11:53", dnsQuery(7, "svc"))
			d.add("eth0", 1, "10.96.0.11:53", app, dnsAnswer(7, "svc"))
			d.add("eth0", 2, resolver, app, dnsAnswer(7, "svc", "10.96.10.1"))
		}, []string{
			"direct 10.244.1.10:40000 > 10.96.0.10:53 (10.96.0.10:53) svc A NOERROR [1 4]",
			"direct 10.244.1.10:40000 > 10.96.0.11:53 (10.96.0.11:53) svc A NXDOMAIN [2 3]",
		}},
		{"upstream", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, dnsQuery(7, "ext"))
			d.add("lo", 0.1, second, agent, dnsQuery(9, "ext"))
			d.add("eth0", 0.5, podAddr+":33001", resolver, dnsQuery(9, "ext"))
			d.add("eth0", 0.6, podAddr+":33002", resolver, dnsQuery(7, "ext"))
			d.add("eth0", 0.7, podAddr+":33003", resolver, dnsQuery(1, "istiod"))
			d.add("eth0", 3, resolver, podAddr+":33001", dnsAnswer(9, "ext"))
			d.add("eth0", 4, resolver, podAddr+":33002", dnsAnswer(7, "ext"))
			d.add("lo", 5, resolver, app, dnsAnswer(7, "ext"))
			d.add("lo", 6, resolver, second, dnsAnswer(9, "ext"))
			d.add("lo", 6.5, app, agent, dnsQuery(5, "ext"))
			d.add("eth0", 6.6, podAddr+":33005", "192.0.2.53:53", dnsQuery(6, "ext"))
			d.add("eth0", 6.7, podAddr+":33006", "192.0.2.54:53", dnsQuery(5, "ext"))
			d.add("lo", 6.9, resolver, app, dnsAnswer(5, "ext"))
			d.add("eth0", 7, podAddr+":33004", "192.0.2.53:53", dnsQuery(7, "ext"))
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
		{"no DNS", func(d *dnsTrace) {
			d.add("lo", 0, app, agent, []byte("GET / HTTP/1.1\r\n\r\n"))
			d.add("lo", 1, app, agent, nil)
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var d dnsTrace
			tt.trace(&d)
			r := d.stitch(t)
			var got []string
			for _, l := range r.Lookups {
				got = append(got, lookupLine(l))
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
	var a, b dnsTrace
	a.add("eth0", 0, podAddr+":40000", resolver, dnsQuery(7, "svc"))
	b.add("eth1", 0.01, podAddr+":40000", resolver, dnsQuery(7, "svc"))
	b.add("eth1", 1, resolver, podAddr+":40000", dnsAnswer(7, "svc", "10.96.10.1"))
	r, err := mesh.Stitch([]mesh.Input{
		{File: pcaptest.WriteFile(t, "a.pcapng", pcaptest.UDPFile(a.ds)), Pod: "a"},
		{File: pcaptest.WriteFile(t, "b.pcapng", pcaptest.UDPFile(b.ds)), Pod: "b"},
	}, &mesh.Options{Reread: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Lookups) != 1 || r.Lookups[0].Pod != "b" || r.Lookups[0].ID != 0 {
		t.Fatalf("%d lookups, want that of pod b alone", len(r.Lookups))
	}
	sum, err := r.WriteCapture(io.Discard, &mesh.WriteOptions{KeepOther: true})
	if err != nil || sum.DNS != 2 || sum.Other != 0 {
		t.Errorf("%d packets of DNS and %d others written, %v; want 2 and none", sum.DNS, sum.Other, err)
	}
}

// What is written has the redirect undone, and read again it is plain DNS.
func TestLookupsWritten(t *testing.T) {
	var d dnsTrace
	d.add("lo", 0, podAddr+":40000", agent, dnsQuery(7, "svc"))
	d.add("lo", 1, podAddr+":40002", agent, dnsQuery(8, "lost"))
	d.add("lo", 2, resolver, podAddr+":40000", dnsAnswer(7, "svc", "10.96.10.1"))
	d.add("lo", 3, podAddr+":40004", agent, []byte("no DNS"))
	d.add("eth0", 4, podAddr+":40006", "192.0.2.1:123", []byte("time"))
	for _, tt := range []struct {
		view       mesh.View
		keep       bool
		dns, other int
	}{{mesh.ViewPaths, false, 3, 0}, {mesh.ViewPaths, true, 3, 2}, {mesh.ViewLegs, false, 3, 0}} {
		r := d.stitch(t)
		var out bytes.Buffer
		sum, err := r.WriteCapture(&out, &mesh.WriteOptions{View: tt.view, KeepOther: tt.keep})
		if err != nil {
			t.Fatal(err)
		}
		if sum.DNS != tt.dns || sum.Other != tt.other || sum.Packets != 0 || sum.Streams != 0 {
			t.Errorf("written: %+v, want %d of DNS and %d others", sum, tt.dns, tt.other)
		}
		file := filepath.Join(t.TempDir(), "stitched.pcapng")
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := mesh.Stitch([]mesh.Input{{File: file}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		var got []string
		for _, l := range again.Lookups {
			got = append(got, lookupLine(l))
		}
		want := []string{
			"direct 10.244.1.10:40000 > 10.96.0.10:53 (10.96.0.10:53) svc A NOERROR [1 3]",
			"app 10.244.1.10:40002 > invalid AddrPort (127.0.0.1:15053) lost A  [2]",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read again (-want +got):\n%s", diff)
		}
		if name := (capture.Name{Addr: "10.96.10.1", Name: "svc"}); !slices.Contains(again.Inputs[0].Names, name) {
			t.Errorf("names written: %v, want %v among them", again.Inputs[0].Names, name)
		}
	}
}

// A fragmented answer is written whole, once, and without its redirect.
func TestLookupFragments(t *testing.T) {
	var d dnsTrace
	d.add("lo", 0, podAddr+":40000", agent, dnsQuery(7, "svc"))
	d.add("lo", 1, resolver, podAddr+":40000", dnsAnswer(7, "svc", "10.96.10.1"))
	d.ds[0].Split, d.ds[1].Split = 16, 32
	r := d.stitch(t)
	var out bytes.Buffer
	sum, err := r.WriteCapture(&out, &mesh.WriteOptions{KeepOther: true})
	if err != nil || sum.DNS != 4 || sum.Other != 0 {
		t.Fatalf("%d packets of DNS and %d others written, %v; want 4 and none", sum.DNS, sum.Other, err)
	}
	again, err := mesh.Stitch([]mesh.Input{{File: pcaptest.WriteFile(t, "stitched.pcapng", out.Bytes())}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	want := "direct 10.244.1.10:40000 > 10.96.0.10:53 (10.96.0.10:53) svc A NOERROR [2 4]"
	if len(again.Lookups) != 1 || lookupLine(again.Lookups[0]) != want {
		t.Errorf("read again: %d lookups, want %s", len(again.Lookups), want)
	}
}

// What conntrack knows is believed where one direction is missing.
func TestLookupsAndConntrack(t *testing.T) {
	const entry = "udp      17 29 src=10.244.1.10 dst=%s sport=%d dport=53 src=127.0.0.1 dst=10.244.1.10 sport=15053 dport=%d mark=0 zone=2 use=1\n"
	var d dnsTrace
	d.add("lo", 0, podAddr+":40000", agent, dnsQuery(7, "lost"))
	d.add("lo", 1, podAddr+":40001", agent, dnsQuery(8, "unknown"))
	d.add("lo", 2, resolver, podAddr+":40002", dnsAnswer(9, "svc", "10.96.10.1"))
	d.add("lo", 3, podAddr+":50003", agent, dnsQuery(10, "moved"))
	d.add("lo", 4, podAddr+":40004", agent, dnsQuery(11, "first"))
	d.add("lo", 5, podAddr+":40004", agent, dnsQuery(12, "second"))
	d.add("lo", 6, resolver, podAddr+":40004", dnsAnswer(12, "second", "10.96.10.1"))
	d.add("lo", 7, podAddr+":40005", agent, dnsQuery(13, "several"))
	d.add("eth0", 8, podAddr+":40006", "192.0.2.99:53", dnsQuery(14, "own"))
	d.add("eth0", 9, podAddr+":40007", "192.0.2.99:53", dnsQuery(15, "direct"))
	table := fmt.Sprintf(entry, "192.0.2.53", 40000, 40000) + fmt.Sprintf(entry, "10.96.0.10", 40002, 40002) +
		fmt.Sprintf(entry, "192.0.2.53", 40003, 50003) + fmt.Sprintf(entry, "192.0.2.53", 40004, 40004) +
		fmt.Sprintf(entry, "192.0.2.53", 40005, 40005) + fmt.Sprintf(entry, "192.0.2.54", 40005, 40005) +
		"udp      17 29 src=10.244.1.10 dst=10.96.0.10 sport=40002 dport=53 src=10.96.0.10 dst=10.244.1.10 sport=53 dport=40002 mark=0 zone=1 use=1\n" +
		"udp      17 29 src=10.244.1.10 dst=192.0.2.99 sport=40006 dport=53 [UNREPLIED] src=192.0.2.99 dst=10.244.1.10 sport=53 dport=40006 mark=0 zone=1 use=1\n" +
		"udp      17 29 src=10.244.1.10 dst=192.0.2.99 sport=40007 dport=53 [UNREPLIED] src=192.0.2.99 dst=10.244.1.10 sport=53 dport=40007 mark=0 use=1\n" +
		"udp      17 29 src=10.244.1.99 dst=10.96.0.10 sport=40002 dport=53 src=10.96.0.10 dst=10.244.1.99 sport=53 dport=40002 mark=0 use=1\n"
	records := record.Files{Conntrack: []record.File{{Name: pcaptest.WriteFile(t, "conntrack.txt", []byte(table))}}}
	r, err := mesh.Stitch([]mesh.Input{{File: pcaptest.WriteFile(t, "dns.pcapng", pcaptest.UDPFile(d.ds))}}, &mesh.Options{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for _, l := range r.Lookups {
		got = append(got, fmt.Sprint(lookupLine(l), " line ", l.Record.Line))
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
	var d dnsTrace
	d.add("eth0", 0, podAddr+":40000", resolver, dnsQuery(7, "www"))
	d.add("eth0", 1, resolver, podAddr+":40000", dnsAnswer(7, "www", "cdn", "edge.cdn", "192.0.2.1", "192.0.2.2"))
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i+1))
	}
	d.add("eth0", 2, podAddr+":40000", resolver, dnsQuery(8, "many"))
	d.add("eth0", 3, resolver, podAddr+":40000", dnsAnswer(8, "many", many...))
	r := d.stitch(t)
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

// FuzzDNSMessage checks that what is kept of a datagram is bounded, whatever it
// holds.
func FuzzDNSMessage(f *testing.F) {
	f.Add(dnsQuery(7, "svc"), uint16(0))
	f.Add(dnsAnswer(7, "svc/AAAA", "cdn", "fd00::1"), uint16(100))
	f.Add(dnsAnswer(7, "svc")[:20], uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		messages, records, text := mesh.TakeDNS(&capture.Datagram{Bytes: data, Wire: uint32(len(data)) + uint32(cut)})
		if messages > 1 || records > 32 || text > (2+2*records)*2*255 {
			t.Errorf("%d messages, %d records and %d bytes of names kept of %d", messages, records, text, len(data))
		}
	})
}

// FuzzLookups checks that no packet at a port of DNS stops reading, and that
// every packet that holds a message is written once.
func FuzzLookups(f *testing.F) {
	f.Add(dnsQuery(7, "svc"), dnsAnswer(7, "svc", "10.96.10.1"), uint8(0))
	f.Add(dnsQuery(7, "svc"), dnsAnswer(7, "svc", "cdn", "10.96.10.1"), uint8(9))
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12}, []byte{}, uint8(3))
	f.Add(dnsAnswer(7, "a"), dnsAnswer(7, "b"), uint8(30))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, query, answer []byte, cut uint8) {
		if len(query)+len(answer) > 4096 {
			return
		}
		var d dnsTrace
		for i := range 3 {
			at := float64(i * 10)
			d.add("lo", at, podAddr+":40000", agent, query)
			d.add("lo", at+1, resolver, podAddr+":40000", answer)
			d.add("eth0", at+2, podAddr+":40001", resolver, query)
		}
		for i := range d.ds {
			d.ds[i].Cut = min(int(cut), len(d.ds[i].Payload))
		}
		file := filepath.Join(dir, "fuzz.pcapng")
		if err := os.WriteFile(file, pcaptest.UDPFile(d.ds), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := mesh.Stitch([]mesh.Input{{File: file}}, &mesh.Options{Reread: true})
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
		sum, err := r.WriteCapture(io.Discard, &mesh.WriteOptions{KeepOther: true})
		if err != nil || sum.DNS != packets || sum.DNS+sum.Other != len(d.ds) || r.NotDNS != sum.Other {
			t.Fatalf("%d packets of DNS in %d, %d others, %d no DNS; lookups have %d: %v", sum.DNS, len(d.ds), sum.Other, r.NotDNS, packets, err)
		}
	})
}
