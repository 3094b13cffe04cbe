package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

func TestParseTuple(t *testing.T) {
	for _, tc := range []struct{ in, want string }{ // "": refused
		{"10.0.0.1:1 10.0.0.2:2", "6 10.0.0.1:1 10.0.0.2:2"}, {"10.0.0.1 10.0.0.2:2", "6 10.0.0.1:40000 10.0.0.2:2"}, {"tcp 10.0.0.1:1 > 10.0.0.2:2", "6 10.0.0.1:1 10.0.0.2:2"}, {"udp 10.0.0.1:1 -> 10.0.0.2:2", "17 10.0.0.1:1 10.0.0.2:2"},
		{"10.0.0.1:1 → 10.0.0.2:2", "6 10.0.0.1:1 10.0.0.2:2"}, {"[fd00::1]:1 [fd00::2]:2", "6 [fd00::1]:1 [fd00::2]:2"}, {"fd00::1 [fd00::2]:2", "6 [fd00::1]:40000 [fd00::2]:2"}, {"[fd00::1] [fd00::2]:2", "6 [fd00::1]:40000 [fd00::2]:2"},
		{"::ffff:10.0.0.1 10.0.0.2:2", "6 10.0.0.1:40000 10.0.0.2:2"}, {"10.0.0.1:1 [::ffff:10.0.0.2]:2", "6 10.0.0.1:1 10.0.0.2:2"},
		{"", ""}, {"tcp", ""}, {"10.0.0.1:1", ""}, {"10.0.0.1:1 10.0.0.2:2 x", ""}, {"10.0.0.1:1 10.0.0.2", ""}, {"x 10.0.0.2:2", ""}, {"sctp 10.0.0.1:1 10.0.0.2:2", ""}, {"10.0.0.1:1 [fd00::2]:2", ""}, {"[fd00::1]:1 10.0.0.2:2", ""},
	} {
		t.Run(tc.in, func(t *testing.T) {
			got, err := parseTuple(strings.Fields(tc.in))
			if tc.want == "" {
				if err == nil || exitStatus(err) != 2 {
					t.Errorf("%v, error %v; want a usage error", got, err)
				}
				return
			}
			if s := fmt.Sprint(uint8(got.Proto), " ", got.Src, " ", got.Dst); err != nil || s != tc.want {
				t.Errorf("%s, %v; want %s", s, err, tc.want)
			}
		})
	}
}

// A packet is of the user that was named, else of an application; its group is the
// user's unless one is named.
func TestOwn(t *testing.T) {
	a := istio.DefaultArgs()
	facts := rules.Made(&a).Facts()
	app := facts.AppID()
	for _, tc := range []struct {
		name               string
		uid, gid           int64
		wantUID, wantGroup uint32
		err                bool
	}{
		{"nobody named", -1, -1, app, app, false}, {"root", 0, -1, 0, 0, false}, {"a user", 1337, -1, 1337, 1337, false}, {"a user and a group", 1337, 7, 1337, 7, false}, {"the group of root", 1337, 0, 1337, 0, false}, {"a group", -1, 7, app, 7, false},
		{"the last", 4294967295, 4294967295, 4294967295, 4294967295, false}, {"a user beyond", 4294967296, -1, 0, 0, true}, {"a group beyond", -1, 4294967296, 0, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, p := &explainFlags{uid: tc.uid, gid: tc.gid}, walk.Packet{}
			if err := f.own(&p, &facts); (err != nil) != tc.err {
				t.Fatal(err)
			}
			if !tc.err && (p.UID != tc.wantUID || p.GID != tc.wantGroup) {
				t.Errorf("user %d, group %d; want %d, %d", p.UID, p.GID, tc.wantUID, tc.wantGroup)
			}
		})
	}
}

func TestMaker(t *testing.T) {
	for role, want := range map[flow.Role]rules.Maker{
		flow.RoleClientProxy: rules.MakerClient, flow.RoleAppProxy: rules.MakerApp, flow.RoleProxyApp: rules.MakerProxyHome, flow.RoleProxyServer: rules.MakerProxy,
		flow.RoleProxyProxy: rules.MakerProxyLink, flow.RoleDirect: rules.MakerUnknown, flow.RoleControl: rules.MakerUnknown,
	} {
		if got := maker(role); got != want {
			t.Errorf("%v: %v, want %v", role, got, want)
		}
	}
}

