package report_test

import (
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// walked returns two connections of the application: one that rules send to the
// proxy, and one that they stop.
func walked() (redirected, dropped rules.Flow) {
	p := walk.Packet{Tuple: tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: end("10.244.1.10:40000"), Dst: end("10.96.10.1:80")}, Out: "eth0", UID: 1000, GID: 1000}
	to := &walk.Trace{Packet: p, Outcome: walk.Redirected, Dst: end("127.0.0.1:15001"), Port: 15001, Looped: true, Way: []string{"OUTPUT", "ISTIO_REDIRECT"},
		Steps: []walk.Step{{Hook: "OUTPUT", Table: "nat", Chain: "ISTIO_REDIRECT", Rule: 1, Text: "-p tcp -j REDIRECT --to-ports 15001", Target: "REDIRECT"}}}
	no := &walk.Trace{Packet: p, Outcome: walk.Dropped, Dst: p.Dst, Reason: "the policy of OUTPUT drops it",
		Steps: []walk.Step{{Hook: "OUTPUT", Table: "filter", Chain: "OUTPUT", Text: "-P OUTPUT DROP", Target: "DROP"}}}
	return rules.Flow{Name: "application to service", Parts: []rules.Part{{From: "App", To: "Envoy 15001", Trace: to}}},
		rules.Flow{Parts: []rules.Part{{From: "App", To: "nobody", Trace: no}}}
}

func TestExplanation(t *testing.T) {
	redirected, dropped := walked()
	for _, test := range []struct {
		name string
		list []rules.Flow
		o    report.ExplainOptions
		want string
	}{
		{"way", []rules.Flow{redirected}, report.ExplainOptions{}, `application to service
App → OUTPUT → ISTIO_REDIRECT → Envoy 15001

CAPTURE ON  SHOWS REQUESTS                       AND REPLIES
lo          10.244.1.10:40000 > 127.0.0.1:15001  10.96.10.1:80 > 10.244.1.10:40000  half-flows
eth0        nothing                              nothing
`},
		{"rules", []rules.Flow{redirected, dropped}, report.ExplainOptions{Rules: true}, `application to service
App → OUTPUT → ISTIO_REDIRECT → Envoy 15001

HOOK    TABLE  CHAIN           RULE  TEXT
OUTPUT  nat    ISTIO_REDIRECT  1     -p tcp -j REDIRECT --to-ports 15001

CAPTURE ON  SHOWS REQUESTS                       AND REPLIES
lo          10.244.1.10:40000 > 127.0.0.1:15001  10.96.10.1:80 > 10.244.1.10:40000  half-flows
eth0        nothing                              nothing

App → nobody
the policy of OUTPUT drops it

HOOK    TABLE   CHAIN   RULE    TEXT
OUTPUT  filter  OUTPUT  policy  -P OUTPUT DROP

CAPTURE ON  SHOWS REQUESTS  AND REPLIES
eth0        nothing         nothing
lo          nothing         nothing
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, test.want, func(w io.Writer) error { return report.Explanation(w, test.list, test.o) })
		})
	}
}

func TestExplanationJSON(t *testing.T) {
	redirected, dropped := walked()
	check(t, `{"version":1,"mesh":"istio","flows":[{"name":"application to service","path":"App → OUTPUT → ISTIO_REDIRECT → Envoy 15001","parts":[{"from":"App","to":"Envoy 15001","proto":6,"src":"10.244.1.10:40000","dst":"10.96.10.1:80","out":"eth0","uid":1000,"gid":1000,"outcome":"redirected","delivered":"127.0.0.1:15001","proxy_port":15001,"zone":0,"mark":0,"connmark":0,"rules":[{"hook":"OUTPUT","table":"nat","chain":"ISTIO_REDIRECT","rule":1,"text":"-p tcp -j REDIRECT --to-ports 15001","target":"REDIRECT"}],"captures":[{"interface":"lo","request":{"src":"10.244.1.10:40000","dst":"127.0.0.1:15001"},"reply":{"src":"10.96.10.1:80","dst":"10.244.1.10:40000"},"half_flows":true}]}]}]}
`, func(w io.Writer) error { return report.ExplanationJSON(w, "istio", []rules.Flow{redirected}) })
	check(t, `{"version":1,"mesh":"","flows":[{"name":"","path":"App → nobody","parts":[{"from":"App","to":"nobody","proto":6,"src":"10.244.1.10:40000","dst":"10.96.10.1:80","out":"eth0","uid":1000,"gid":1000,"outcome":"dropped","delivered":"10.96.10.1:80","zone":0,"mark":0,"connmark":0,"reason":"the policy of OUTPUT drops it","rules":[{"hook":"OUTPUT","table":"filter","chain":"OUTPUT","rule":0,"text":"-P OUTPUT DROP","target":"DROP"}],"captures":[]}]}]}
`, func(w io.Writer) error { return report.ExplanationJSON(w, "", []rules.Flow{dropped}) })
}
