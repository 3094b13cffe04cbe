package role

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// String says what is known of a pod: "10.0.0.1 loopback meshed apps=80".
func (f *PodFacts) String() string {
	var s []string
	for _, a := range slices.SortedFunc(maps.Keys(f.addrs), netip.Addr.Compare) {
		s = append(s, a.String())
	}
	for _, k := range []struct {
		name string
		is   bool
	}{{"loopback", f.loopback}, {"meshed", f.meshed}, {"dials", f.dials}, {"peers", f.Peers}} {
		if k.is {
			s = append(s, k.name)
		}
	}
	for _, k := range []struct {
		name  string
		ports map[uint16]bool
	}{{"apps", f.apps}, {"inbound", f.inbound}} {
		if len(k.ports) > 0 {
			s = append(s, k.name+"="+strings.Trim(fmt.Sprint(slices.Sorted(maps.Keys(k.ports))), "[]"))
		}
	}
	return strings.Join(s, " ")
}

// What connections say of the pod: its addresses by structure, else by what they
// have in common, and whether a proxy is at work.
func TestPodFacts(t *testing.T) {
	known := cluster.Known{Networks: cluster.Networks{Pods: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}}}
	call6 := dialled{"lo", "[fd00::10]:40000", "[fd00:96::1]:80", "[::1]:15001", ""}
	given := cluster.Known{Pods: []cluster.Pod{{Addrs: []netip.Addr{netip.MustParseAddr("198.51.100.7")}}}}
	for _, tt := range []struct {
		name  string
		known cluster.Known
		ds    []dialled
		want  string
	}{
		{"the proxy's own address dials the pod", cluster.Known{}, []dialled{{"lo", "127.0.0.6:40001", app, "", ""}}, pod + " loopback meshed apps=8080"},
		{"and over IPv6", cluster.Known{}, []dialled{{"lo", "[::6]:40001", "[fd00::10]:8080", "", ""}}, "fd00::10 loopback meshed apps=8080"},
		{"not elsewhere than on loopback", cluster.Known{}, []dialled{{"eth0", "127.0.0.6:40001", app, "", ""}}, pod + " inbound=8080"},
		{"what is dialled on loopback is the pod", cluster.Known{}, []dialled{{"lo", out, app, "", ""}}, pod + " loopback"},
		{"but for 127.0.0.1", cluster.Known{}, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", ""}}, "loopback"},
		{"127.0.0.1 sent to the pod's address", cluster.Known{}, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:8080", app, ""}}, pod + " loopback meshed apps=8080"},
		{"an application's call", cluster.Known{}, []dialled{{"lo", out, vip, proxy, ""}}, pod + " loopback meshed"},
		{"its request alone", cluster.Known{}, []dialled{{"lo", out, vip, proxy, "orig"}}, pod + " loopback meshed"},
		{"its answer alone", cluster.Known{}, []dialled{{"lo", out, vip, proxy, "reply"}}, "loopback"},
		{"a lone request within loopback", cluster.Known{}, []dialled{{"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", "orig"}}, "loopback"},
		{"a client only", cluster.Known{}, []dialled{{"eth0", client, app, "", ""}}, pod + " inbound=8080"},
		{"clients have the pod in common", cluster.Known{}, []dialled{{"eth0", client, app, "", ""}, {"eth0", "192.0.2.2:40000", pod + ":9090", "", ""}, {"eth0", out, peer, "", ""}}, pod + " dials inbound=8080 9090"},
		{"each family has its own", cluster.Known{}, []dialled{{"eth0", client, app, "", ""}, {"eth0", "[2001:db8::1]:40000", "[fd00::10]:8080", "", ""}}, pod + " fd00::10 inbound=8080"},
		{"one of two families has none", cluster.Known{}, []dialled{{"eth0", client, app, "", ""}, {"eth0", "[2001:db8::1]:1", "[fd00::10]:2", "", ""}, {"eth0", "[2001:db8::2]:1", "[fd00::11]:2", "", ""}}, pod + " inbound=8080"},
		{"nothing in common, one that forwards", cluster.Known{}, []dialled{{"eth0", client, app, "", ""}, {"eth0", out, peer, "", ""}, {"eth0", "192.0.2.5:1", "192.0.2.6:2", "", ""}}, pod + " dials inbound=8080"},
		{"nothing in common, networks known", known, []dialled{{"eth0", client, app, "", ""}, {"eth0", out, peer, "", ""}, {"eth0", "10.244.9.9:40000", "10.244.9.8:80", "", ""}}, pod + " dials inbound=8080"},
		{"what the caller knows counts", given, []dialled{{"eth0", client, app, "", ""}, {"eth0", "192.0.2.2:1", "198.51.100.7:80", "", ""}}, "198.51.100.7 inbound=80"},
		{"structure, not what is common", cluster.Known{}, []dialled{{"eth0", client, peer, "", ""}, {"lo", "127.0.0.6:40001", app, "", ""}}, pod + " loopback meshed apps=8080"},
		{"a client's address on loopback", cluster.Known{}, []dialled{{"lo", client, app, "", ""}}, pod + " loopback meshed apps=8080"},
		{"a client's address to 127.0.0.1", cluster.Known{}, []dialled{{"lo", client, "127.0.0.1:8080", "", ""}}, "loopback meshed apps=8080"},
		{"a lone half of that is a torn call", cluster.Known{}, []dialled{{"lo", client, "127.0.0.1:8080", "", "orig"}}, "192.0.2.1 loopback meshed"},
		{"calls over IPv6 that go on over IPv4", cluster.Known{}, []dialled{call6, {"eth0", out, peer, "", ""}}, pod + " fd00::10 loopback meshed dials"},
		{"to several peers", cluster.Known{}, []dialled{call6, {"eth0", out, peer, "", ""}, {"eth0", out, "10.244.9.8:80", "", ""}}, pod + " fd00::10 loopback meshed dials"},
		{"and probes beside them", cluster.Known{}, []dialled{call6, {"eth0", out, peer, "", ""}, {"eth0", client, pod + ":15021", "", ""}}, pod + " fd00::10 loopback meshed dials inbound=15021"},
		{"calls that go on over IPv6", cluster.Known{}, []dialled{call6, {"eth0", "[fd00::10]:41000", "[fd00::99]:8080", "", ""}, {"eth0", client, app, "", ""}}, "fd00::10 loopback meshed dials"},
		{"probes only", cluster.Known{}, []dialled{call6, {"eth0", client, pod + ":15021", "", ""}}, "fd00::10 loopback meshed"},
		{"each dials the other", cluster.Known{}, []dialled{call6, {"eth0", out, peer, "", ""}, {"eth0", "10.244.9.9:40000", app, "", ""}}, "fd00::10 loopback meshed"},
		{"no application calls", cluster.Known{}, []dialled{{"lo", "[::6]:40001", "[fd00::10]:8080", "", ""}, {"eth0", out, peer, "", ""}}, "fd00::10 loopback meshed apps=8080"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := rosterOf(t, testindex.Of(play(tt.ds)), &tt.known, profile.Istio())
			if got := r.Pods[""].String(); got != tt.want {
				t.Errorf("facts %q, want %q", got, tt.want)
			}
		})
	}
}

