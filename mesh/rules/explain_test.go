package rules_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
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

// A packet has an address of the pod if it is known which end is the pod.
func TestPlaceFindsThePod(t *testing.T) {
	other := []netip.Addr{netip.MustParseAddr("10.244.1.11")}
	for _, tt := range []struct {
		name, src, dst, in, out string
		local                   []netip.Addr
		made, known             bool
		way                     string
		want                    []netip.Addr
	}{
		{"made here", podAddr + ":1", peer + ":2", "", "", nil, true, true, "out eth0", []netip.Addr{netip.MustParseAddr(podAddr)}},
		{"made here, to itself", podAddr + ":1", podAddr + ":2", "", "", nil, true, true, "out lo", []netip.Addr{netip.MustParseAddr(podAddr)}},
		{"made here, to the loopback", podAddr + ":1", "127.0.0.1:2", "", "", nil, true, true, "out lo", []netip.Addr{netip.MustParseAddr(podAddr)}},
		{"made here, from the loopback", "127.0.0.6:1", peer + ":2", "", "", nil, true, true, "out eth0", nil},
		{"from the loopback", "127.0.0.6:1", peer + ":2", "", "", nil, false, true, "out eth0", nil},
		{"to the loopback", peer + ":1", "127.0.0.1:2", "", "", nil, false, true, "in eth0", []netip.Addr{netip.MustParseAddr("127.0.0.1")}},
		{"came in by an interface", peer + ":1", podAddr + ":2", "tap0", "", nil, false, true, "in tap0", []netip.Addr{netip.MustParseAddr(podAddr)}},
		{"goes out by an interface", podAddr + ":1", peer + ":2", "", "eth1", nil, false, true, "out eth1", []netip.Addr{netip.MustParseAddr(podAddr)}},
		{"the pod is known", podAddr + ":1", peer + ":2", "", "eth1", other, false, true, "out eth1", other},
		{"neither is the pod", podAddr + ":1", peer + ":2", "", "", other, false, false, "out ", other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := walk.Packet{Tuple: tuple(tt.src, tt.dst), In: tt.in, Out: tt.out, Local: tt.local}
			if known := rules.Place(&p, tt.made); known != tt.known || way(&p) != tt.way || !slices.Equal(p.Local, tt.want) {
				t.Errorf("known %v, %s, the pod has %v; want %v, %s, %v", known, way(&p), p.Local, tt.known, tt.way, tt.want)
			}
		})
	}
}

// A packet that has an interface keeps it.
func TestRouteKeepsInterfaces(t *testing.T) {
	for _, given := range []walk.Packet{{In: "tap0"}, {Out: "eth1"}} {
		p := given
		p.Tuple, p.Local = tuple(podAddr+":1", peer+":2"), []netip.Addr{netip.MustParseAddr(podAddr)}
		if rules.Route(&p, rules.MakerClient); p.In != given.In || p.Out != given.Out {
			t.Errorf("%s became %s", way(&given), way(&p))
		}
	}
	p := walk.Packet{Tuple: tuple("127.0.0.1:1", "127.0.0.1:2")}
	if rules.Route(&p, rules.MakerUnknown); way(&p) != "out lo" {
		t.Errorf("between loopback addresses: %s", way(&p))
	}
	p = walk.Packet{Tuple: tuple("127.0.0.1:1", peer+":2")}
	if rules.Route(&p, rules.MakerUnknown); way(&p) != "out eth0" {
		t.Errorf("from the loopback to a peer: %s", way(&p))
	}
}

