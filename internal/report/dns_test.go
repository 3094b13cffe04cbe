package report_test

import (
	"io"
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// lookups is a result with a name that the application asked the agent for, which
// passed it on, and an answer without its query.
func lookups() *mesh.Result {
	a := func(addr string) names.Record {
		return names.Record{Name: "db.shop", Type: "A", TTL: 5, Addr: netip.MustParseAddr(addr)}
	}
	return &mesh.Result{NotDNS: 2, Lookups: []*names.Lookup{
		{ID: 0, Role: names.App, Pod: "web", Interface: "lo", Client: end("10.244.1.10:40000"), Server: end("10.96.0.10:53"), AnsweredBy: end("127.0.0.1:15053"),
			Redirected: true, MessageID: 7, Name: "db.shop", Type: "A", Queries: 2, Answers: 1, Asked: capture.Time(at(0)), Answered: capture.Time(at(3)), RCode: "NOERROR",
			Records:    []names.Record{{Name: "shop", Type: "CNAME", TTL: 5, Target: "db.shop"}, a("10.96.0.53"), a("10.96.0.54"), a("10.96.0.55"), a("10.96.0.56"), a("10.96.0.57")},
			UpstreamOf: -1, Captured: []tcpip.Tuple{{Proto: 17, Src: end("10.244.1.10:40000"), Dst: end("127.0.0.1:15053")}}, Packets: []capture.Ref{{Input: 0, Packet: 3}}},
		{ID: 1, Role: names.Upstream, Interface: "eth0", Client: end("10.244.1.10:40001"), Server: end("10.96.0.10:53"), AnsweredBy: end("10.96.0.10:53"),
			Name: "db.shop", Type: "A", Queries: 1, Asked: capture.Time(at(1)), UpstreamOf: 0},
		{ID: 2, Role: names.Direct, Interface: "eth0", Client: end("10.244.1.10:40002"), Answers: 1, Answered: capture.Time(at(5)), RCode: "NXDOMAIN", Truncated: true, UpstreamOf: -1},
	}}
}

func TestDNS(t *testing.T) {
	check(t, `dns: 3 lookups: 1 of the application (1 passed on by the agent), 1 upstream, 1 direct, 1 unanswered, 1 without the query, 2 datagrams that are no DNS
`, func(w io.Writer) error { return report.DNS(w, lookups()) })
	check(t, "", func(w io.Writer) error { return report.DNS(w, &mesh.Result{}) })
}

func TestLookups(t *testing.T) {
	check(t, `LOOKUP  ROLE           INTERFACE  CLIENT             SERVER         ANSWERED BY      QUESTION                  ANSWER                                      START         DURATION
0       app            web/lo     10.244.1.10:40000  10.96.0.10:53  127.0.0.1:15053  A db.shop (sent 2 times)  10.96.0.53, 10.96.0.54, 10.96.0.55, 2 more  12:00:00.000  0.003 s
1       upstream of 0  eth0       10.244.1.10:40001  10.96.0.10:53  10.96.0.10:53    A db.shop                 -                                           12:00:00.001  -
2       direct         eth0       10.244.1.10:40002  ?              ?                ?                         NXDOMAIN, truncated                         12:00:00.005  -
`, func(w io.Writer) error { return report.Lookups(w, lookups(), nil) })
	check(t, `LOOKUP  ROLE  INTERFACE  CLIENT             SERVER         ANSWERED BY      QUESTION                  ANSWER                                      START         DURATION
0       app   web/lo     10.244.1.10:40000  10.96.0.10:53  127.0.0.1:15053  A db.shop (sent 2 times)  10.96.0.53, 10.96.0.54, 10.96.0.55, 2 more  12:00:00.000  0.003 s
… 2 more: --all
`, func(w io.Writer) error { return report.Lookups(w, lookups(), &report.TableOptions{Limit: 1}) })
	check(t, "", func(w io.Writer) error { return report.Lookups(w, &mesh.Result{}, nil) })
}
