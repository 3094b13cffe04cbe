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

func TestDNSCounts(t *testing.T) {
	for _, tc := range []struct {
		name string
		list []*names.Lookup
		want string
	}{
		{"asked several times", []*names.Lookup{{Role: names.App, Queries: 2, Answers: 2, UpstreamOf: -1}}, "dns: 1 lookups: 1 of the application\n"},
		{"asked once", []*names.Lookup{{Role: names.App, Queries: 1, Answers: 1, UpstreamOf: -1}}, "dns: 1 lookups: 1 of the application\n"},
		{"one passed on twice", []*names.Lookup{{Role: names.App, Queries: 1, Answers: 1, UpstreamOf: -1}, {Role: names.Upstream, Queries: 1, Answers: 1}, {Role: names.Upstream, Queries: 1, Answers: 1}},
			"dns: 3 lookups: 1 of the application (1 passed on by the agent), 2 upstream\n"},
		{"past the agent", []*names.Lookup{{Role: names.Direct, Queries: 1, Answers: 1, UpstreamOf: -1}}, "dns: 1 lookups: 1 direct\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			check(t, tc.want, func(w io.Writer) error { return report.DNS(w, &mesh.Result{Lookups: tc.list}) })
		})
	}
}

// What the records of an answer lead to; of more than four only three are named.
func TestAnswers(t *testing.T) {
	a := func(last string) names.Record {
		return names.Record{Type: "A", Addr: netip.MustParseAddr("10.0.0." + last)}
	}
	four := []names.Record{a("1"), a("2"), a("3"), a("4")}
	for _, tc := range []struct {
		name string
		l    names.Lookup
		want string
	}{
		{"one", names.Lookup{RCode: "NOERROR", Records: four[:1]}, "10.0.0.1"},
		{"four", names.Lookup{RCode: "NOERROR", Records: four}, "10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4"},
		{"five", names.Lookup{RCode: "NOERROR", Records: append(four[:4:4], a("5"))}, "10.0.0.1, 10.0.0.2, 10.0.0.3, 2 more"},
		{"four, and one that was not kept", names.Lookup{RCode: "NOERROR", Records: four, MoreRecords: 1}, "10.0.0.1, 10.0.0.2, 10.0.0.3, 2 more"},
		{"none that was kept", names.Lookup{RCode: "NOERROR", MoreRecords: 9}, "9 more"},
		{"nothing", names.Lookup{RCode: "NOERROR"}, "NOERROR"},
		{"an error with records", names.Lookup{RCode: "SERVFAIL", Records: four[:1]}, "SERVFAIL, 10.0.0.1"},
		{"other types", names.Lookup{RCode: "NOERROR", Records: []names.Record{{Type: "CNAME", Target: "x"}, {Type: "SRV", Target: "y"}, {Type: "TXT"}}}, "y, TXT"},
		{"cut short", names.Lookup{RCode: "NOERROR", Truncated: true}, "NOERROR, truncated"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.l.Client, tc.l.Answers, tc.l.UpstreamOf = end("10.0.0.9:1"), 1, -1
			check(t, "ANSWER\n"+tc.want+"\n", func(w io.Writer) error {
				return column(w, "ANSWER", func(w io.Writer) error { return report.Lookups(w, &mesh.Result{Lookups: []*names.Lookup{&tc.l}}, nil) })
			})
		})
	}
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