// The addresses of a pod are sorted, each once.
func TestLocalAddrs(t *testing.T) {
	legs := []rules.Leg{
		{Maker: rules.MakerApp, Tuple: tuple("10.244.1.12:1", peer+":2")},
		{Maker: rules.MakerClient, Tuple: tuple(peer+":1", "10.244.1.11:2")},
		{Maker: rules.MakerProxy, Tuple: tuple("10.244.1.12:1", peer+":2")},
		{Maker: rules.MakerProxyHome, Tuple: tuple("127.0.0.6:1", "127.0.0.1:2")},
		{Maker: rules.MakerProxyLink, Tuple: tuple("10.244.1.13:1", "10.244.1.14:2")},
	}
	want := []netip.Addr{netip.MustParseAddr("10.244.1.11"), netip.MustParseAddr("10.244.1.12")}
	if got := rules.LocalAddrs(legs); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The proxy's packets have its user, group and mark; those of others stay.
func TestOwn(t *testing.T) {
	for _, tt := range []struct {
		name           string
		f              rules.Facts
		by             rules.Maker
		uid, gid, mark uint32
	}{
		{"a client's", rules.Facts{UIDs: one(7), Mark: 8}, rules.MakerClient, 1, 2, 3},
		{"the application's", rules.Facts{UIDs: one(7), Mark: 8}, rules.MakerApp, 1, 2, 3},
		{"nobody's", rules.Facts{UIDs: one(7), Mark: 8}, rules.MakerUnknown, 1, 2, 3},
		{"to others", rules.Facts{UIDs: one(7), Mark: 8}, rules.MakerProxy, 7, 7, 8},
		{"home", rules.Facts{UIDs: spans(7, 9), GIDs: spans(5, 6)}, rules.MakerProxyHome, 7, 5, 0},
		{"to another proxy", rules.Facts{GIDs: one(5)}, rules.MakerProxyLink, 1337, 5, 0},
		{"told by its mark", rules.Facts{Mark: 8}, rules.MakerProxy, 0, 0, 8},
		{"told by nothing", rules.Facts{}, rules.MakerProxy, 1337, 1337, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := walk.Packet{UID: 1, GID: 2, Mark: 3}
			if tt.f.Own(&p, tt.by); p.UID != tt.uid || p.GID != tt.gid || p.Mark != tt.mark {
				t.Errorf("user %d, group %d, mark %d, want %d, %d, %d", p.UID, p.GID, p.Mark, tt.uid, tt.gid, tt.mark)
			}
		})
	}
}

// One connection is drawn with its ends, up to where it was delivered.
func TestFlowOfOne(t *testing.T) {
	sidecar := rules.Facts{Mesh: "istio", UIDs: one(1337), GIDs: one(1338), Mark: 0x539, MarkMask: 0xfff}
	to := netip.MustParseAddrPort("10.96.10.1:80")
	for _, tt := range []struct {
		name string
		f    rules.Facts
		t    walk.Trace
		want string
	}{
		{"a client's", sidecar, walk.Trace{Packet: walk.Packet{In: "eth0", UID: 1337}, Dst: to}, "Remote Pod → X → 10.96.10.1:80"},
		{"the application's", sidecar, walk.Trace{Packet: walk.Packet{UID: 1000, GID: 1000}, Dst: to}, "Local Pod → X → 10.96.10.1:80"},
		{"the proxy's", sidecar, walk.Trace{Packet: walk.Packet{UID: 1337}, Dst: to}, "Envoy → X → 10.96.10.1:80"},
		{"the proxy's, by its group", sidecar, walk.Trace{Packet: walk.Packet{GID: 1338}, Dst: to}, "Envoy → X → 10.96.10.1:80"},
		{"the proxy's, by its mark", sidecar, walk.Trace{Packet: walk.Packet{Mark: 0xa539}, Dst: to}, "Envoy → X → 10.96.10.1:80"},
		{"another mark", sidecar, walk.Trace{Packet: walk.Packet{Mark: 0x538}, Dst: to}, "Local Pod → X → 10.96.10.1:80"},
		{"no mark", rules.Facts{}, walk.Trace{Dst: to}, "Local Pod → X → 10.96.10.1:80"},
		{"redirected", sidecar, walk.Trace{Outcome: walk.Redirected, Port: 80, Dst: to}, "Local Pod → X → 10.96.10.1:80"},
		{"given to the proxy", rules.Facts{Mesh: "linkerd"}, walk.Trace{Packet: walk.Packet{In: "eth0"}, Outcome: walk.Proxied, Port: 4143, Dst: to}, "Remote Pod → X → linkerd2-proxy 4143"},
		{"dropped", sidecar, walk.Trace{Outcome: walk.Dropped, Dst: to}, "Local Pod → X → dropped"},
		{"not known", sidecar, walk.Trace{Outcome: walk.Unknown, Dst: to}, "Local Pod → X → unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.t.Way = []string{"X"}
			f := tt.f.Flow(&tt.t)
			if got := f.Path(); got != tt.want || f.Parts[0].Trace != &tt.t {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
