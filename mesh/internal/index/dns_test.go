package index_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// datagram is a whole message of DNS.
func datagram(message []byte) *tcpip.Datagram {
	return &tcpip.Datagram{Bytes: message, Wire: uint32(len(message))}
}

// clipped is a message of which the snapshot length cut off n bytes.
func clipped(message []byte, n int) *tcpip.Datagram {
	return &tcpip.Datagram{Bytes: message[:len(message)-n], Wire: uint32(len(message))}
}

// listed describes the messages of a scan and their records.
func listed(s *index.DNSScan) []string {
	var out []string
	for i := range uint32(s.Messages.Len()) {
		m := s.Messages.At(i)
		line := fmt.Sprintf("%d %s type %d", m.ID, s.Printed(m.Name), m.Qtype)
		for _, f := range []struct {
			flag index.DNSFlags
			name string
		}{{index.DNSReply, "reply"}, {index.DNSTruncated, "truncated"}, {index.DNSNoQuestion, "no question"}, {index.DNSDup, "copy"}} {
			if m.Is(f.flag) {
				line += ", " + f.name
			}
		}
		if m.Is(index.DNSReply) {
			line += fmt.Sprintf(", code %d, %d of %d:", m.Rcode, m.Kept, m.Answers)
		}
		for k := range uint32(min(m.Kept, 4)) {
			r := s.Records.At(m.Records + k)
			line += fmt.Sprintf(" %s %d %d", s.Printed(r.Owner), r.Type, r.TTL)
			if r.Addr != (tcpip.Addr{}) {
				line += " " + r.Addr.Netip().String()
			}
			if r.Target.Len() > 0 {
				line += " " + s.Printed(r.Target)
			}
		}
		out = append(out, line)
	}
	return out
}

func TestMessages(t *testing.T) {
	question := func(name string) dnsmessage.Question {
		return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypePTR, Class: dnsmessage.ClassINET}
	}
	pack := func(h dnsmessage.Header, qs []dnsmessage.Question, bodies ...dnsmessage.ResourceBody) []byte {
		m := dnsmessage.Message{Header: h, Questions: qs}
		for _, b := range bodies {
			h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName("a."), Class: dnsmessage.ClassINET, TTL: 9}
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: b})
		}
		return sim.PackDNS(m)
	}
	one := []dnsmessage.Question{question("a.")}
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf("192.0.2.%d", i)
	}
	copied := datagram(sim.DNSAnswer(7, "a", "192.0.2.1"))
	copied.Dup = true
	for _, tt := range []struct {
		name string
		g    *tcpip.Datagram
		want string // "" = no message
	}{
		{"a query", datagram(sim.DNSQuery(7, "svc.ns")), "7 svc.ns type 1"},
		{"an answer", datagram(sim.DNSAnswer(8, "svc", "cdn", "192.0.2.1", "2001:db8::1")), "8 svc type 1, reply, code 0, 3 of 3: svc 5 30 cdn cdn 1 30 192.0.2.1 cdn 28 30 2001:db8::1"},
		{"no such name", datagram(sim.DNSAnswer(8, "svc/AAAA")), "8 svc type 28, reply, code 3, 0 of 0:"},
		{"a pointer", datagram(pack(dnsmessage.Header{ID: 1, Response: true}, one, &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName("host.")})), "1 a type 12, reply, code 0, 1 of 1: a 12 9 host"},
		{"a record of another type", datagram(pack(dnsmessage.Header{ID: 1, Response: true}, one, &dnsmessage.TXTResource{TXT: []string{"x"}}, &dnsmessage.AResource{A: [4]byte{192, 0, 2, 9}})),
			"1 a type 12, reply, code 0, 2 of 2: a 16 9 a 1 9 192.0.2.9"},
		{"truncated", datagram(pack(dnsmessage.Header{ID: 1, Response: true, Truncated: true}, one)), "1 a type 12, reply, truncated, code 0, 0 of 0:"},
		{"the root", datagram(pack(dnsmessage.Header{ID: 1}, []dnsmessage.Question{question(".")})), "1 . type 12"},
		{"two questions", datagram(pack(dnsmessage.Header{ID: 1}, []dnsmessage.Question{question("a."), question("b.")})), ""},
		{"a query without question", datagram(pack(dnsmessage.Header{ID: 1}, nil)), ""},
		{"an answer without question", datagram(pack(dnsmessage.Header{ID: 1, Response: true, RCode: 1}, nil)), "1  type 0, reply, no question, code 1, 0 of 0:"},
		{"an answer without question, with a record", datagram(pack(dnsmessage.Header{ID: 1, Response: true}, nil, &dnsmessage.AResource{A: [4]byte{192, 0, 2, 9}})),
			"1  type 0, reply, no question, code 0, 1 of 1: a 1 9 192.0.2.9"},
		{"no message", datagram([]byte("GET /")), ""},
		{"a query whose question ends early", datagram(sim.DNSQuery(7, "svc")[:20]), ""},
		{"a query cut in the question", clipped(sim.DNSQuery(7, "svc"), 1), "7  type 0, no question"},
		{"a query cut in the header", clipped(sim.DNSQuery(7, "svc"), 10), ""},
		{"an answer cut in a record", clipped(sim.DNSAnswer(8, "svc", "192.0.2.1", "192.0.2.2"), 1), "8 svc type 1, reply, code 0, 1 of 2: svc 1 30 192.0.2.1"},
		{"a second copy", copied, "7 a type 1, reply, copy, code 0, 0 of 0:"},
		{"as many records as are kept", datagram(sim.DNSAnswer(8, "svc", many[:32]...)), "8 svc type 1, reply, code 0, 32 of 32: svc 1 30 192.0.2.0 svc 1 30 192.0.2.1 svc 1 30 192.0.2.2 svc 1 30 192.0.2.3"},
		{"one more", datagram(sim.DNSAnswer(8, "svc", many[:33]...)), "8 svc type 1, reply, code 0, 32 of 33: svc 1 30 192.0.2.0 svc 1 30 192.0.2.1 svc 1 30 192.0.2.2 svc 1 30 192.0.2.3"},
		{"the last of many cut", clipped(sim.DNSAnswer(8, "svc", many...), 1), "8 svc type 1, reply, code 0, 32 of 40: svc 1 30 192.0.2.0 svc 1 30 192.0.2.1 svc 1 30 192.0.2.2 svc 1 30 192.0.2.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s index.DNSScan
			s.Take(tt.g)
			var want []string
			if tt.want != "" {
				want = []string{tt.want}
			}
			if d := cmp.Diff(listed(&s), want); d != "" {
				t.Errorf("messages (-got +want):\n%s", d)
			}
			if s.Malformed != 1-len(want) {
				t.Errorf("%d are no messages, want %d", s.Malformed, 1-len(want))
			}
		})
	}
}

