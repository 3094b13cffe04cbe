package report_test

import (
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

func TestLegs(t *testing.T) {
	for _, test := range []struct {
		name string
		o    *report.TableOptions
		edit func(*mesh.Result)
		want string
	}{
		{"all", nil, nil, `LEG  ROLE          INTERFACE  CLIENT             DIALLED           ANSWERED BY        PROTOCOL  EXCHANGES  SENT    RECEIVED  START         DURATION  JOINED TO
0    client-proxy  eth0       192.0.2.10:40112   10.244.1.10:8080  10.244.1.10:15006  mtls      0          1.6 kB  1.6 kB    12:00:00.000  0.250 s   1
1    proxy-app     lo         127.0.0.6:52110    10.244.1.10:8080  10.244.1.10:8080   http/1.1  1          377 B   853 kB    12:00:00.001  0.248 s   -
2    direct        eth0       10.244.1.10:50000  10.96.0.53:5432   10.96.0.53:5432    tcp       0          12 B    1.5 MB    12:00:00.010  0.000 s   -
`},
		{"names", &report.TableOptions{Names: true, Limit: 3}, nil, `LEG  ROLE          INTERFACE  CLIENT             DIALLED           NAME     ANSWERED BY        PROTOCOL  EXCHANGES  SENT    RECEIVED  START         DURATION  JOINED TO
0    client-proxy  eth0       192.0.2.10:40112   10.244.1.10:8080  -        10.244.1.10:15006  mtls      0          1.6 kB  1.6 kB    12:00:00.000  0.250 s   1
1    proxy-app     lo         127.0.0.6:52110    10.244.1.10:8080  -        10.244.1.10:8080   http/1.1  1          377 B   853 kB    12:00:00.001  0.248 s   -
2    direct        eth0       10.244.1.10:50000  10.96.0.53:5432   db.shop  10.96.0.53:5432    tcp       0          12 B    1.5 MB    12:00:00.010  0.000 s   -
`},
		{"wide", &report.TableOptions{Wide: true, Limit: 2}, nil, `LEG  ROLE          INTERFACE  CLIENT            DIALLED           ANSWERED BY        PROTOCOL  EXCHANGES  SENT    RECEIVED  START         DURATION  JOINED TO  MISSING  CLOSED BY  EVIDENCE              CAPTURED
0    client-proxy  eth0       192.0.2.10:40112  10.244.1.10:8080  10.244.1.10:15006  mtls      0          1.6 kB  1.6 kB    12:00:00.000  0.250 s   1          5 B      orig       1 request-id 0:4 1:9  192.0.2.10:40112 > 10.244.1.10:8080; 10.244.1.10:8080 > 192.0.2.10:40112
1    proxy-app     lo         127.0.0.6:52110   10.244.1.10:8080  10.244.1.10:8080   http/1.1  1          377 B   853 kB    12:00:00.001  0.248 s   -          0 B      open       -                     127.0.0.6:52110 > 10.244.1.10:8080
… 1 more: --all
`},
		{"processes", &report.TableOptions{Limit: 1}, func(r *mesh.Result) {
			r.Legs[0].ReplyProcess = &record.Process{Name: "envoy", PID: 20, UID: 1337}
			r.Joins[0].Ambiguous = true
		}, `LEG  ROLE          INTERFACE  CLIENT            DIALLED           ANSWERED BY        PROTOCOL  EXCHANGES  SENT    RECEIVED  START         DURATION  JOINED TO  PROCESSES
0    client-proxy  eth0       192.0.2.10:40112  10.244.1.10:8080  10.244.1.10:15006  mtls      0          1.6 kB  1.6 kB    12:00:00.000  0.250 s   1?         ? > envoy/20
… 2 more: --all
`},
		{"user of a process", &report.TableOptions{Limit: 1}, func(r *mesh.Result) {
			r.Legs[0].OrigProcess = &record.Process{UID: 1000}
			r.Joins = nil
		}, `LEG  ROLE          INTERFACE  CLIENT            DIALLED           ANSWERED BY        PROTOCOL  EXCHANGES  SENT    RECEIVED  START         DURATION  JOINED TO  PROCESSES
0    client-proxy  eth0       192.0.2.10:40112  10.244.1.10:8080  10.244.1.10:15006  mtls      0          1.6 kB  1.6 kB    12:00:00.000  0.250 s   -          uid 1000 > ?
… 2 more: --all
`},
		{"none", nil, func(r *mesh.Result) { r.Legs = nil }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := inbound()
			if test.edit != nil {
				test.edit(r)
			}
			check(t, test.want, func(w io.Writer) error { return report.Legs(w, r, test.o) })
		})
	}
}

