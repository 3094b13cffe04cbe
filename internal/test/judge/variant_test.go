package judge

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A variant is a change of the captures that must change nothing of what is
// found in them.
type variant struct {
	name  string
	make  func(testing.TB, *scene, []*tape) []*tape
	back  func(netip.AddrPort) netip.AddrPort
	alien func(*flow.Leg) bool
	small bool // small scenarios are enough for it
}

func variants() []variant {
	renamed := func(to func(netip.AddrPort) netip.AddrPort) func(testing.TB, *scene, []*tape) []*tape {
		return func(t testing.TB, _ *scene, all []*tape) []*tape {
			rename(t, all, to)
			return all
		}
	}
	return []variant{
		{name: "written again", small: true, make: func(_ testing.TB, _ *scene, all []*tape) []*tape { return all }},
		{name: "renamed", small: true, make: renamed(mirror), back: mirror},
		{name: "unknown ports", small: true, make: renamed(elsewhere), back: elsewhere},
		{name: "permuted", make: func(t testing.TB, _ *scene, all []*tape) []*tape {
			rename(t, all, permuted(7919, 4711))
			slices.Reverse(all)
			return all
		}, back: permuted(1287, -4711)},
		{name: "clocks shifted", small: true, make: shifted},
		{name: "one pod's clock 0.2 ms ahead", make: onePodShifted(200 * time.Microsecond)},
		{name: "one pod's clock 421.1 ms behind", make: onePodShifted(-421100 * time.Microsecond)},
		{name: "one pod's clock an hour ahead", small: true, make: onePodShifted(time.Hour)},
		{name: "inputs swapped", make: func(_ testing.TB, _ *scene, all []*tape) []*tape {
			slices.Reverse(all)
			return all
		}},
		{name: "first input split", make: func(_ testing.TB, _ *scene, all []*tape) []*tape {
			return split(all, 0, len(all[0].packets)/2)
		}},
		{name: "last input split", small: true, make: func(_ testing.TB, _ *scene, all []*tape) []*tape {
			return split(all, len(all)-1, len(all[len(all)-1].packets)/3)
		}},
		{name: "strangers", make: strangers, alien: bystander},
	}
}

// forwarding lists scenarios in which only x-forwarded-for tells clients apart:
// their addresses cannot change without what is in the requests.
var forwarding = []string{"ingress-gateway-minted", "gateway-payload-only"}

// Nothing depends on names, clocks, the order and number of files, or on what
// else is captured.
func TestVariants(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		want := canonical(s.stitch(t, mesh.Options{}), nil, nil)
		for _, v := range variants() {
			if v.back != nil && slices.Contains(forwarding, s.truth.Scenario) {
				continue
			}
			if s.huge() && v.name != "permuted" || s.crowded() && !s.live && v.small {
				continue
			}
			t.Run(v.name, func(t *testing.T) {
				inputs := writeTapes(t, v.make(t, s, s.tapes(t)))
				got := canonical(stitch(t, inputs, mesh.Options{}), v.back, v.alien)
				s.settle(t, v.name, changes(want, got))
			})
		}
	})
}

// shifted moves all packets by the same time.
func shifted(_ testing.TB, _ *scene, all []*tape) []*tape {
	edit(all, func(p *capture.Packet) bool {
		p.Time += capture.Time(31*24*time.Hour + 123456789)
		return true
	})
	return all
}

// onePodShifted changes the clock of the last of several pods.
func onePodShifted(by time.Duration) func(testing.TB, *scene, []*tape) []*tape {
	return func(_ testing.TB, _ *scene, all []*tape) []*tape {
		for _, tp := range all {
			if last := all[len(all)-1].pod; tp.pod == last && tp.pod != all[0].pod {
				edit([]*tape{tp}, func(p *capture.Packet) bool { p.Time += capture.Time(by); return true })
			}
		}
		return all
	}
}

// One of two captures of a pod may have been taken by another clock: what both saw tells.
// Both are put right, and the stitched capture is in order.
func TestOneInputShifted(t *testing.T) {
	each(t, func(t *testing.T, s *scene) {
		if s.truth.Scenario != "eth0-and-any" {
			return
		}
		want := canonical(s.stitch(t, mesh.Options{}), nil, nil)
		for _, by := range []time.Duration{200 * time.Microsecond, -421100 * time.Microsecond, time.Hour} {
			for which := range 2 {
				all := s.tapes(t)
				edit(all[which:which+1], func(p *capture.Packet) bool { p.Time += capture.Time(by); return true })
				r := stitch(t, writeTapes(t, all), mesh.Options{})
				s.settle(t, by.String(), changes(want, canonical(r, nil, nil)))
				told := 0
				for i, in := range r.Inputs {
					if c := in.OwnClock; c != nil {
						if told++; c.Connections == 0 || c.Against != r.Inputs[1-i].Name || (c.Offset-by).Abs() > time.Millisecond/10 && (c.Offset+by).Abs() > time.Millisecond/10 {
							t.Errorf("input %d of %d by %v: %+v", i, which, by, c)
						}
					}
				}
				if told != 1 {
					t.Errorf("input %d by %v: %d clocks are told", which, by, told)
				}
				var out bytes.Buffer
				if _, err := r.WriteCapture(t.Context(), &out, nil); err != nil {
					t.Fatal(err)
				}
				first, last := span([]*tape{loadTape(t, pcap.WriteFile(t, "stitched.pcapng", out.Bytes()), "")})
				if took := time.Duration(last - first); took > time.Minute {
					t.Errorf("input %d by %v: the stitched capture takes %v", which, by, took)
				}
			}
		}
	})
}