// Records of each answer stand apart, and earlier fragments lead to their
// message.
func TestMessagesOfAScan(t *testing.T) {
	var s index.DNSScan
	for i := range 3 {
		g := datagram(sim.DNSAnswer(uint16(i), "svc", fmt.Sprintf("192.0.2.%d", i), fmt.Sprintf("192.0.3.%d", i)))
		g.Ref = capture.Ref{Packet: uint32(10 * (i + 1))}
		if i > 0 {
			g.Parts = []capture.Ref{{Packet: uint32(10*i + 1)}, {Packet: uint32(10*i + 2)}}
		}
		s.Take(g)
	}
	want := []string{
		"0 svc type 1, reply, code 0, 2 of 2: svc 1 30 192.0.2.0 svc 1 30 192.0.3.0",
		"1 svc type 1, reply, code 0, 2 of 2: svc 1 30 192.0.2.1 svc 1 30 192.0.3.1",
		"2 svc type 1, reply, code 0, 2 of 2: svc 1 30 192.0.2.2 svc 1 30 192.0.3.2",
	}
	if d := cmp.Diff(listed(&s), want); d != "" {
		t.Errorf("messages (-got +want):\n%s", d)
	}
	parts := map[capture.Ref]uint32{{Packet: 11}: 1, {Packet: 12}: 1, {Packet: 21}: 2, {Packet: 22}: 2}
	if d := cmp.Diff(s.Parts, parts); d != "" {
		t.Errorf("fragments (-got +want):\n%s", d)
	}
}

// Names are kept once, as they are written, and compared in lower case.
func TestNamesAreKeptOnce(t *testing.T) {
	var s index.DNSScan
	for _, name := range []string{"svc", "SVC", "svc", "sVc", "other"} {
		s.Take(datagram(sim.DNSQuery(1, name)))
	}
	m := func(i uint32) *index.DNSMessage { return s.Messages.At(i) }
	if m(0).Name != m(2).Name || m(0).Name != m(0).Folded || m(1).Folded != m(0).Name || m(3).Folded != m(0).Name {
		t.Error("equal names are not equal spans")
	}
	if m(0).Name == m(1).Name || m(4).Folded == m(0).Folded {
		t.Error("names that differ are one span")
	}
	if got := s.Printed(m(1).Name) + s.Printed(m(1).Folded); got != "SVCsvc" {
		t.Errorf("SVC is kept as %q", got)
	}
	if long := strings.Repeat("Ab", 31) + "." + strings.Repeat("cD", 31); true {
		s.Take(datagram(sim.DNSQuery(1, long)))
		if got := s.Printed(m(5).Name) + s.Printed(m(5).Folded); got != long+strings.ToLower(long) {
			t.Errorf("a long name is kept as %q", got)
		}
	}
}

