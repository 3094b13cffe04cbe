package tcpip_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

var (
	ethFrame = join(macs, words(0x0800), ip4())
	loFrame  = join(make([]byte, 12), words(0x0800), ip4())
)

// A sight is a packet on an interface of an input.
type sight struct {
	input uint32
	iface int
	link  linktype.Type
	data  []byte
}

func sll2(index uint32, hatype uint16) []byte {
	return join(sll2Header(0x0800, index, hatype, 0), ip4())
}

// pointsOf decodes the sights and returns the point of each, and all points. Each has to
// know the inputs that show it.
func pointsOf(t *testing.T, pods map[uint32]string, names map[uint32][]string, sights []sight) ([]tcpip.Point, []tcpip.PointInfo) {
	t.Helper()
	points := tcpip.NewPoints()
	for input, pod := range pods {
		points.Add(input, pod)
	}
	d := tcpip.NewDecoder(points, func(input uint32) (ifaces []capture.Interface) {
		for _, name := range names[input] {
			ifaces = append(ifaces, capture.Interface{Name: name})
		}
		return ifaces
	})
	var ids []tcpip.Point
	inputs := make(map[tcpip.Point][]uint32)
	for i, sg := range sights {
		p := packetOf(sg.link, sg.data)
		p.Ref.Input, p.Interface, p.Time = sg.input, sg.iface, capture.Time(int64(i)*1e9)
		var s tcpip.Segment
		if !d.Decode(p, &s) {
			t.Fatalf("sight %d: no segment", i)
		}
		ids = append(ids, s.Point())
		if in := inputs[s.Point()]; !slices.Contains(in, sg.input) {
			inputs[s.Point()] = append(in, sg.input)
		}
	}
	var infos []tcpip.PointInfo
	for i := range points.Len() {
		infos = append(infos, points.Info(tcpip.Point(i)))
		if got := points.Inputs(tcpip.Point(i)); !slices.Equal(got, inputs[tcpip.Point(i)]) {
			t.Errorf("point %d is shown by inputs %v, want %v", i, got, inputs[tcpip.Point(i)])
		}
	}
	return ids, infos
}

