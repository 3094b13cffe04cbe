package istio_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
)

// read reads a text line by line, as the reader's caller does, and returns the
// numbers of the lines that it took, its arguments, and what is wrong with them.
func read(text string) (taken []int, a *istio.Args, bad string) {
	var r istio.Reader
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line != "" && r.Line([]byte(line), n) {
			taken = append(taken, n)
		}
	}
	a = r.Args(func(line int, text []byte, err error) { bad = fmt.Sprintf("%d: %s: %v", line, text, err) })
	return taken, a, bad
}

// defaults returns the arguments of istio-iptables without any.
func defaults() istio.Args {
	a := istio.DefaultArgs()
	a.InboundInclude, a.InboundExclude, a.OutboundInclude = "", "", ""
	return a
}

// set returns the defaults but for what f sets.
func set(f func(a *istio.Args)) *istio.Args {
	a := defaults()
	f(&a)
	return &a
}

// addrs are compared as they are.
var addrs = cmp.Options{cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()}

// Arguments are found in manifests, command lines and logs.
func TestReader(t *testing.T) {
	port := set(func(a *istio.Args) { a.ProxyPort, a.InboundPort, a.OutboundInclude = "1", "2", "*" })
	for _, tt := range []struct {
		name, text string
		taken      []int
		want       *istio.Args
		bad        string
	}{
		{"nothing", "hello\nworld\n", nil, nil, ""},
		{"a command line", "$ istio-iptables -p 1 -z 2 -i '*'\n", []int{1}, port, ""},
		{"a command line in a log", "2024 info pilot-agent istio-iptables -p 1 -z 2 -i * \n", []int{1}, port, ""},
		{"the name alone", "istio-iptables\n", []int{1}, set(func(*istio.Args) {}), ""},
		{"the name in quotes", "\"istio-iptables\",\n", []int{1}, set(func(*istio.Args) {}), ""},
		{"the last counts", "istio-iptables -p 3\nistio-iptables -p 1 -z 2 -i *\n", []int{1, 2}, port, ""},
		{"without the name", "-p 1 -z 2 -i *\n", []int{1}, port, ""},
		{"without the name, in long words", "--envoy-port 1 -z 2 -i *\n", []int{1}, port, ""},
		{"without the name, in JSON", `"-p", "1", "-z", "2", "-i", "*"` + "\n", []int{1}, port, ""},
		{"YAML", "args:\n- istio-iptables\n- -p\n- \"1\"\n- -z\n- '2'\n- -i\n- '*'\nimage: x\n- -u\n- \"9\"\n", []int{2, 3, 4, 5, 6, 7, 8}, port, ""},
		{"YAML without the name", "- -p\n- \"1\"\n- -z\n- '2'\n- -i\n- '*'\n", []int{1, 2, 3, 4, 5, 6}, port, ""},
		{"YAML, then another container", "- -p\n- \"1\"\n- -z\n- '2'\n- -i\n- '*'\n- name: istio-proxy\n- -u\n", []int{1, 2, 3, 4, 5, 6}, port, ""},
		{"JSON, a line each", "\"args\": [\n\"istio-iptables\",\n\"-p\",\n\"1\",\n\"-z\",\n\"2\",\n\"-i\",\n\"*\"\n],\n\"image\": 1\n", []int{2, 3, 4, 5, 6, 7, 8, 9}, port, ""},
		{"JSON on one line", `"args": ["istio-iptables","-p","1","-z","2","-i","*"],` + "\n", []int{1}, port, ""},
		{"JSON on one line, with blanks", `["istio-iptables", "-p", "1", "-z", "2", "-i", "*"]` + "\n", []int{1}, port, ""},
		{"lists in JSON", `["istio-iptables", "-d", "15090,15021"]` + "\n", []int{1}, set(func(a *istio.Args) { a.InboundExclude = "15090,15021" }), ""},
		{"the name and a tab", "istio-iptables\t,\n", []int{1}, set(func(*istio.Args) {}), ""},
		{"a container's name", "- name: istio-iptables\nimage: istio-iptables\ninit: istio-iptables,\n", nil, nil, ""},
		{"a message", "running istio-iptables failed\n", nil, nil, ""},
		{"not what looks like it", "-p tcp --dport 80 -j RETURN\n-p 1 2 3\n-p 1 -z\n- -z\n-p\n- x\n", nil, nil, ""},
		{"a flag that is none", "x\nistio-iptables -p 1 -y\n", []int{2}, set(func(a *istio.Args) { a.ProxyPort = "1" }), "2: -p 1 -y: -y is no flag of istio-iptables"},
		{"an open quote", "istio-iptables -p \"1\n", []int{1}, set(func(*istio.Args) {}), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			taken, got, bad := read(tt.text)
			if diff := cmp.Diff(tt.taken, taken); diff != "" {
				t.Errorf("lines (- want, + got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, got, addrs); diff != "" {
				t.Errorf("arguments (- want, + got):\n%s", diff)
			}
			if bad != tt.bad {
				t.Errorf("malformed %q, want %q", bad, tt.bad)
			}
		})
	}
}