// Names come from strangers: what is no letter, digit or mark is escaped.
func TestPrinted(t *testing.T) {
	for name, want := range map[string]string{
		"svc-1_a.ns": "svc-1_a.ns", "!~": "!~", " ": `\032`, "\x7f": `\127`, "a\\b": `a\092b`, "a\x1b[2J": `a\027[2J`, "\xff\x00": `\255\000`,
	} {
		raw := append([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, byte(len(name))}, name...)
		if at := strings.IndexByte(name, '.'); at >= 0 {
			raw[12], raw[13+at] = byte(at), byte(len(name)-at-1)
		}
		raw = append(raw, 0, 0, 1, 0, 1)
		var s index.DNSScan
		if s.Take(datagram(raw)); s.Messages.Len() != 1 {
			t.Fatalf("%q is no name", name)
		}
		if got := s.Printed(s.Messages.At(0).Name); got != want {
			t.Errorf("%q is printed as %q, want %q", name, got, want)
		}
	}
}

// Client and server of a message are the other way round in an answer.
func TestEndsOfMessages(t *testing.T) {
	const client, server = "10.244.1.10:40000", "10.96.0.10:53"
	var d sim.DNSTrace
	d.Add("eth0", 0, client, server, sim.DNSQuery(7, "svc"))
	d.Add("eth0", 1, server, client, sim.DNSAnswer(7, "svc"))
	s := dnsOf(t, d.Datagrams).Groups[0].DNS
	for i := range uint32(2) {
		m := s.Messages.At(i)
		c, sv := index.AddrPort(m.Client()).String(), index.AddrPort(m.Server()).String()
		if c != client || sv != server {
			t.Errorf("message %d: client %s, server %s, want %s, %s", i, c, sv, client, server)
		}
		want := tcpip.Tuple{Proto: tcpip.ProtoUDP, Src: netip.MustParseAddrPort(client), Dst: netip.MustParseAddrPort(server)}
		if i == 1 {
			want = want.Reverse()
		}
		if m.Tuple() != want || m.Ref.Packet != i+1 || m.Nanos != d.Datagrams[i].Nanos {
			t.Errorf("message %d: %v in packet %d at %d, want %v in %d", i, m.Tuple(), m.Ref.Packet, m.Nanos, want, i+1)
		}
	}
}

// dnsOf reads datagrams as the capture of one pod.
func dnsOf(t *testing.T, ds ...[]pcap.Datagram) *index.Index {
	t.Helper()
	w := new(testindex.World)
	for _, d := range ds {
		w.Pods = append(w.Pods, testindex.Pod{File: pcap.UDPFile(d)})
	}
	return w.Read(t).Index
}

// The points at which an input shows DNS are named once each.
func TestDNSPoints(t *testing.T) {
	var a, b sim.DNSTrace
	for i, iface := range []string{"eth1", "lo", "eth1"} {
		a.Add(iface, float64(i), "10.244.1.10:40000", "10.96.0.10:53", sim.DNSQuery(uint16(i), "svc"))
	}
	b.Add("eth2", 0, "10.244.1.10:40000", "10.96.0.10:53", sim.DNSQuery(9, "svc"))
	x := dnsOf(t, a.Datagrams, b.Datagrams)
	for input, want := range [][]string{{"eth1", "lo"}, {"eth2"}, nil} {
		if got := x.DNSPoints(input); !slices.Equal(got, want) {
			t.Errorf("input %d shows DNS at %v, want %v", input, got, want)
		}
	}
}

// DNS is spoken at 53 and where the agents of meshes listen.
func TestResolverPorts(t *testing.T) {
	known := index.ResolverPorts(nil)
	if known[0] != 53 || !slices.Contains(known, 15053) || slices.Contains(known, 15001) {
		t.Errorf("ports %v, want 53 first, and 15053", known)
	}
	extra := &profile.Profile{Ports: []profile.Port{{Number: 15053, Protocol: "DNS"}, {Number: 5353, Protocol: "DNS"}, {Number: 5354, Protocol: "HTTP"}}}
	if got, want := index.ResolverPorts(extra), append(slices.Clone(known), 5353); !slices.Equal(got, want) {
		t.Errorf("with a profile more: ports %v, want %v", got, want)
	}
}

// FuzzDNSMessage checks that what is kept of a datagram is bounded, whatever it
// holds.
func FuzzDNSMessage(f *testing.F) {
	f.Add(sim.DNSQuery(7, "svc"), uint16(0))
	f.Add(sim.DNSAnswer(7, "svc/AAAA", "cdn", "fd00::1"), uint16(100))
	f.Add(sim.DNSAnswer(7, "svc")[:20], uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		messages, records, text := index.TakeDNS(&tcpip.Datagram{Bytes: data, Wire: uint32(len(data)) + uint32(cut)})
		if messages > 1 || records > 32 || text > (2+2*records)*2*255 {
			t.Errorf("%d messages, %d records and %d bytes of names kept of %d", messages, records, text, len(data))
		}
	})
}
