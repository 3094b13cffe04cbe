package rules_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

func tuple(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

const (
	podAddr = "10.244.1.10"
	peer    = "10.244.2.20"
)

// What legs tell of a pod's addresses, and by which interface each goes.
func TestRoute(t *testing.T) {
	legs := []rules.Leg{
		{Maker: rules.MakerClient, Tuple: tuple(peer+":40112", podAddr+":8080")},
		{Maker: rules.MakerProxyHome, Tuple: tuple("127.0.0.6:40001", podAddr+":8080")},
		{Maker: rules.MakerApp, Tuple: tuple(podAddr+":40000", "10.96.10.1:80")},
		{Maker: rules.MakerProxy, Tuple: tuple(podAddr+":40002", peer+":8080")},
		{Maker: rules.MakerProxyLink, Tuple: tuple(podAddr+":40002", podAddr+":15006")},
		{Maker: rules.MakerUnknown, Tuple: tuple(peer+":40113", podAddr+":15020")},
	}
	local := rules.LocalAddrs(legs)
	if want := []netip.Addr{netip.MustParseAddr(podAddr)}; !slices.Equal(local, want) {
		t.Errorf("the pod has %v, want %v", local, want)
	}
	a := istio.DefaultArgs()
	f := rules.Made(&a).Facts()
	for i, want := range []string{"in eth0, user 0", "out lo, user 1337", "out eth0, user 0", "out eth0, user 1337", "out lo, user 1337", "in eth0, user 0"} {
		p := walk.Packet{Tuple: legs[i].Tuple, Local: local}
		f.Own(&p, legs[i].Maker)
		rules.Route(&p, legs[i].Maker)
		if got := way(&p) + fmt.Sprintf(", user %d", p.UID); got != want {
			t.Errorf("leg %d: %s, want %s", i, got, want)
		}
	}
}

func way(p *walk.Packet) string {
	if p.In != "" {
		return "in " + p.In
	}
	return "out " + p.Out
}

// Which end of a connection that was thought up is the pod.
func TestPlace(t *testing.T) {
	pod := []netip.Addr{netip.MustParseAddr(podAddr)}
	for _, tt := range []struct {
		src, dst string
		local    []netip.Addr
		made     bool
		want     string // empty: not known
	}{
		{podAddr + ":40000", peer + ":80", pod, false, "out eth0"},
		{peer + ":40000", podAddr + ":80", pod, false, "in eth0"},
		{podAddr + ":40000", podAddr + ":80", nil, false, "out lo"},
		{podAddr + ":40000", podAddr + ":80", pod, true, "out lo"},
		{podAddr + ":40000", peer + ":80", nil, true, "out eth0"},
		{"127.0.0.1:40000", "127.0.0.1:80", nil, false, "out lo"},
		{podAddr + ":40000", peer + ":80", nil, false, ""},
	} {
		p := walk.Packet{Tuple: tuple(tt.src, tt.dst), Local: tt.local}
		known := rules.Place(&p, tt.made)
		if known != (tt.want != "") || known && way(&p) != tt.want {
			t.Errorf("%v: %s (%v), want %q", p.Tuple, way(&p), known, tt.want)
		}
		if known && !p.Src.Addr().IsLoopback() && !slices.Equal(p.Local, pod) {
			t.Errorf("%v: the pod has %v", p.Tuple, p.Local)
		}
	}
}

// Rules for IPv6 only are played in a pod of that family.
func TestFlowsOfIPv6Only(t *testing.T) {
	a := istio.DefaultArgs()
	set := rules.Made(&a)
	set.Tables = slices.DeleteFunc(set.Tables, func(t *netfilter.Table) bool { return t.Family == netfilter.IPv4 })
	for _, f := range set.Flows(rules.Cast{}) {
		if src := f.Parts[0].Packet.Src.Addr(); src.Is4() {
			t.Errorf("%s: from %v", f.Name, src)
		}
	}
}
