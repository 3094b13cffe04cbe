package tcpip_test

import (
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A packet that passes several interfaces of a host counts once where the link header
// does not tell them apart: whatever routers and cards change of it, however often it
// comes, and unless it comes too late to be the same.
func TestDecodeMarksPassing(t *testing.T) {
	const us, ms = int64(time.Microsecond), int64(time.Millisecond)
	ether := map[int]uint16{4: 0x0800, 6: 0x86dd}
	at := func(link linktype.Type, version int, pkttype uint16, ip []byte) []byte {
		switch link {
		case linktype.SLL:
			return join(sllHeader(pkttype, 1, ether[version]), ip)
		case linktype.SLL2:
			return join(sll2Header(ether[version], 2, 1, byte(pkttype)), ip)
		}
		return join(macs, words(ether[version]), ip)
	}
	v4 := func(id, hops int) []byte { // that has passed some routers
		return edit(ip4(), func(b []byte) {
			setLen(4, id)(b)
			b[8] -= byte(hops)
			setLen(10, id+hops)(b)
		})
	}
	filled := edit(v4(1, 0), setLen(20+16, 0xabcd)) // its TCP checksum
	v6 := func(tsval, hops int) []byte {
		return edit(ip6(), func(b []byte) { setLen(40+24, tsval)(b); b[7] -= byte(hops) })
	}
	type step struct {
		at      int64
		version int
		ip      []byte
		pkttype uint16
		dup     bool
	}
	others := func(n int) []step {
		steps := []step{{0, 4, v4(1000, 0), 0, false}}
		for i := range n {
			steps = append(steps, step{us, 4, v4(i+1, 0), 0, false})
		}
		return steps
	}
	for _, tt := range []struct {
		name  string
		link  linktype.Type
		steps []step
	}{
		{"four times", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {4 * us, 4, v4(1, 0), 0, true}, {8 * us, 4, v4(1, 0), 4, true}, {12 * us, 4, v4(1, 0), 4, true}}},
		{"routed", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {us, 4, v4(1, 1), 4, true}, {2 * us, 4, v4(1, 2), 4, true}}},
		{"checksum filled in", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {us, 4, filled, 4, true}}},
		{"padded", linktype.SLL, []step{{0, 4, join(v4(1, 0), make([]byte, 6)), 0, false}, {us, 4, v4(1, 0), 4, true}}},
		{"sent again", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {us, 4, v4(1, 0), 4, true}, {2 * us, 4, v4(2, 0), 0, false}, {3 * us, 4, v4(2, 0), 4, true}}},
		{"as late as can be", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {ms, 4, v4(1, 0), 4, true}}},
		{"too late", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {ms + 1, 4, v4(1, 0), 4, false}}},
		{"as early as can be", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {-ms, 4, v4(1, 0), 4, true}}},
		{"too early", linktype.SLL, []step{{0, 4, v4(1, 0), 0, false}, {-ms - 1, 4, v4(1, 0), 4, false}}},
		{"without id", linktype.SLL, []step{{0, 4, v4(0, 0), 0, false}, {50 * us, 4, v4(0, 0), 4, true}, {100 * us, 4, v4(0, 0), 4, true}, {151 * us, 4, v4(0, 0), 0, false}}},
		{"IPv6", linktype.SLL, []step{{0, 6, v6(1, 0), 0, false}, {us, 6, v6(1, 1), 4, true}, {2 * us, 6, v6(1, 1), 4, true}, {3 * us, 6, v6(2, 0), 0, false}}},
		{"63 packets of others between", linktype.SLL, append(others(63), step{2 * us, 4, v4(1000, 0), 4, true})},
		{"64", linktype.SLL, append(others(64), step{2 * us, 4, v4(1000, 0), 4, false})},
		{"where the header names interfaces", linktype.SLL2, []step{{0, 4, v4(1, 0), 0, false}, {us, 4, v4(1, 0), 4, false}}},
		{"on one interface", linktype.Ethernet, []step{{0, 4, v4(1, 0), 0, false}, {us, 4, v4(1, 0), 0, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := decoderOf()
			for i, st := range tt.steps {
				p := packetOf(tt.link, at(tt.link, st.version, st.pkttype, st.ip))
				p.Time = capture.Time(1e18 + st.at)
				var s tcpip.Segment
				if !d.Decode(p, &s) || s.Dup != st.dup {
					t.Errorf("packet %d: dup %v, want %v", i, s.Dup, st.dup)
				}
			}
		})
	}
}
