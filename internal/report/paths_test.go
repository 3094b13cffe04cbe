package report_test

import (
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

func TestPaths(t *testing.T) {
	for _, test := range []struct {
		name string
		o    *report.TableOptions
		edit func(*mesh.Result)
		want string
	}{
		{"all", nil, nil, `STREAM  DIRECTION  CLIENT             SERVER            LEGS                                  EXCHANGES    SENT    RECEIVED  START         DURATION  JOINED BY
0       inbound    192.0.2.10:40112   10.244.1.10:8080  eth0 mtls :15006, lo 127.0.0.6:52110  1, 1 UF,URX  1.6 kB  1.6 kB    12:00:00.000  0.250 s   request id
1       direct     10.244.1.10:50000  10.96.0.53:5432   eth0 (not through the proxy)          0            12 B    1.5 MB    12:00:00.010  0.000 s   -
`},
		{"names", &report.TableOptions{Names: true}, nil, `STREAM  DIRECTION  CLIENT             SERVER            NAME     LEGS                                  EXCHANGES    SENT    RECEIVED  START         DURATION  JOINED BY
0       inbound    192.0.2.10:40112   10.244.1.10:8080  -        eth0 mtls :15006, lo 127.0.0.6:52110  1, 1 UF,URX  1.6 kB  1.6 kB    12:00:00.000  0.250 s   request id
1       direct     10.244.1.10:50000  10.96.0.53:5432   db.shop  eth0 (not through the proxy)          0            12 B    1.5 MB    12:00:00.010  0.000 s   -
`},
		{"those that carried most", &report.TableOptions{Limit: 1}, nil, `STREAM  DIRECTION  CLIENT             SERVER           LEGS                          EXCHANGES  SENT  RECEIVED  START         DURATION  JOINED BY
1       direct     10.244.1.10:50000  10.96.0.53:5432  eth0 (not through the proxy)  0          12 B  1.5 MB    12:00:00.010  0.000 s   -
… 1 more: --all
`},
		{"ambiguous, decrypted, in pods", nil, func(r *mesh.Result) {
			r.Paths[0].Mode = flow.H2To11
			r.Paths[0].Exchanges[0].Hops[1].Ambiguous = true
			r.Legs[0].Pod, r.Legs[0].Protocol, r.Legs[0].Decrypted, r.Legs[0].LostHeaders = "web", "h2", true, true
			r.Legs[1].Orig.Src = end("10.244.1.10:52110")
		}, `STREAM  DIRECTION  CLIENT             SERVER            LEGS                                                   EXCHANGES           SENT    RECEIVED  START         DURATION  JOINED BY
0       inbound    192.0.2.10:40112   10.244.1.10:8080  web/eth0 mtls+h2, headers lost :15006, lo from :52110  1 h2→1.1, 1 UF,URX  1.6 kB  1.6 kB    12:00:00.000  0.250 s   ambiguous
1       direct     10.244.1.10:50000  10.96.0.53:5432   eth0 (not through the proxy)                           0                   12 B    1.5 MB    12:00:00.010  0.000 s   -
`},
		{"many legs", nil, func(r *mesh.Result) { r.Paths[0].Legs = []int{0, 1, 1, 1, 1}; r.Paths = r.Paths[:1] }, `STREAM  DIRECTION  CLIENT            SERVER            LEGS                                                              EXCHANGES    SENT    RECEIVED  START         DURATION  JOINED BY
0       inbound    192.0.2.10:40112  10.244.1.10:8080  eth0 mtls :15006, lo 127.0.0.6:52110, lo 127.0.0.6:52110, 2 more  1, 1 UF,URX  1.6 kB  1.6 kB    12:00:00.000  0.250 s   request id
`},
		{"none", nil, func(r *mesh.Result) { r.Paths = nil }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := inbound()
			if test.edit != nil {
				test.edit(r)
			}
			check(t, test.want, func(w io.Writer) error { return report.Paths(w, r, test.o) })
		})
	}
}
