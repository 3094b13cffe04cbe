package rules_test

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
)

func one(n uint32) []rules.Span { return []rules.Span{{Lo: n, Hi: n}} }

func spans(list ...uint32) []rules.Span {
	var out []rules.Span
	for _, n := range list {
		out = append(out, rules.Span{Lo: n, Hi: n})
	}
	return out
}

func nets(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestFacts(t *testing.T) {
	bind := []netip.Addr{netip.MustParseAddr("127.0.0.6")}
	for _, tt := range []struct {
		file string
		want rules.Facts
	}{
		{"istio-init.log", rules.Facts{Mesh: "istio", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, TunnelPorts: []uint16{15008},
			UIDs: one(1337), GIDs: one(1337), BindSources: bind, Loopback: nets("127.0.0.1/32"), InboundAll: true, OutboundAll: true,
			InboundExcluded: spans(15020, 15021, 15090)}},
		{"ambient.rules", rules.Facts{Mesh: "istio-ambient", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, TunnelPorts: []uint16{15008},
			Mark: 0x539, MarkMask: 0xfff, InboundAll: true, OutboundAll: true, InboundSources: nets("169.254.7.127/32"),
			OutboundExcluded: nets("169.254.7.127/32"), DNSPorts: []uint16{15053}, DNSUDP: true, DNSTCP: true}},
		{"kuma.txt", rules.Facts{Mesh: "kuma", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, UIDs: one(5678), BindSources: bind,
			Loopback: nets("127.0.0.1/32"), InboundAll: true, InboundExcluded: one(4444), InboundSources: nets("192.168.0.1/32"), OutboundAll: true,
			OutboundExcluded: nets("10.0.0.1/32"), OutboundExcludedPorts: one(6), VirtualInterfaces: []string{"br+"},
			DNSPorts: []uint16{8888}, DNSUDP: true, DNSTCP: true}},
		{"linkerd.txt", rules.Facts{Mesh: "linkerd", OutboundPorts: []uint16{4140}, InboundPorts: []uint16{4143}, UIDs: one(2102), InboundAll: true,
			InboundExcluded: spans(4190, 4191, 4567, 4568), OutboundAll: true, OutboundExcludedPorts: spans(4567, 4568)}},
		{"native.txt", rules.Facts{Mesh: "istio", OutboundPorts: []uint16{15001}, InboundPorts: []uint16{15006}, TunnelPorts: []uint16{15008},
			UIDs: one(1337), GIDs: one(1337), BindSources: append(bind, netip.MustParseAddr("::6")), Loopback: nets("127.0.0.1/32", "::1/128"),
			InboundAll: true, InboundExcluded: append([]rules.Span{{Lo: 9000, Hi: 9010}}, spans(15021, 15090)...), OutboundAll: true,
			OutboundExcluded: nets("10.1.0.0/16"), TPROXY: true, TPROXYMark: 1337, DNSPorts: []uint16{15053}, DNSUDP: true, DNSTCP: true,
			DNSServers: nets("10.96.0.10/32"), DNSZones: []uint16{1, 2}}},
	} {
		got := read(t, "testdata/"+tt.file).Facts()
		if diff := cmp.Diff(tt.want, got, exact, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", tt.file, diff)
		}
	}
}

func TestMesh(t *testing.T) {
	for chain, want := range map[string]string{
		"ISTIO_OUTPUT": "istio", "ISTIO_PRERT": "istio-ambient", "KUMA_MESH_INBOUND": "kuma", "PROXY_INIT_OUTPUT": "linkerd",
		"CONSUL_PROXY_OUTPUT": "consul", "OSM_PROXY_INBOUND": "osm", "APPMESH_EGRESS": "appmesh", "KUBE-SERVICES": "",
	} {
		if got := parse(t, "*nat\n-A OUTPUT -j "+chain+"\n-A "+chain+" -j RETURN\nCOMMIT\n").Mesh(); got != want {
			t.Errorf("%s: mesh %q, want %q", chain, got, want)
		}
	}
}

// The same arguments make the same rules, however they are written.
func TestArgs(t *testing.T) {
	const line = "istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -x '' -b '*' -d 15090,15021,15020"
	yaml, err := os.ReadFile("testdata/istio-init.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := lines(parse(t, line))
	defaults := istio.DefaultArgs()
	if diff := cmp.Diff(lines(rules.Made(&defaults)), want); diff != "" {
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
	log, err := os.ReadFile("testdata/istio-init.log")
	if err != nil {
		t.Fatal(err)
	}
	variables, _, _ := strings.Cut(string(log), "2024-04-03T03:25:00.113165Z")
	if diff := cmp.Diff(lines(read(t, "testdata/istio-init.log")), lines(parse(t, variables))); diff != "" {
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
		if s := parse(t, text); s.Malformed != 1 || s.First[0].Why != want || s.First[0].Line != 1 {
			t.Errorf("%s: %+v", text, s.First)
		}
	}
}
