package tcpip_test

import (
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

func TestDecodeMarksSecondCopies(t *testing.T) {
	const us = int64(time.Microsecond)
	withID := func(id int) []byte { return edit(ip4(), setLen(4, id)) }
	lo := func(ip []byte) []byte { return join(make([]byte, 12), words(0x0800), ip) }
	lo6 := func(tsval int) []byte {
		return join(make([]byte, 12), words(0x86dd), edit(ip6(), setLen(40+24, tsval)))
	}
	cooked := func(pkttype byte, ip []byte) []byte { return join(sll2Header(0x0800, 1, 772, pkttype), ip) }
	cooked1 := func(pkttype uint16, ip []byte) []byte { return join(sllHeader(pkttype, 772, 0x0800), ip) }
	type step struct {
		at    int64
		data  []byte
		flags uint32
		dup   bool
	}
	tests := []struct {
		name  string
		link  linktype.Type
		steps []step
	}{
		{"pair on lo", 1, []step{{0, lo(withID(1)), 0, false}, {3 * us, lo(withID(1)), 0, true}}},
		{"third is a first again", 1, []step{{0, lo(withID(1)), 0, false}, {us, lo(withID(1)), 0, true}, {2 * us, lo(withID(1)), 0, false}, {3 * us, lo(withID(1)), 0, true}}},
		{"interleaved pairs", 1, []step{{0, lo(withID(1)), 0, false}, {1, lo(withID(2)), 0, false}, {2, lo(withID(1)), 0, true}, {3, lo(withID(2)), 0, true}}},
		{"a retransmission has another id", 1, []step{{0, lo(withID(1)), 0, false}, {us, lo(withID(2)), 0, false}}},
		{"as late as can be", 1, []step{{0, lo(withID(1)), 0, false}, {1000 * us, lo(withID(1)), 0, true}}},
		{"as long before as can be", 1, []step{{0, lo(withID(1)), 0, false}, {-1000 * us, lo(withID(1)), 0, true}}},
		{"as late as can be, without id", 1, []step{{0, lo(withID(0)), 0, false}, {50 * us, lo(withID(0)), 0, true}}},
		{"a moment too late", 1, []step{{0, lo(withID(1)), 0, false}, {1000*us + 1, lo(withID(1)), 0, false}}},
		{"too late", 1, []step{{0, lo(withID(1)), 0, false}, {2000 * us, lo(withID(1)), 0, false}}},
		{"long before", 1, []step{{0, lo(withID(1)), 0, false}, {-2000 * us, lo(withID(1)), 0, false}}},
		{"late, without id", 1, []step{{0, lo(withID(0)), 0, false}, {51 * us, lo(withID(0)), 0, false}, {100 * us, lo(withID(0)), 0, true}}},
		{"ipv6", 1, []step{{0, lo6(1), 0, false}, {us, lo6(1), 0, true}, {us, lo6(2), 0, false}}},
		{"not on eth0", 1, []step{{0, ethFrame, 0, false}, {0, ethFrame, 0, false}}},
		{"outgoing is never second", 1, []step{{0, lo(withID(1)), 2, false}, {0, lo(withID(1)), 2, false}, {0, lo(withID(1)), 1, true}, {0, lo(withID(1)), 1, true}, {0, lo(withID(1)), 1, false}}},
		{"incoming is never first", 1, []step{{0, lo(withID(1)), 1, false}, {0, lo(withID(1)), 1, false}}},
		{"sll2 pair", 276, []step{{0, cooked(4, withID(1)), 0, false}, {us, cooked(0, withID(1)), 0, true}}},
		{"sll2 as libpcap records it", 276, []step{{0, cooked(0, withID(0)), 0, false}, {us, cooked(0, withID(0)), 0, false}}},
		{"sll pair", 113, []step{{0, cooked1(4, withID(1)), 0, false}, {us, cooked1(0, withID(1)), 0, true}}},
		{"sll2 on eth0", 276, []step{{0, sll2(2, 1), 0, false}, {0, sll2(2, 1), 0, false}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, _ := decoderOf()
			dups := 0
			for i, st := range tt.steps {
				p := packetOf(tt.link, st.data)
				p.Time, p.Flags = capture.Time(1e18+st.at), st.flags
				var s tcpip.Segment
				if !d.Decode(p, &s) || s.Dup != st.dup {
					t.Errorf("packet %d: dup %v, want %v", i, s.Dup, st.dup)
				}
				if st.dup {
					dups++
				}
			}
			if n := d.Stats().Duplicates; n != dups {
				t.Errorf("%d duplicates counted, want %d", n, dups)
			}
		})
	}
}

// Of packets that are short every byte counts, whatever their length: two that
// differ in one are no copies.
func TestSecondCopyDiffersInNoByte(t *testing.T) {
	for n := range 17 {
		h := tcpip.Header{Flags: tcpip.FlagACK, Src: client4, Dst: server4}
		frame := tcpip.AppendTCP(nil, &h, pattern(n))
		for i := 14 + 20; i < len(frame); i++ {
			if i == 14+32 { // the data offset: else it is no segment
				continue
			}
			d, _ := decoderOf(capture.Interface{Name: "lo"})
			var s tcpip.Segment
			other := edit(frame, func(b []byte) { b[i] ^= 1 })
			if !d.Decode(packetOf(1, frame), &s) || !d.Decode(packetOf(1, other), &s) || s.Dup {
				t.Errorf("%d bytes of payload: another byte %d is not seen", n, i)
			}
		}
	}
}

// Packets of other processors may come between the copies, up to a bound.
func TestSecondCopyAmongOthers(t *testing.T) {
	d, _ := decoderOf()
	var s tcpip.Segment
	decode := func(id int) bool {
		p := packetOf(1, join(make([]byte, 12), words(0x0800), edit(ip4(), setLen(4, id))))
		return d.Decode(p, &s) && s.Dup
	}
	for id := 1; id <= 8; id++ {
		decode(id)
	}
	for id := 1; id <= 8; id++ {
		if !decode(id) {
			t.Errorf("second copy of packet %d not marked", id)
		}
	}
}

// A fragmented datagram on lo comes as two copies of each fragment.
func TestSecondCopiesOfFragments(t *testing.T) {
	d, _ := decoderOf()
	var s tcpip.Segment
	segments := 0
	for i, f := range split4(ip4(), 16, 32) {
		for range 2 {
			p := packetOf(1, join(make([]byte, 12), words(0x0800), f))
			p.Ref.Packet = uint32(i + 1)
			if d.Decode(p, &s) {
				segments++
				checkHello(t, &s, false)
			}
		}
	}
	if st := d.Stats(); segments != 1 || st.Duplicates != 3 || st.FragmentsPending != 0 {
		t.Errorf("%d segments, %+v", segments, st)
	}
}

// A packet that several inputs have, copies of a file or captures that overlap,
// counts once. Steps say which input shows which packet when.
func TestDecodeMarksPacketsOfTwoInputs(t *testing.T) {
	type step struct {
		input uint32
		id    int
		nanos capture.Time
		dup   bool
	}
	many := func(n int) (steps []step) { // n packets of one moment in one input, then in another
		for i := range 2 * n {
			steps = append(steps, step{uint32(i / n), i%n + 1, 5, i >= n})
		}
		return steps
	}
	late := many(65)
	for i := 65; i < len(late); i++ {
		late[i].dup = false // each drives out the one that is next
	}
	both := map[uint32]string{0: "a", 1: "a"}
	three := map[uint32]string{0: "a", 1: "a", 2: "a"}
	for _, tt := range []struct {
		name  string
		pods  map[uint32]string
		steps []step
	}{
		{"two inputs", both, []step{{0, 1, 5, false}, {1, 1, 5, true}}},
		{"a pair each", both, []step{{0, 1, 5, false}, {1, 1, 5, true}, {0, 1, 5, false}, {1, 1, 5, true}}},
		{"three inputs", three, []step{{0, 1, 5, false}, {1, 1, 5, true}, {2, 1, 5, true}}},
		{"three inputs, in another order", three, []step{{2, 1, 5, false}, {0, 1, 5, true}, {1, 1, 5, true}}},
		{"a pair each of three", three, []step{{0, 1, 5, false}, {0, 1, 5, false}, {1, 1, 5, true}, {1, 1, 5, true}, {2, 1, 5, true}, {2, 1, 5, true}}},
		{"one more in the last of three", three, []step{{0, 1, 5, false}, {1, 1, 5, true}, {2, 1, 5, true}, {2, 1, 5, false}}},
		{"one input", both, []step{{0, 1, 5, false}, {0, 1, 5, false}}},
		{"told a little later", both, []step{{0, 1, 5, false}, {1, 1, 5 + 1e6, true}}},
		{"another time", both, []step{{0, 1, 5, false}, {1, 1, 5 + 1e6 + 1, false}}},
		{"without an identification, told a little later", both, []step{{0, 0, 5, false}, {1, 0, 5 + 50e3, true}}},
		{"without an identification, another time", both, []step{{0, 0, 5, false}, {1, 0, 5 + 50e3 + 1, false}}},
		{"without an identification, as much later as another", both,
			[]step{{0, 1, 0, false}, {0, 0, 100e3, false}, {1, 1, 300e3, true}, {1, 0, 450e3, true}}},
		{"without an identification, still later than another", both,
			[]step{{0, 1, 0, false}, {0, 0, 100e3, false}, {1, 1, 300e3, true}, {1, 0, 450e3 + 1, false}}},
		{"as much earlier as another", both, []step{{0, 1, 0, false}, {0, 0, 100e3, false}, {1, 1, 300e3, true}, {1, 0, 400e3, true}, {1, 2, 500e3, false}, {0, 2, 500e3, true}}},
		{"as another of three", three, []step{{0, 1, 0, false}, {0, 0, 100e3, false}, {1, 1, 300e3, true}, {2, 0, 400e3, false}}},
		{"another packet", both, []step{{0, 1, 5, false}, {1, 2, 5, false}}},
		{"two pods", map[uint32]string{0: "a", 1: "b"}, []step{{0, 1, 5, false}, {1, 1, 5, false}}},
		{"only one input was named", map[uint32]string{0: ""}, []step{{0, 1, 5, false}, {1, 1, 5, false}}},
		{"64 of one moment", both, many(64)},
		{"65 of one moment", both, late},
	} {
		points := tcpip.NewPoints()
		for input, pod := range tt.pods {
			points.Add(input, pod)
		}
		d := tcpip.NewDecoder(points, func(uint32) []capture.Interface { return nil })
		for i, st := range tt.steps {
			p := packetOf(1, join(macs, words(0x0800), edit(ip4(), setLen(4, st.id))))
			p.Ref.Input, p.Time = st.input, st.nanos
			var s tcpip.Segment
			if !d.Decode(p, &s) || s.Dup != st.dup {
				t.Errorf("%s, packet %d: dup %v, want %v", tt.name, i, s.Dup, st.dup)
			}
		}
	}
}
