package istio_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// parse returns the rules of a text.
func parse(t *testing.T, text string) []*netfilter.Table {
	t.Helper()
	s, err := rules.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return s.Tables
}

// lines prints all rules as "table -A CHAIN rule", in the order of chains'
// names.
func lines(tables []*netfilter.Table) []string {
	var out []string
	for _, t := range tables {
		for _, c := range t.Chains {
			for i := range c.Rules {
				out = append(out, t.Name+" -A "+c.Name+" "+c.Rules[i].String())
			}
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(chainOf(a), chainOf(b)) })
	return out
}

func chainOf(line string) string { return strings.Join(strings.SplitN(line, " ", 4)[:3], " ") }

// The same arguments make the same rules, however they are written.
func TestArgs(t *testing.T) {
	const line = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -x '' -b '*' -d 15090,15021,15020"
	yaml, err := os.ReadFile("../testdata/istio-init.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := lines(parse(t, line))
	defaults := istio.DefaultArgs()
	if diff := cmp.Diff(lines(defaults.Tables()), want); diff != "" {
		t.Errorf("- defaults, + arguments:\n%s", diff)
	}
	for _, text := range []string{
		string(yaml),
		line[len("istio-iptables "):],
		`"args": ["istio-iptables","-p","15001","-z","15006","-u","1337","-m","REDIRECT","-i","*","-x","","-b","*","-d","15090,15021,15020"],`,
		"[\n\"istio-iptables\",\n\"-p\",\n\"15001\",\n\"-i\",\n\"*\",\n\"-b\",\n\"*\",\n\"-d\",\n\"15090,15021,15020\"\n]\n",
		"pilot-agent istio-iptables --envoy-port=15001 --inbound-capture-port=15006 --proxy-uid=1337 --istio-inbound-interception-mode=REDIRECT " +
			"--istio-service-cidr=* --istio-inbound-ports=* --istio-local-exclude-ports=15090,15021,15020 --log_output_level=default:info",
	} {
		if diff := cmp.Diff(want, lines(parse(t, text))); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", text, diff)
		}
	}
}

// What the init container logged that it would write is what the arguments make,
// in Istio's order.
func TestArgsMakeIstiosRules(t *testing.T) {
	log, err := os.ReadFile("../testdata/istio-init.log")
	if err != nil {
		t.Fatal(err)
	}
	variables, _, _ := strings.Cut(string(log), "2024-04-03T03:25:00.113165Z")
	if diff := cmp.Diff(lines(parse(t, string(log))), lines(parse(t, variables))); diff != "" {
		t.Errorf("- logged, + made of the variables:\n%s", diff)
	}
}

// Of each option of the init container, the rules it makes (Istio's golden
// files, tools/istio-iptables/pkg/capture/testdata).
func TestArgsOptions(t *testing.T) {
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"-b 4000,5000", []string{"nat -A ISTIO_INBOUND -p tcp -m tcp --dport 4000 -j ISTIO_IN_REDIRECT", "nat -A ISTIO_INBOUND -p tcp -m tcp --dport 5000 -j ISTIO_IN_REDIRECT"}},
		{"-i 1.1.0.0/16 -x 1.1.9.0/24", []string{"nat -A ISTIO_OUTPUT -d 1.1.9.0/24 -j RETURN", "nat -A ISTIO_OUTPUT -d 1.1.0.0/16 -j ISTIO_REDIRECT"}},
		{"-q 32000 -o 1024", []string{"nat -A ISTIO_OUTPUT -p udp -m udp --dport 1024 -j RETURN", "nat -A ISTIO_OUTPUT -p tcp -m tcp --dport 32000 -j ISTIO_REDIRECT"}},
		{"-c not-istio-nic", []string{"nat -A PREROUTING -i not-istio-nic -j RETURN", "nat -A OUTPUT -o not-istio-nic -j RETURN"}},
		{"-k eth1 -i *", []string{"nat -A PREROUTING -i eth1 -j ISTIO_REDIRECT"}},
		{"-e 15009", []string{"nat -A ISTIO_INBOUND -p tcp -m tcp --dport 15009 -j RETURN"}},
		{"--drop-invalid", []string{"mangle -A PREROUTING -m conntrack --ctstate INVALID -j ISTIO_DROP", "mangle -A ISTIO_DROP -j DROP"}},
		{"--redirect-dns --capture-all-dns", []string{"nat -A ISTIO_OUTPUT_DNS -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
			"raw -A ISTIO_OUTPUT_DNS -p udp -m udp --sport 15053 -m owner --uid-owner 1337 -j CT --zone 2",
			"nat -A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT"}},
		{"-m TPROXY -b *", []string{"mangle -A ISTIO_TPROXY ! -d 127.0.0.1/32 -p tcp -j TPROXY --on-port 15006 --tproxy-mark 0x539/0xffffffff",
			"mangle -A ISTIO_INBOUND -p tcp -m mark --mark 0x539 -j RETURN", "mangle -A ISTIO_INBOUND -i lo -p tcp -m mark ! --mark 0x53a -j RETURN"}},
	} {
		got := strings.Join(lines(parse(t, "istio-iptables "+tt.args)), "\n") + "\n"
		for _, w := range tt.want {
			if !strings.Contains(got, w+"\n") {
				t.Errorf("%s: no %s in\n%s", tt.args, w, got)
			}
		}
	}
}

func TestArgsMalformed(t *testing.T) {
	for text, want := range map[string]string{
		"istio-iptables -p 15001 --nonsense":    "--nonsense is no flag of istio-iptables",
		"istio-iptables -p 70000 -z 15006 -u 1": `"70000" is no number below 65536`,
		"istio-iptables -p 15001 -u":            "-u: a value is missing",
	} {
		s, _ := rules.Parse(strings.NewReader(text))
		if n, first := s.Malformed(); n != 1 || first[0].Why != want || first[0].Line != 1 {
			t.Errorf("%s: %+v", text, first)
		}
	}
}
