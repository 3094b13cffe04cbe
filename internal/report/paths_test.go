package report_test

import (
	"io"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
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

// What names the legs of a path, and what ties them.
func TestPathCells(t *testing.T) {
	seen := func(k flow.EvidenceKind) []flow.Evidence { return []flow.Evidence{{Kind: k}} }
	for _, tc := range []struct {
		name, title string
		edit        func(*mesh.Result)
		want        string
	}{
		{"four legs", "LEGS", func(r *mesh.Result) { r.Paths[0].Legs = []int{0, 1, 1, 1} }, "eth0 mtls :15006, lo 127.0.0.6:52110, lo 127.0.0.6:52110, lo 127.0.0.6:52110"},
		{"first from loopback", "LEGS", func(r *mesh.Result) { r.Paths[0].Legs = []int{1} }, "lo"},
		{"HTTP/2 that was never TLS", "LEGS", func(r *mesh.Result) { r.Legs[0].Protocol = flow.ProtocolHTTP2 }, "eth0 h2 :15006, lo 127.0.0.6:52110"},
		{"a tunnel", "LEGS", func(r *mesh.Result) { r.Legs[0].Protocol = flow.ProtocolHBONE }, "eth0 hbone :15006, lo 127.0.0.6:52110"},
		{"plain", "LEGS", func(r *mesh.Result) { r.Legs[0].Protocol = "http/1.1" }, "eth0 :15006, lo 127.0.0.6:52110"},
		{"of the mesh itself", "LEGS", func(r *mesh.Result) { r.Legs[0].Role = flow.RoleControl }, "eth0 mtls (not through the proxy), lo 127.0.0.6:52110"},
		{"no flags", "EXCHANGES", func(r *mesh.Result) { r.Paths[0].Exchanges[0].Logged.Flags = nil }, "1"},
		{"one flag", "EXCHANGES", func(r *mesh.Result) { r.Paths[0].Exchanges[0].Logged.Flags = []string{"UF"} }, "1, 1 UF"},
		{"not logged", "EXCHANGES", func(r *mesh.Result) { r.Paths[0].Exchanges[0].Logged = nil }, "1"},
		{"of the leg too", "EXCHANGES", func(r *mesh.Result) { r.Legs[0].Logged = &record.Logged{Flags: []string{"UF", "URX"}} }, "1, 2 UF,URX"},
		{"of another kind", "EXCHANGES", func(r *mesh.Result) { r.Legs[0].Logged = &record.Logged{Flags: []string{"DC"}} }, "1, 1 UF,URX, 1 DC"},
		{"by a hop", "JOINED BY", func(r *mesh.Result) { r.Joins = nil }, "request id"},
		{"by a join", "JOINED BY", func(r *mesh.Result) { r.Paths[0].Exchanges = nil }, "request id"},
		{"by a hop, which tells of the join", "JOINED BY", func(r *mesh.Result) { r.Joins[0].Evidence = seen(flow.Conntrack) }, "request id"},
		{"by a hop without evidence", "JOINED BY", func(r *mesh.Result) { r.Paths[0].Exchanges[0].Hops[1].Evidence = nil }, "request id"},
		{"by nothing", "JOINED BY", func(r *mesh.Result) { r.Joins, r.Paths[0].Exchanges = nil, nil }, "-"},
		{"by a join without evidence", "JOINED BY", func(r *mesh.Result) { r.Joins[0].Evidence, r.Paths[0].Exchanges = nil, nil }, "-"},
		{"by a join to a leg of another path", "JOINED BY", func(r *mesh.Result) { r.Joins[0].To, r.Paths[0].Exchanges = 2, nil }, "-"},
		{"by a join from a leg of another path", "JOINED BY", func(r *mesh.Result) { r.Joins[0].From, r.Paths[0].Exchanges = 2, nil }, "-"},
		{"by two kinds", "JOINED BY", func(r *mesh.Result) {
			r.Paths[0].Legs = []int{0, 1, 2}
			r.Joins = append(r.Joins, flow.Join{From: 1, To: 2, Evidence: seen(flow.SameBytes)})
		}, "request id, same bytes"},
		{"the first hop comes from none", "JOINED BY", func(r *mesh.Result) {
			r.Joins, r.Paths[0].Exchanges[0].Hops[0].Evidence, r.Paths[0].Exchanges[0].Hops[1].Evidence = nil, seen(flow.SameBytes), nil
		}, "-"},
		{"from leg 0 on", "JOINED BY", func(r *mesh.Result) { r.Joins, r.Paths[0].Exchanges[0].Hops[1].Evidence = nil, seen(flow.SameBytes) }, "same bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := inbound()
			r.Paths = r.Paths[:1]
			tc.edit(r)
			check(t, tc.title+"\n"+tc.want+"\n", func(w io.Writer) error {
				return column(w, tc.title, func(w io.Writer) error { return report.Paths(w, r, nil) })
			})
		})
	}
}

// Those that carried most are shown in their order; of equals the first.
func TestFullestPaths(t *testing.T) {
	r := inbound()
	r.Paths = nil
	for i, n := range []int64{5, 9, 5, 7, 9} {
		r.Legs = append(r.Legs, &flow.Leg{ID: 3 + i, Orig: r.Legs[2].Orig, Reply: r.Legs[2].Reply, OrigBytes: n})
		r.Paths = append(r.Paths, &flow.Path{ID: i, Legs: []int{3 + i}, Lead: 3 + i})
	}
	for limit, want := range []string{1: "1", 2: "1 4", 3: "1 3 4", 4: "0 1 3 4", 5: "0 1 2 3 4"} {
		if limit == 0 {
			continue
		}
		var out strings.Builder
		if err := report.Paths(&out, r, &report.TableOptions{Limit: limit}); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for line := range strings.Lines(out.String()) {
			if id := strings.Fields(line)[0]; id != "STREAM" && id != "…" {
				ids = append(ids, id)
			}
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%d of them: %s, want %s", limit, got, want)
		}
	}
}