func TestLegsOfPod(t *testing.T) {
	legs := []*flow.Leg{{Pod: "a", Role: flow.RoleAppProxy}, {Pod: "b"}, {Pod: "a", Role: flow.RoleClientProxy}}
	if got := legsOf(legs, "a"); len(got) != 2 || got[0].Maker != rules.MakerApp || got[1].Maker != rules.MakerClient {
		t.Errorf("%+v", got)
	}
	if got := legsOf(legs, "c"); got != nil {
		t.Errorf("of no pod: %+v", got)
	}
}

func TestAddressesOf(t *testing.T) {
	pods := []cluster.Pod{{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}, {Addrs: []netip.Addr{netip.MustParseAddr("fd00::1")}}}
	if got := fmt.Sprint(addressesOf(pods), addressesOf(nil) == nil); got != "[10.0.0.1 fd00::1] true" {
		t.Error(got)
	}
}

// What is said of a connection of the command line, with Istio's own rules.
func TestExplainTuples(t *testing.T) {
	for _, tc := range []struct {
		name, args string
		status     int
		want       string // in stdout, or in stderr if the status is not 0
	}{
		{"inbound", "--pod-ip 10.244.1.10 192.0.2.1 10.244.1.10:8080", 0, "15006"}, {"outbound", "--pod-ip 10.244.1.10 10.244.1.10 10.96.0.1:80", 0, "15001"}, {"inbound by its interface", "--in eth0 192.0.2.1 10.244.1.10:8080", 0, "15006"}, {"outbound by its interface", "--out eth0 10.244.1.10 10.96.0.1:80", 0, "15001"},
		{"by its user", "--uid 1000 10.244.1.10 10.96.0.1:80", 0, "15001"}, {"nothing tells", "10.244.1.10 10.96.0.1:80", 2, "nothing tells which end is the pod"}, {"IPv6", "--pod-ip fd00::5 fd00::5 [fd00:96::1]:80", 0, ""},
		{"no address", "--pod-ip x 10.244.1.10 10.96.0.1:80", 2, "not an IP address"}, {"no tuple", "x y", 2, "not an address"}, {"no user", "--uid 4294967296 --pod-ip 10.244.1.10 10.244.1.10 10.96.0.1:80", 2, "no user or group has a number above 4294967295"},
		{"another mesh", "--mesh linkerd 10.244.1.10 10.96.0.1:80", 2, "no rules of linkerd are built in"}, {"Istio by name", "--mesh istio --pod-ip 10.244.1.10 10.244.1.10 10.96.0.1:80", 0, "15001"},
		{"as JSON", "-o json --pod-ip 10.244.1.10 10.244.1.10 10.96.0.1:80", 0, `{"version":1,`}, {"all that is known", "", 0, "15006"}, {"all, of a pod", "--pod-ip 10.9.9.9", 0, "10.9.9.9"}, {"all, of a user", "--uid 7777 -o json", 0, "7777"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := invoke("", append([]string{"explain"}, strings.Fields(tc.args)...)...)
			if tc.name == "IPv6" { // the default rules are for both families, or say that they are not
				if status != 0 && !strings.Contains(errs, "not for this family") {
					t.Errorf("status %d, %q", status, errs)
				}
				return
			}
			said := out
			if status != 0 {
				said = errs
			}
			if status != tc.status || !strings.Contains(said, tc.want) {
				t.Errorf("status %d, %q; want %d, %q", status, said, tc.status, tc.want)
			}
		})
	}
}

// Rules are for the families of addresses of what printed them.
func TestExplainFamilies(t *testing.T) {
	const v4 = "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -j REDIRECT --to-ports 15001\nCOMMIT\n"
	for _, tc := range []struct {
		name, in string
		args     []string
		status   int
	}{
		{"IPv4", v4, []string{"--pod-ip", "10.0.0.1", "10.0.0.1", "10.0.0.2:80"}, 0}, {"IPv6 by rules for IPv4", "# Generated by iptables-save\n" + v4, []string{"--pod-ip", "fd00::1", "fd00::1", "[fd00::2]:80"}, 1},
		{"IPv6", "# Generated by ip6tables-save\n" + v4, []string{"--pod-ip", "fd00::1", "fd00::1", "[fd00::2]:80"}, 0}, {"IPv4 by rules for IPv6", "# Generated by ip6tables-save\n" + v4, []string{"--pod-ip", "10.0.0.1", "10.0.0.1", "10.0.0.2:80"}, 1},
		{"no rules", "hello\n", nil, 1}, {"no file", "", []string{"--rules", "nosuch"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, out, errs := invoke(tc.in, append([]string{"explain", "--rules", "-"}, tc.args...)...)
			if status != tc.status {
				t.Errorf("status %d, want %d: %s %s", status, tc.status, out, errs)
			}
		})
	}
}
