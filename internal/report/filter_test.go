package report_test

import (
	"io"
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/filter"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

var changes = []filter.Change{
	{Offset: 4, From: "192.168.0.0/12", To: "192.160.0.0/12", Bits: netip.MustParseAddr("0.8.0.0")},
	{Offset: 26, From: "10.0.0.0\n/8", To: "10.0.0.0/8"},
}

func TestExpression(t *testing.T) {
	const expr = "net 192.160.0.0/12 or net 10.0.0.0/8 && port 80"
	check(t, expr+"\n", func(w io.Writer) error { return report.Expression(w, expr) })
	check(t, `{"version":1,"expression":"net 192.160.0.0/12 or net 10.0.0.0/8 \u0026\u0026 port 80","changes":[{"offset":4,"from":"192.168.0.0/12","to":"192.160.0.0/12","bits":"0.8.0.0"},{"offset":26,"from":"10.0.0.0\n/8","to":"10.0.0.0/8"}]}
`, func(w io.Writer) error { return report.ExpressionJSON(w, expr, changes) })
	check(t, `{"version":1,"expression":"port 80","changes":[]}
`, func(w io.Writer) error { return report.ExpressionJSON(w, "port 80", nil) })
}

func TestChanges(t *testing.T) {
	for _, test := range []struct {
		name string
		list []filter.Change
		want string
	}{
		{"none", nil, "no net had to be changed\n"},
		{"bits, and the form", changes, `net 192.168.0.0/12 is now net 192.160.0.0/12 (bits set behind the prefix: 0.8.0.0)
net 10.0.0.0 /8 is now net 10.0.0.0/8 (not in a form that tcpdump reads)
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			check(t, test.want, func(w io.Writer) error { report.Changes(w, test.list); return nil })
		})
	}
}

func TestAdvice(t *testing.T) {
	list := []profile.Advice{
		{Interface: "eth0", Filter: "tcp port 8080", Why: []string{"what clients send", "and get"}},
		{Interface: "lo", Filter: "tcp port 8080", Why: []string{"what the application sees"}},
	}
	check(t, `# inbound: run all of these at once in the pod's network namespace, as root:
# in the pod, or on its node with nsenter -t PID -n. Stop them with ctrl-C.

# eth0: what clients send
# eth0: and get
tcpdump -i eth0 -s 0 -U -w eth0.pcap 'tcp port 8080'

# lo: what the application sees
tcpdump -i lo -s 0 -U -w lo.pcap 'tcp port 8080'

# then: pcapmesh stitch eth0.pcap lo.pcap
`, func(w io.Writer) error { return report.Advice(w, "inbound", list) })
	check(t, `{"version":1,"captures":[{"interface":"lo","file":"lo.pcap","filter":"tcp port 8080","command":"tcpdump -i lo -s 0 -U -w lo.pcap 'tcp port 8080'","why":["what the application sees"]}],"then":"pcapmesh stitch lo.pcap"}
`, func(w io.Writer) error { return report.AdviceJSON(w, list[1:]) })
}