// Ports that peers' proxies dial tell nothing of the application's, but for
// HBONE, which has streams for that.
func TestPeers(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    *profile.Profile
		port string
		want bool
	}{
		{"linkerd, its inbound port", profile.Named("linkerd"), ":4143", true},
		{"linkerd, the application's", profile.Named("linkerd"), ":8080", false},
		{"consul", profile.Named("consul"), ":20000", true},
		{"ambient, HBONE", profile.Named("istio-ambient"), ":15008", false},
		{"sidecars", profile.Istio(), ":4143", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := rosterOf(t, testindex.Of(play([]dialled{{"eth0", client, pod + tt.port, "", ""}, {"eth0", "192.0.2.2:1", pod + ":1", "", ""}})), new(cluster.Known), tt.p)
			if got := r.Pods[""].Peers; got != tt.want {
				t.Errorf("peers %v, want %v", got, tt.want)
			}
		})
	}
}

// Another pod's capture says nothing of this pod.
func TestPodFactsByPod(t *testing.T) {
	w := &testindex.World{Pods: []testindex.Pod{
		{Name: "a", Trace: play([]dialled{{"lo", "127.0.0.6:40001", app, "", ""}})},
		{Name: "b", Trace: play([]dialled{{"eth0", client, peer, "", ""}})},
	}}
	known := &cluster.Known{Pods: []cluster.Pod{{Name: "c", Addrs: []netip.Addr{netip.MustParseAddr("10.244.3.3")}}}}
	r, _ := rosterOf(t, w, known, profile.Istio())
	got := make(map[string]string)
	for name, f := range r.Pods {
		got[name] = f.String()
	}
	want := map[string]string{"a": pod + " loopback meshed apps=8080", "b": "10.244.9.9 inbound=8080", "c": "10.244.3.3"}
	if !maps.Equal(got, want) {
		t.Errorf("facts %q, want %q", got, want)
	}
}