func TestPoints(t *testing.T) {
	loopIP := func(addr string) []byte {
		a := netip.MustParseAddrPort(addr)
		return ipPacket(&tcpip.Header{Src: a, Dst: a})
	}
	local := netip.MustParseAddrPort("127.0.0.6:80")
	fromLocal, toLocal := ipPacket(&tcpip.Header{Src: local, Dst: server4}), ipPacket(&tcpip.Header{Src: client4, Dst: local})
	pods := map[uint32]string{0: "a", 1: "a", 2: "b"}
	tests := []struct {
		name   string
		names  map[uint32][]string
		sights []sight
		ids    []tcpip.Point
		infos  []tcpip.PointInfo
	}{
		{
			"one nameless file with frames of two interfaces", nil,
			[]sight{{0, 0, 1, ethFrame}, {0, 0, 1, loFrame}, {0, 0, 1, ethFrame}},
			[]tcpip.Point{0, 1, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "eth0", Inferred: true}, {Pod: "a", Name: "lo", Loopback: true, Inferred: true}},
		}, {
			"rotated files are one point, pods are not", nil,
			[]sight{{0, 0, 1, loFrame}, {2, 0, 1, loFrame}, {1, 0, 1, loFrame}},
			[]tcpip.Point{0, 1, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "lo", Loopback: true, Inferred: true}, {Pod: "b", Name: "lo", Loopback: true, Inferred: true}},
		}, {
			"an input never added", nil,
			[]sight{{9, 0, 1, ethFrame}},
			[]tcpip.Point{0},
			[]tcpip.PointInfo{{Name: "eth0", Inferred: true}},
		}, {
			"pcapng with two names, met in the other order", map[uint32][]string{0: {"eth0", "lo"}},
			[]sight{{0, 1, 1, loFrame}, {0, 0, 1, ethFrame}, {0, 1, 1, loFrame}},
			[]tcpip.Point{0, 1, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "lo", Loopback: true}, {Pod: "a", Name: "eth0"}},
		}, {
			"a name in a file beats the same name guessed", map[uint32][]string{1: {"eth0"}},
			[]sight{{0, 0, 1, ethFrame}, {1, 0, 1, ethFrame}},
			[]tcpip.Point{0, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "eth0"}},
		}, {
			"zero addresses make a named interface loopback", map[uint32][]string{0: {"dummy"}},
			[]sight{{0, 0, 1, ethFrame}, {0, 0, 1, loFrame}},
			[]tcpip.Point{0, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "dummy", Loopback: true}},
		}, {
			"lo0 by name", map[uint32][]string{0: {"lo0"}},
			[]sight{{0, 0, 0, join([]byte{2, 0, 0, 0}, ip4())}},
			[]tcpip.Point{0},
			[]tcpip.PointInfo{{Pod: "a", Name: "lo0", Loopback: true}},
		}, {
			"a named tunnel with null headers is no loopback", map[uint32][]string{0: {"utun3"}},
			[]sight{{0, 0, 0, join([]byte{2, 0, 0, 0}, ip4())}},
			[]tcpip.Point{0},
			[]tcpip.PointInfo{{Pod: "a", Name: "utun3"}},
		}, {
			"any: the index decides, whether the file says any or nothing", map[uint32][]string{1: {"any"}},
			[]sight{{0, 0, 276, sll2(2, 1)}, {0, 0, 276, sll2(3, 1)}, {0, 0, 276, sll2(1, 772)}, {1, 0, 276, sll2(1, 772)}, {1, 0, 276, sll2(3, 1)}, {1, 0, 276, sll2(2, 1)}, {0, 0, 276, sll2(2, 1)}},
			[]tcpip.Point{0, 1, 2, 2, 1, 0, 0},
			[]tcpip.PointInfo{
				{Pod: "a", Name: "if2", Index: 2, Cooked: true, Inferred: true}, {Pod: "a", Name: "if3", Index: 3, Cooked: true, Inferred: true},
				{Pod: "a", Name: "lo", Index: 1, Cooked: true, Loopback: true, Inferred: true},
			},
		}, {
			"a name given for a cooked file", map[uint32][]string{0: {"tun0"}},
			[]sight{{0, 0, 276, sll2(4, 1)}, {0, 0, 276, sll2(4, 1)}},
			[]tcpip.Point{0, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "tun0", Index: 4, Cooked: true}},
		}, {
			"cooked and plain lo are two points", nil,
			[]sight{{0, 0, 1, loFrame}, {1, 0, 276, sll2(1, 772)}, {1, 0, 113, join(sllHeader(0, 772, 0x0800), ip4())}},
			[]tcpip.Point{0, 1, 1},
			[]tcpip.PointInfo{{Pod: "a", Name: "lo", Loopback: true, Inferred: true}, {Pod: "a", Name: "lo", Index: 1, Cooked: true, Loopback: true, Inferred: true}},
		}, {
			"raw ip becomes loopback with the first such address", nil,
			[]sight{{0, 0, 101, ip4()}, {0, 0, 101, loopIP("127.0.0.6:80")}, {0, 0, 101, ip4()}},
			[]tcpip.Point{0, 0, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "ip", Loopback: true, Inferred: true}},
		}, {
			"raw ip becomes loopback with such an address on either side", nil,
			[]sight{{0, 0, 101, fromLocal}, {1, 0, 101, toLocal}},
			[]tcpip.Point{0, 1},
			[]tcpip.PointInfo{{Pod: "a", Name: "ip", Loopback: true, Inferred: true}, {Pod: "a", Name: "ip", Loopback: true, Inferred: true}},
		}, {
			"loopback addresses on eth0 do not make it lo", nil,
			[]sight{{0, 0, 1, join(macs, words(0x0800), toLocal)}},
			[]tcpip.Point{0},
			[]tcpip.PointInfo{{Pod: "a", Name: "eth0", Inferred: true}},
		}, {
			"nameless files of raw ip share no point, not with an interface named ip either", map[uint32][]string{0: {"", "ip"}},
			[]sight{{0, 0, 101, ip4()}, {1, 0, 101, ip4()}, {0, 1, 101, ip4()}},
			[]tcpip.Point{0, 1, 2},
			[]tcpip.PointInfo{{Pod: "a", Name: "ip", Inferred: true}, {Pod: "a", Name: "ip", Inferred: true}, {Pod: "a", Name: "ip"}},
		}, {
			"an index with and without the mark of loopback", nil,
			[]sight{{0, 0, 276, sll2(7, 772)}, {0, 0, 276, sll2(7, 1)}, {0, 0, 276, sll2(7, 772)}},
			[]tcpip.Point{0, 1, 0},
			[]tcpip.PointInfo{{Pod: "a", Name: "lo", Index: 7, Cooked: true, Loopback: true, Inferred: true}, {Pod: "a", Name: "if7", Index: 7, Cooked: true, Inferred: true}},
		}, {
			"raw ipv6 loopback", nil,
			[]sight{{0, 0, 229, loopIP("[::1]:80")}},
			[]tcpip.Point{0},
			[]tcpip.PointInfo{{Pod: "a", Name: "ip", Loopback: true, Inferred: true}},
		}, {
			"a named raw interface is judged by name", map[uint32][]string{0: {"wg0"}},
			[]sight{{0, 0, 101, loopIP("127.0.0.1:80")}},
			[]tcpip.Point{0},
			[]tcpip.PointInfo{{Pod: "a", Name: "wg0"}},
		}, {
			"an interface that the input does not list", map[uint32][]string{0: {"eth1"}},
			[]sight{{0, 2, 1, ethFrame}, {0, 0, 1, ethFrame}},
			[]tcpip.Point{0, 1},
			[]tcpip.PointInfo{{Pod: "a", Name: "eth0", Inferred: true}, {Pod: "a", Name: "eth1"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ids, infos := pointsOf(t, pods, tt.names, tt.sights)
			for i := range ids {
				if ids[i] != tt.ids[i] {
					t.Errorf("sight %d is at point %d, want %d", i, ids[i], tt.ids[i])
				}
			}
			if len(infos) != len(tt.infos) {
				t.Fatalf("points %+v, want %+v", infos, tt.infos)
			}
			for i := range infos {
				if infos[i] != tt.infos[i] {
					t.Errorf("point %d is %+v, want %+v", i, infos[i], tt.infos[i])
				}
			}
		})
	}
}