// stranger is the port of servers that have nothing to do with the scene.
const stranger = 19999

func bystander(l *flow.Leg) bool { return l.Orig.Dst.Port() == stranger }

// strangers adds connections of the pod that pass by the proxy, at the time of
// the others and in part with the same requests.
func strangers(t testing.TB, s *scene, all []*tape) []*tape {
	first, last := span(all)
	ip := s.address(all)
	var tr pcap.Trace
	loop := map[bool]string{true: "127.0.0.1", false: "::1"}[ip.Is4()]
	for i, c := range []struct{ iface, client, server string }{
		{"eth0", outsider(ip), ip.String()},
		{"lo", loop, loop},
		{"lo", ip.String(), ip.String()},
	} {
		k := tr.Conn(netip.AddrPortFrom(netip.MustParseAddr(c.client), 33001+uint16(i)).String(), netip.AddrPortFrom(netip.MustParseAddr(c.server), stranger).String())
		k.At(tcpip.Point(min(i, 1)), c.iface).ISN(uint32(i)*1_000_000_007, uint32(i)*1_234_567_891).Step(time.Duration(last-first) / 40)
		k.Handshake()
		k.Send("GET /logo?size=277&delay=3 HTTP/1.1\r\nhost: app\r\n\r\n")
		k.Reply("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
		k.Close()
	}
	for _, iface := range []string{"eth0", "lo"} {
		tp := loadTape(t, pcap.WriteFile(t, "strangers-"+iface+".pcap", tr.PCAP(iface)), all[0].pod)
		for _, p := range tp.packets {
			p.Time += capture.Time(first) - tr.Segments()[0].Time
		}
		all = append(all, tp)
	}
	return all
}

// span returns the times of the first and the last packet.
func span(all []*tape) (first, last int64) {
	for _, tp := range all {
		for _, p := range tp.packets {
			if first == 0 || int64(p.Time) < first {
				first = int64(p.Time)
			}
			last = max(last, int64(p.Time))
		}
	}
	return first, last
}

// address returns the address of the pod at which all[0] was captured.
func (s *scene) address(all []*tape) netip.Addr {
	for _, p := range s.truth.Pods {
		if p.Name != all[0].pod && all[0].pod != "" {
			continue
		}
		for _, e := range s.truth.Legs { // the family that is spoken
			if e.Pod == p.Name && p.IPv6 != "" && strings.HasPrefix(e.OrigSrc, "[") {
				return netip.MustParseAddr(p.IPv6)
			}
		}
		return netip.MustParseAddr(p.IP)
	}
	return netip.Addr{}
}

// outsider returns an address of ip's family that no scene has.
func outsider(ip netip.Addr) string {
	if ip.Is4() {
		return "198.51.100.77"
	}
	return "2001:db8:77::77"
}

// noSYN drops SYNs.
func noSYN(p *capture.Packet) bool {
	v, ok := dissectPacket(p)
	return !ok || v.flags()&tcpip.FlagSYN == 0
}

// A lack is what may be missing in captures.
type lack struct {
	name  string
	edits []func(*capture.Packet) bool
}

func lacks() []lack {
	return []lack{
		{"no request ids", []func(*capture.Packet) bool{anonymous}},
		{"no SYNs", []func(*capture.Packet) bool{noSYN}},
		{"neither", []func(*capture.Packet) bool{anonymous, noSYN}},
	}
}

// With less to go by, less may be found, but nothing wrong.
func TestLess(t *testing.T) {
	for _, l := range lacks() {
		t.Run(l.name, func(t *testing.T) {
			wide(t, func(t *testing.T, s *scene) { s.holdLess(t, l) })
		})
	}
}

// holdLess checks that half-flows are joined, nothing is wrong, and what cannot
// be told is called ambiguous, with the true one among the rivals.
func (s *scene) holdLess(t *testing.T, l lack) {
	all := s.tapes(t)
	for _, f := range l.edits {
		edit(all, f)
	}
	name, j := l.name, newJudge(s.truth, stitch(t, writeTapes(t, all), mesh.Options{}))
	torn, bad := j.halfFlows()
	s.settle(t, name+": half-flows", bad)
	t.Logf("half-flows: %d of %d joined", torn-len(bad), torn)
	bad = j.wrong()
	s.settle(t, name+": wrong", s.expected().within(bad, j))
	c := j.count()
	t.Logf("links: %v, WRONG: %d", c, len(bad))
	if silent[s.truth.Scenario+"/"+name] == "" && !s.expected().gaps {
		s.settle(t, name+": links", c.lacking(s.expected()))
	}
}

// The same captures give the same result, byte for byte.
func TestTwice(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		if s.huge() {
			t.Skip("others show it")
		}
		var want [2][]byte
		for i := range 3 {
			r := s.stitch(t, mesh.Options{})
			var doc, file bytes.Buffer
			if err := report.JSON(&doc, r); err != nil {
				t.Fatal(err)
			}
			if _, err := r.WriteCapture(t.Context(), &file, nil); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = [2][]byte{doc.Bytes(), file.Bytes()}
			}
			if !bytes.Equal(doc.Bytes(), want[0]) || !bytes.Equal(file.Bytes(), want[1]) {
				t.Fatalf("run %d differs from the first", i)
			}
		}
	})
}
