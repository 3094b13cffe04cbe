package report_test

import (
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
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

func TestCSV(t *testing.T) {
	check(t, `leg,role,pod,interface,client,dialled,answered_by,protocol,exchanges,orig_bytes,orig_missing,reply_bytes,reply_missing,start,end,closed_by,joined_to
0,client-proxy,,eth0,192.0.2.10:40112,10.244.1.10:8080,10.244.1.10:15006,tls,0,1626,0,1591,5,2026-11-30T12:00:00.000000000Z,2026-11-30T12:00:00.250000000Z,orig,1
1,proxy-app,,lo,127.0.0.6:52110,10.244.1.10:8080,10.244.1.10:8080,http/1.1,1,377,0,853000,0,2026-11-30T12:00:00.001000000Z,2026-11-30T12:00:00.249000000Z,open,-
2,direct,,eth0,10.244.1.10:50000,10.96.0.53:5432,10.96.0.53:5432,tcp,0,12,0,1500000,0,2026-11-30T12:00:00.010000000Z,2026-11-30T12:00:00.010000000Z,open,-
`, func(w io.Writer) error { return report.CSV(w, inbound()) })
}