// Interfaces of a pcapng file may be described after packets of others.
func TestPointsOfInterfacesMetLater(t *testing.T) {
	ifaces := []capture.Interface{{Name: "eth0"}}
	points := tcpip.NewPoints()
	d := tcpip.NewDecoder(points, func(uint32) []capture.Interface { return ifaces })
	var s tcpip.Segment
	d.Decode(packetOf(1, ethFrame), &s)
	ifaces = append(ifaces, capture.Interface{Name: "lo"})
	p := packetOf(1, ethFrame)
	p.Interface = 1
	if !d.Decode(p, &s) || points.Info(s.Point()).Name != "lo" {
		t.Errorf("point %+v, want lo", points.Info(s.Point()))
	}
}

func TestPointsAreBounded(t *testing.T) {
	d, points := decoderOf()
	var s tcpip.Segment
	for i := range uint32(70000) {
		ok := d.Decode(packetOf(276, sll2(i+2, 1)), &s)
		if ok != (i < 65536) {
			t.Fatalf("interface %d: segment %v", i, ok)
		}
	}
	if points.Len() != 65536 || d.Stats().Malformed != 70000-65536 {
		t.Errorf("%d points, %d packets refused", points.Len(), d.Stats().Malformed)
	}
	if !d.Decode(packetOf(276, sll2(2, 1)), &s) || s.Point() != 0 {
		t.Error("a known interface is not decoded any more")
	}
}
