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

// Each flag sets one argument, by any of its names.
func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		name, flags string // by blanks
		set         func(a *istio.Args)
	}{
		{"outbound listener", "-p --envoy-port --PROXY_PORT", func(a *istio.Args) { a.ProxyPort = "77" }},
		{"inbound listener", "-z --inbound-capture-port --PROXY_INBOUND_CAPTURE_PORT", func(a *istio.Args) { a.InboundPort = "77" }},
		{"tunnel", "-e --inbound-tunnel-port --PROXY_TUNNEL_PORT", func(a *istio.Args) { a.TunnelPort = "77" }},
		{"user", "-u --proxy-uid --PROXY_UID", func(a *istio.Args) { a.UID = "77" }},
		{"group", "-g --proxy-gid --PROXY_GID", func(a *istio.Args) { a.GID = "77" }},
		{"mode", "-m --istio-inbound-interception-mode --INBOUND_INTERCEPTION_MODE", func(a *istio.Args) { a.Mode = "77" }},
		{"mark", "-t --istio-inbound-tproxy-mark --INBOUND_TPROXY_MARK", func(a *istio.Args) { a.TPROXYMark = "77" }},
		{"inbound ports", "-b --istio-inbound-ports --INBOUND_PORTS_INCLUDE", func(a *istio.Args) { a.InboundInclude = "77" }},
		{"inbound ports left out", "-d --istio-local-exclude-ports --INBOUND_PORTS_EXCLUDE", func(a *istio.Args) { a.InboundExclude = "77" }},
		{"networks", "-i --istio-service-cidr --OUTBOUND_IP_RANGES_INCLUDE", func(a *istio.Args) { a.OutboundInclude = "77" }},
		{"networks left out", "-x --istio-service-exclude-cidr --OUTBOUND_IP_RANGES_EXCLUDE", func(a *istio.Args) { a.OutboundExclude = "77" }},
		{"outbound ports", "-q --istio-outbound-ports --OUTBOUND_PORTS_INCLUDE", func(a *istio.Args) { a.OutboundPorts = "77" }},
		{"outbound ports left out", "-o --istio-local-outbound-ports-exclude --OUTBOUND_PORTS_EXCLUDE", func(a *istio.Args) { a.OutboundPortsExclude = "77" }},
		{"faces left out", "-c --istio-exclude-interfaces --EXCLUDE_INTERFACES", func(a *istio.Args) { a.ExcludeInterfaces = "77" }},
		{"virtual faces", "-k --kube-virt-interfaces --kubevirt-interfaces --KUBE_VIRT_INTERFACES --KUBEVIRT_INTERFACES --REROUTE_VIRTUAL_INTERFACES",
			func(a *istio.Args) { a.VirtualInterfaces = "77" }},
		{"groups", "--OUTBOUND_OWNER_GROUPS_INCLUDE --ISTIO_OUTBOUND_OWNER_GROUPS", func(a *istio.Args) { a.OwnerGroups = "77" }},
		{"groups left out", "--OUTBOUND_OWNER_GROUPS_EXCLUDE --ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE", func(a *istio.Args) { a.OwnerGroupsExclude = "77" }},
		{"loopback", "--ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR --HOST_IPV4_LOOPBACK_CIDR", func(a *istio.Args) { a.LoopbackCIDR = "77" }},
		{"no say", "-r --istio-inbound-tproxy-route-table --iptables-probe-port --probe-timeout --network-namespace --log_output_level --proxy-type --iptables-version",
			func(*istio.Args) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for f := range strings.FieldsSeq(tt.flags) {
				for _, words := range []string{f + " 77", f + "=77"} {
					_, got, bad := read("istio-iptables " + words + " --dry-run\n")
					if diff := cmp.Diff(set(tt.set), got, addrs); diff != "" || bad != "" {
						t.Errorf("%s: %s (- want, + got):\n%s", words, bad, diff)
					}
				}
			}
		})
	}
}