// The init container lists its variables in its log. They count where there are
// no arguments, from PROXY_PORT on.
func TestVariables(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		taken      []int
		want       *istio.Args
		bad        string
	}{
		{"some", "PROXY_PORT=1\nPROXY_UID=9\nDNS_CAPTURE=true\nDROP_INVALID=false\nENABLE_INBOUND_IPV6=false\n", []int{1, 2, 3, 4, 5},
			set(func(a *istio.Args) { a.ProxyPort, a.UID, a.RedirectDNS, a.IPv6 = "1", "9", true, false }), ""},
		{"none that matters", "PROXY_PORT=1\nHOME=/root\n", []int{1, 2}, set(func(a *istio.Args) { a.ProxyPort = "1" }), ""},
		{"before it", "PROXY_UID=9\nPROXY_PORT=1\n", []int{1, 2}, set(func(a *istio.Args) { a.ProxyPort = "1" }), ""},
		{"without it", "PROXY_UID=9\nPATH=/bin\n", []int{1, 2}, nil, ""},
		{"again", "PROXY_PORT=1\nPROXY_UID=9\nPROXY_PORT=2\n", []int{1, 2, 3}, set(func(a *istio.Args) { a.ProxyPort, a.UID = "2", "9" }), ""},
		{"empty", "PROXY_PORT=1\nPROXY_UID=\n", []int{1, 2}, set(func(a *istio.Args) { a.ProxyPort, a.UID = "1", "" }), ""},
		{"no variables", "proxy_port=1\n=1\nA B=1\n[PROXY_PORT=1\n", nil, nil, ""},
		{"servers", "PROXY_PORT=1\nDNS_SERVERS=[10.96.0.10],[fd00::a]\n", []int{1, 2},
			set(func(a *istio.Args) {
				a.ProxyPort, a.DNSServers = "1", []netip.Addr{netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("fd00::a")}
			}), ""},
		{"servers, some of them wrong", "PROXY_PORT=1\nDNS_SERVERS=[10.96.0.10, x],[]\n", []int{1, 2},
			set(func(a *istio.Args) { a.ProxyPort, a.DNSServers = "1", []netip.Addr{netip.MustParseAddr("10.96.0.10")} }), ""},
		{"malformed", "PROXY_PORT=x\n", []int{1}, set(func(a *istio.Args) { a.ProxyPort = "x" }), `0: : "x" is no number below 65536`},
		{"arguments count more", "PROXY_PORT=1\nistio-iptables -u 7\n", []int{1, 2}, set(func(a *istio.Args) { a.UID = "7" }), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			taken, got, bad := read(tt.text)
			if diff := cmp.Diff(tt.taken, taken); diff != "" {
				t.Errorf("lines (- want, + got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, got, addrs); diff != "" {
				t.Errorf("arguments (- want, + got):\n%s", diff)
			}
			if bad != tt.bad {
				t.Errorf("malformed %q, want %q", bad, tt.bad)
			}
		})
	}
}

// An empty line is none of a list, and ends none.
func TestReaderOfEmptyLines(t *testing.T) {
	var r istio.Reader
	for i, line := range []string{"", "istio-iptables", "", "- -p", "- '1'"} {
		if got, want := r.Line([]byte(line), i), line != ""; got != want {
			t.Errorf("line %d: taken %v, want %v", i, got, want)
		}
	}
	if a := r.Args(nil); a == nil || a.ProxyPort != "1" {
		t.Errorf("got %+v", a)
	}
}

// What is kept of a text has an end.
func TestReaderIsBounded(t *testing.T) {
	_, a, bad := read("istio-iptables\n" + strings.Repeat("- -p\n- \"1\"\n", 500) + "- -u\n- \"9\"\n")
	if a.ProxyPort != "1" || a.UID != "1337" || bad != "" {
		t.Errorf("the 1001st word counts: %+v, %s", a, bad)
	}
	_, a, _ = read("istio-iptables\n" + strings.Repeat("- -p\n- \"1\"\n", 499) + "- -u\n- \"9\"\n")
	if a.UID != "9" {
		t.Errorf("the thousandth word does not count: %+v", a)
	}
	const most = 64 << 10
	for n, want := range map[int]bool{most - 1: true, most: false} {
		if _, a, _ := read("PROXY_PORT=1\nEXCLUDE_INTERFACES=" + strings.Repeat("x", n) + "\n"); (len(a.ExcludeInterfaces) == n) != want {
			t.Errorf("a value of %d bytes is kept: %v, want %v", n, !want, want)
		}
	}
}