// Numbers of bytes have three digits, or two and the first behind the point.
func TestSizes(t *testing.T) {
	for _, tc := range []struct {
		n    int64
		want string
	}{
		{0, "0 B"}, {1, "1 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {1949, "1.9 kB"}, {99_949, "99.9 kB"}, {99_950, "100 kB"}, {999_499, "999 kB"},
		{999_500, "1.0 MB"}, {99_950_000, "100 MB"}, {999_500_000, "1.0 GB"}, {999_500_000_000, "1.0 TB"}, {123_456_000_000_000, "123 TB"}, {9_000_000_000_000_000, "9000 TB"},
	} {
		t.Run(tc.want, func(t *testing.T) {
			r := inbound()
			r.Legs = r.Legs[:1]
			r.Legs[0].OrigBytes = tc.n
			check(t, "SENT\n"+tc.want+"\n", func(w io.Writer) error {
				return column(w, "SENT", func(w io.Writer) error { return report.Legs(w, r, nil) })
			})
		})
	}
}

// What a leg speaks, and what a client of it proved.
func TestProtocols(t *testing.T) {
	for _, tc := range []struct {
		name string
		leg  flow.Leg
		want string
	}{
		{"plain", flow.Leg{Protocol: flow.ProtocolHTTP2}, "h2"},
		{"TLS", flow.Leg{Protocol: flow.ProtocolTLS}, "tls"},
		{"mutual", flow.Leg{Protocol: flow.ProtocolTLS, TLS: flow.TLS{Mutual: true}}, "mtls"},
		{"decrypted", flow.Leg{Protocol: flow.ProtocolHTTP2, Decrypted: true}, "tls+h2"},
		{"decrypted, mutual", flow.Leg{Protocol: flow.ProtocolHTTP2, Decrypted: true, TLS: flow.TLS{Mutual: true}}, "mtls+h2"},
		{"mutual is nothing without TLS", flow.Leg{Protocol: flow.ProtocolHTTP2, TLS: flow.TLS{Mutual: true}}, "h2"},
		{"a tunnel", flow.Leg{Protocol: flow.ProtocolHBONE, Decrypted: true, TLS: flow.TLS{Mutual: true}}, "hbone"},
		{"without headers", flow.Leg{Protocol: flow.ProtocolHTTP2, LostHeaders: true}, "h2, headers lost"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			check(t, "PROTOCOL\n"+tc.want+"\n", func(w io.Writer) error {
				return column(w, "PROTOCOL", func(w io.Writer) error { return report.Legs(w, &mesh.Result{Legs: []*flow.Leg{&tc.leg}}, nil) })
			})
		})
	}
}

// Joins without evidence, and those of others, are named by number alone.
func TestJoinedLegs(t *testing.T) {
	for _, tc := range []struct {
		name         string
		joins        []flow.Join
		to, evidence string
	}{
		{"none", nil, "-", "-"},
		{"without evidence", []flow.Join{{From: 0, To: 1}}, "1", "-"},
		{"of another leg", []flow.Join{{From: 1, To: 2, Evidence: []flow.Evidence{{Kind: flow.RequestID}}}}, "-", "-"},
		{"two", []flow.Join{{From: 0, To: 1, Evidence: []flow.Evidence{{Kind: flow.RequestID}}}, {From: 0, To: 2, Ambiguous: true, Evidence: []flow.Evidence{{Kind: flow.SameBytes}, {Kind: flow.RequestID}}}},
			"1,2?", "1 request-id; 2 same-bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := inbound()
			r.Legs, r.Joins = r.Legs[:1], tc.joins
			print := func(w io.Writer) error { return report.Legs(w, r, &report.TableOptions{Wide: true}) }
			check(t, "JOINED TO\n"+tc.to+"\n", func(w io.Writer) error { return column(w, "JOINED TO", print) })
			check(t, "EVIDENCE\n"+tc.evidence+"\n", func(w io.Writer) error { return column(w, "EVIDENCE", print) })
		})
	}
}

// A table that may show as many rows as there are hides none.
func TestLimits(t *testing.T) {
	for _, tc := range []struct {
		limit int
		want  string
	}{
		{-1, "LEG\n0\n1\n2\n"}, {0, "LEG\n0\n1\n2\n"}, {1, "LEG\n0\n… 2 more: --all\n"}, {2, "LEG\n0\n1\n… 1 more: --all\n"}, {3, "LEG\n0\n1\n2\n"}, {4, "LEG\n0\n1\n2\n"},
	} {
		t.Run(strconv.Itoa(tc.limit), func(t *testing.T) {
			var out strings.Builder
			if err := report.Legs(&out, inbound(), &report.TableOptions{Limit: tc.limit}); err != nil {
				t.Fatal(err)
			}
			got := ""
			for line := range strings.Lines(out.String()) {
				if !strings.HasPrefix(line, "…") {
					line = strings.Fields(line)[0] + "\n"
				}
				got += line
			}
			if got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestCSV(t *testing.T) {
	check(t, `leg,role,pod,interface,client,dialled,answered_by,protocol,exchanges,orig_bytes,orig_missing,reply_bytes,reply_missing,start,end,closed_by,joined_to
0,client-proxy,,eth0,192.0.2.10:40112,10.244.1.10:8080,10.244.1.10:15006,tls,0,1626,0,1591,5,2026-11-30T12:00:00.000000000Z,2026-11-30T12:00:00.250000000Z,orig,1
1,proxy-app,,lo,127.0.0.6:52110,10.244.1.10:8080,10.244.1.10:8080,http/1.1,1,377,0,853000,0,2026-11-30T12:00:00.001000000Z,2026-11-30T12:00:00.249000000Z,open,-
2,direct,,eth0,10.244.1.10:50000,10.96.0.53:5432,10.96.0.53:5432,tcp,0,12,0,1500000,0,2026-11-30T12:00:00.010000000Z,2026-11-30T12:00:00.010000000Z,open,-
`, func(w io.Writer) error { return report.CSV(w, inbound()) })
}