// Switches take no value, or one behind an equals sign.
func TestSwitches(t *testing.T) {
	for _, tt := range []struct {
		name, flags string
		set         func(a *istio.Args, on bool)
	}{
		{"DNS", "--redirect-dns --DNS_CAPTURE", func(a *istio.Args, on bool) { a.RedirectDNS = on }},
		{"all DNS", "--capture-all-dns --CAPTURE_ALL_DNS", func(a *istio.Args, on bool) { a.CaptureAllDNS = on }},
		{"invalid packets", "--drop-invalid --DROP_INVALID", func(a *istio.Args, on bool) { a.DropInvalid = on }},
		{"IPv6", "--ENABLE_INBOUND_IPV6 --ENABLE_IPV6", func(a *istio.Args, on bool) { a.IPv6 = on }},
		{"no say", "-n --dry-run -f --restore-format --skip-rule-apply --run-validation --cni-mode --host-nsenter-exec --iptables-trace-logging " +
			"--cleanup-only --force-apply --reconcile --native-nftables --log_as_json --dual-stack", func(*istio.Args, bool) {}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for f := range strings.FieldsSeq(tt.flags) {
				for value, on := range map[string]bool{"": true, "=true": true, "=false": false} {
					_, got, bad := read("istio-iptables " + f + value + " -u 9\n")
					want := set(func(a *istio.Args) { a.UID = "9"; tt.set(a, on) })
					if diff := cmp.Diff(want, got, addrs); diff != "" || bad != "" {
						t.Errorf("%s%s: %s (- want, + got):\n%s", f, value, bad, diff)
					}
				}
			}
		})
	}
}

// What makes no rules is told, with the line where the arguments begin; what was
// read before counts.
func TestArgsMalformed(t *testing.T) {
	for _, tt := range []struct {
		name, flags, want string
		set               func(a *istio.Args)
	}{
		{"a flag that is none", "-p 1 --nonsense -u 9", "--nonsense is no flag of istio-iptables", func(a *istio.Args) { a.ProxyPort = "1" }},
		{"a word", "-p 1 nonsense", `"nonsense" stands where a flag is wanted`, func(a *istio.Args) { a.ProxyPort = "1" }},
		{"a dash", "-p 1 -", `"-" stands where a flag is wanted`, func(a *istio.Args) { a.ProxyPort = "1" }},
		{"no value", "-p 1 -u", "-u: a value is missing", func(a *istio.Args) { a.ProxyPort = "1" }},
		{"no value of what has no say", "-p 1 -r", "-r: a value is missing", func(a *istio.Args) { a.ProxyPort = "1" }},
		{"a value joined", "-p1 -z", "-z: a value is missing", func(a *istio.Args) { a.ProxyPort = "1" }},
		{"a listener too large", "-p 65536", `"65536" is no number below 65536`, func(a *istio.Args) { a.ProxyPort = "65536" }},
		{"an inbound listener", "-z x", `"x" is no number below 65536`, func(a *istio.Args) { a.InboundPort = "x" }},
		{"a tunnel", "-e x", `"x" is no number below 65536`, func(a *istio.Args) { a.TunnelPort = "x" }},
		{"inbound ports", "-b 1,x", `"x" is no number below 65536`, func(a *istio.Args) { a.InboundInclude = "1,x" }},
		{"inbound ports left out", "-d x", `"x" is no number below 65536`, func(a *istio.Args) { a.InboundExclude = "x" }},
		{"outbound ports", "-q x", `"x" is no number below 65536`, func(a *istio.Args) { a.OutboundPorts = "x" }},
		{"outbound ports left out", "-o x", `"x" is no number below 65536`, func(a *istio.Args) { a.OutboundPortsExclude = "x" }},
		{"a user", "-u root", `"root" is no number below 4294967296`, func(a *istio.Args) { a.UID = "root" }},
		{"a group", "-g 1,4294967296", `"4294967296" is no number below 4294967296`, func(a *istio.Args) { a.GID = "1,4294967296" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, got, bad := read("x\nistio-iptables " + tt.flags + "\n")
			if want := "2: " + tt.flags + ": " + tt.want; bad != want {
				t.Errorf("got %q, want %q", bad, want)
			}
			if diff := cmp.Diff(set(tt.set), got, addrs); diff != "" {
				t.Errorf("- want, + got:\n%s", diff)
			}
		})
	}
}

// The largest numbers are numbers, and * stands for all.
func TestArgsAtBounds(t *testing.T) {
	for _, flags := range []string{"-p 65535 -z 65535 -e 65535", "-b * -d *", "-q *,80 -o 65535", "-u 4294967295 -g 4294967295,0", "-u , -b ,"} {
		if _, _, bad := read("istio-iptables " + flags + "\n"); bad != "" {
			t.Errorf("%s: %s", flags, bad)
		}
	}
}

// What is malformed in arguments is malformed in a text of rules.
func TestArgsOfTexts(t *testing.T) {
	s, _ := rules.Parse(strings.NewReader("istio-iptables -p 15001 -u"))
	if n, first := s.Malformed(); n != 1 || first[0].Why != "-u: a value is missing" || first[0].Line != 1 {
		t.Errorf("got %+v", first)
	}
}