// Loopback was watched from its first TCP packet to its last: what began and
// ended outside had no chance of a counterpart there.
func TestWatched(t *testing.T) {
	f := &PodFacts{}
	for _, c := range []*conn.Conn{
		{Loopback: false, Start: 1, End: 99},
		{Loopback: true, Start: 30, End: 40},
		{Loopback: true, Start: 20, End: 25},
		{Loopback: true, Start: 35, End: 50},
		{Loopback: false, Start: 60, End: 70},
	} {
		f.watch(c)
	}
	for _, tt := range []struct {
		start, end int64
		want       bool
	}{{1, 19, false}, {1, 20, true}, {25, 30, true}, {50, 60, true}, {51, 60, false}} {
		l := &graph.Leg{Leg: &flow.Leg{}}
		l.Start, l.End = capture.Time(tt.start), capture.Time(tt.end)
		if got := f.watched(l); got != tt.want {
			t.Errorf("from %d to %d: watched %v, want %v", tt.start, tt.end, got, tt.want)
		}
		if (&PodFacts{from: f.from, to: f.to}).watched(l) {
			t.Errorf("from %d to %d: watched, though loopback was not captured", tt.start, tt.end)
		}
	}
}

// One connection of two families or of a self-dialling address counts once for
// each of its ends; of equals the server is the pod.
func TestCensus(t *testing.T) {
	tuple := func(src, dst string) tcpip.Tuple {
		return tcpip.Tuple{Src: netip.MustParseAddrPort(src + ":1"), Dst: netip.MustParseAddrPort(dst + ":2")}
	}
	const a, b, c, x, y = "10.0.0.1", "10.0.0.2", "10.0.0.3", "[fd00::1]", "[fd00::2]"
	for _, tt := range []struct {
		name  string
		conns []tcpip.Tuple
		want  string
	}{
		{"none", nil, "[]"},
		{"of equals the server", []tcpip.Tuple{tuple(a, b)}, "[10.0.0.2]"},
		{"of equals the first", []tcpip.Tuple{tuple(a, b), tuple(b, a)}, "[10.0.0.2]"},
		{"in all of them", []tcpip.Tuple{tuple(a, b), tuple(c, a)}, "[10.0.0.1]"},
		{"in all but one", []tcpip.Tuple{tuple(a, b), tuple(c, a), tuple(b, c)}, "[]"},
		{"IPv6 alone", []tcpip.Tuple{tuple(x, y)}, "[fd00::2]"},
		{"one in each family", []tcpip.Tuple{tuple(a, b), tuple(x, y), tuple(y, x)}, "[10.0.0.2 fd00::2]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newCensus()
			for _, c := range tt.conns {
				v.add(c)
			}
			addrs := make(map[netip.Addr]bool)
			v.elect(addrs)
			if got := fmt.Sprint(slices.SortedFunc(maps.Keys(addrs), netip.Addr.Compare)); got != tt.want {
				t.Errorf("elected %s, want %s", got, tt.want)
			}
		})
	}
}

// What comes in may go out at a gateway: where nothing shows a proxy, or its log
// shows that it forwards and no proxy dials the application at that port.
func TestGateway(t *testing.T) {
	ports := func(p ...uint16) map[uint16]bool {
		m := make(map[uint16]bool)
		for _, p := range p {
			m[p] = true
		}
		return m
	}
	for _, tt := range []struct {
		name             string
		f                PodFacts
		gateway, proxied bool
	}{
		{"nothing known", PodFacts{}, true, false},
		{"meshed", PodFacts{meshed: true}, false, true},
		{"dialled by peers", PodFacts{Peers: true}, false, false},
		{"dialled over loopback as older proxies do", PodFacts{maybe: ports(80)}, false, false},
		{"another port dialled so", PodFacts{maybe: ports(81)}, true, false},
		{"loopback was captured", PodFacts{loopback: true}, true, true},
		{"takes and makes", PodFacts{dials: true, inbound: ports(80)}, true, true},
		{"makes only", PodFacts{dials: true}, true, false},
		{"takes only", PodFacts{inbound: ports(80)}, true, false},
		{"forwards by its log", PodFacts{meshed: true, forwards: true}, true, true},
		{"forwards, but not at a port of the application", PodFacts{meshed: true, forwards: true, apps: ports(80)}, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.f.Gateway(80); got != tt.gateway {
				t.Errorf("gateway %v, want %v", got, tt.gateway)
			}
			if got := tt.f.proxied(); got != tt.proxied {
				t.Errorf("proxied %v, want %v", got, tt.proxied)
			}
		})
	}
}
