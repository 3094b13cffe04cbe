package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// Whom the pod asks, and the proxy's agent, to whom that is redirected.
const (
	Resolver = "10.96.0.10:53"
	Agent    = "127.0.0.1:15053"
)

// A DNSTrace is a capture of DNS in the making. Times are milliseconds.
type DNSTrace struct{ Datagrams []pcap.Datagram }

// Add adds a datagram at an interface.
func (d *DNSTrace) Add(iface string, ms float64, src, dst string, payload []byte) {
	d.Datagrams = append(d.Datagrams, pcap.Datagram{Interface: iface, Nanos: 1_795_248_340_000_000_000 + int64(ms*1e6),
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

// PackDNS writes a message.
func PackDNS(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// DNSQuery is a query for a name; "name/AAAA" asks for IPv6.
func DNSQuery(id uint16, name string) []byte {
	return PackDNS(dnsmessage.Message{Header: dnsmessage.Header{ID: id, RecursionDesired: true}, Questions: []dnsmessage.Question{dnsQuestion(name)}})
}

// DNSAnswer is the answer with the addresses, NXDOMAIN if there are none. An element
// that is no address is the target of a CNAME, of which the next ones are.
func DNSAnswer(id uint16, name string, addrs ...string) []byte {
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
	return PackDNS(m)
}

// Stitch reads the capture as one pcapng file.
func (d *DNSTrace) Stitch(t testing.TB) *mesh.Result {
	t.Helper()
	file := pcap.WriteFile(t, "dns.pcapng", pcap.UDPFile(d.Datagrams))
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: file}}, &mesh.Options{Reread: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// LookupLine is a lookup as one line: role, client, server asked, who answered,
// question, outcome, packets by number, and the lookup it was asked for.
func LookupLine(l *names.Lookup) string {
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
