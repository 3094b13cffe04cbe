package tcpip_test

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

var fuzzLinks = []linktype.Type{
	linktype.Ethernet, linktype.SLL2, linktype.SLL, linktype.Raw, linktype.Null, linktype.Loop,
	linktype.IPv4, linktype.IPv6, linktype.RawBSD, linktype.RawOBSD, 105,
}

// FuzzDecode checks that a segment lies inside its packet, that Locate and
// RewriteTuple agree with Decode, and that gopacket decodes packets it finds
// nothing wrong with to the same.
func FuzzDecode(f *testing.F) {
	for _, data := range [][]byte{ethFrame, loFrame, join(macs, words(0x8100, 5, 0x88a8, 6, 0x86dd), ip6()), join(macs, words(0x86dd), extended(0, []byte{51, 0, 1, 4, 0, 0, 0, 0}, []byte{6, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}))} {
		f.Add(uint8(0), uint16(0), data)
		f.Add(uint8(0), uint16(9), data[:len(data)-9])
	}
	f.Add(uint8(1), uint16(0), sll2(2, 1))
	f.Add(uint8(1), uint16(0), sll2(1, 772))
	f.Add(uint8(2), uint16(0), join(sllHeader(4, 1, 0x8100), words(5, 0x0800), ip4()))
	f.Add(uint8(3), uint16(0), tcpWith(tcpip.FlagSYN, 2, 4, 5, 180, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7))
	f.Add(uint8(3), uint16(0), edit(ip4(), setLen(2, 0)))
	f.Add(uint8(3), uint16(0), split6(longPacket(true, 100), 6, 64)[0])
	f.Add(uint8(4), uint16(0), join([]byte{2, 0, 0, 0}, ip4()))
	f.Add(uint8(5), uint16(0), join([]byte{0, 0, 0, 24}, ip6()))
	addRealSeeds(f)
	f.Fuzz(func(t *testing.T, link uint8, cut uint16, data []byte) {
		p := packetOf(fuzzLinks[int(link)%len(fuzzLinks)], data)
		p.WireLen += uint32(cut)
		d, points := decoderOf()
		var s tcpip.Segment
		ok := d.Decode(p, &s)
		if st := d.Stats(); !ok && st.NonTCP+st.Malformed+st.FragmentsPending+st.FragmentsEvicted+len(st.UnsupportedPackets) != 1 {
			t.Fatalf("not counted once: %+v", st)
		}
		if ok {
			checkInside(t, p, &s)
			checkLocate(t, p, &s)
			if int(s.Point()) >= points.Len() {
				t.Fatalf("point %d of %d", s.Point(), points.Len())
			}
		}
		checkGopacket(t, p, ok, &s)
	})
}

// addRealSeeds adds the first packets of each real capture.
func addRealSeeds(f *testing.F) {
	for _, name := range realCaptures {
		r, err := capture.Open(filepath.Join("..", "..", "testdata", "pcaps", name), nil)
		check(f, err)
		for range 4 {
			p, err := r.Next()
			check(f, err)
			f.Add(uint8(slices.Index(fuzzLinks, p.Link)), uint16(int(p.WireLen)-len(p.Data)), bytes.Clone(p.Data))
		}
		check(f, r.Close())
	}
}

func checkInside(t *testing.T, p *capture.Packet, s *tcpip.Segment) {
	end := int(s.Data) + len(s.Bytes)
	if s.L4 < s.L3+20 || s.Data < s.L4+20 || end > len(p.Data) || int(s.Wire) < len(s.Bytes) {
		t.Fatalf("offsets %d, %d, %d, payload %d of %d in packet of %d bytes", s.L3, s.L4, s.Data, len(s.Bytes), s.Wire, len(p.Data))
	}
	if len(s.Bytes) > 0 && &s.Bytes[0] != &p.Data[s.Data] {
		t.Fatal("payload is not that at Data")
	}
}

func checkLocate(t *testing.T, p *capture.Packet, s *tcpip.Segment) {
	l3, l4, ok := tcpip.Locate(p.Link, p.Data)
	if l3 != int(s.L3) || l4 != int(s.L4) || !ok {
		t.Fatalf("Locate = %d, %d, %v, want %d, %d", l3, l4, ok, s.L3, s.L4)
	}
	data, tuple := bytes.Clone(p.Data), s.Tuple()
	if tuple.Src.Addr().Is4() != (data[l3]>>4 == 4) || tuple.Dst.Addr().Is4() != (data[l3]>>4 == 4) {
		return // an IPv4-mapped address in IPv6, which a tuple does not tell from IPv4
	}
	check(t, tcpip.RewriteTuple(data[l3:], l4-l3, tuple.Src, tuple.Dst))
	if !bytes.Equal(data, p.Data) {
		t.Fatal("rewriting to the same tuple changes the packet")
	}
}

// plainLayers are those that Decode follows; gopacket follows tunnels as well.
var plainLayers = map[gopacket.LayerType]bool{
	layers.LayerTypeEthernet: true, layers.LayerTypeDot1Q: true, layers.LayerTypeLinuxSLL: true, layers.LayerTypeLoopback: true,
	layers.LayerTypeIPv4: true, layers.LayerTypeIPv6: true, layers.LayerTypeIPv6HopByHop: true, layers.LayerTypeIPv6Routing: true,
	layers.LayerTypeIPv6Destination: true, layers.LayerTypeIPSecAH: true,
}

// wellFormed decodes p with gopacket and returns the result if there is
// nothing wrong with it and it is TCP.
func wellFormed(p *capture.Packet) gopacket.Packet {
	first := map[linktype.Type]gopacket.Decoder{
		linktype.Ethernet: layers.LayerTypeEthernet, linktype.SLL: layers.LayerTypeLinuxSLL, linktype.Null: layers.LayerTypeLoopback,
		linktype.Raw: layers.LinkTypeRaw, linktype.IPv4: layers.LayerTypeIPv4, linktype.IPv6: layers.LayerTypeIPv6,
	}[p.Link]
	if first == nil {
		return nil
	}
	got := gopacket.NewPacket(p.Data, first, gopacket.NoCopy)
	if got.ErrorLayer() != nil || got.Metadata().Truncated {
		return nil
	}
	ips, at := 0, 0
	for _, l := range got.Layers() {
		at += len(l.LayerContents())
		switch l := l.(type) {
		case *layers.TCP:
			if ips != 1 {
				return nil
			}
			return got
		case *layers.IPv4:
			if l.Version != 4 {
				return nil
			}
			ips++
		case *layers.IPv6:
			// Behind a hop-by-hop header gopacket does not trim padding.
			if l.Version != 6 || l.HopByHop != nil && int(l.Length) != len(p.Data)-at {
				return nil
			}
			ips++
		}
		if !plainLayers[l.LayerType()] {
			return nil
		}
	}
	return nil
}

func checkGopacket(t *testing.T, p *capture.Packet, ok bool, s *tcpip.Segment) {
	want := wellFormed(p)
	if want == nil {
		return
	}
	tcp := want.TransportLayer().(*layers.TCP)
	if len(tcp.Contents) < 20 {
		return
	}
	if !ok {
		t.Fatalf("no segment, but gopacket has\n%v", want)
	}
	src, dst := want.NetworkLayer().NetworkFlow().Endpoints()
	key := tcpip.Key{SrcPort: uint16(tcp.SrcPort), DstPort: uint16(tcp.DstPort), Point: s.Point()}
	if len(src.Raw()) == 4 {
		key.Src, key.Dst = tcpip.AddrFrom4(src.Raw()), tcpip.AddrFrom4(dst.Raw())
	} else {
		key.Src, key.Dst = tcpip.AddrFrom16(src.Raw()), tcpip.AddrFrom16(dst.Raw())
	}
	flags := binary.BigEndian.Uint16(tcp.Contents[12:]) & 0x1ff
	if s.Key != key || s.Seq != tcp.Seq || s.Ack != tcp.Ack || s.Flags != flags || s.Window != tcp.Window {
		t.Fatalf("segment %v seq %d ack %d flags %#x window %d, but gopacket has\n%v", s.Tuple(), s.Seq, s.Ack, s.Flags, s.Window, want)
	}
	if flags&tcpip.FlagACK != 0 != tcp.ACK || flags&tcpip.FlagSYN != 0 != tcp.SYN || flags&tcpip.FlagFIN != 0 != tcp.FIN || flags&tcpip.FlagRST != 0 != tcp.RST {
		t.Fatalf("flags %#x, but gopacket has\n%v", flags, want)
	}
	if !bytes.Equal(s.Bytes, tcp.Payload) {
		t.Fatalf("payload %x, but gopacket has %x", s.Bytes, tcp.Payload)
	}
	checkOptions(t, s, tcp)
}

func checkOptions(t *testing.T, s *tcpip.Segment, tcp *layers.TCP) {
	mss, wscale, hasTS := uint16(0), int8(-1), false
	for _, o := range tcp.Options {
		switch {
		case o.OptionType == layers.TCPOptionKindMSS && len(o.OptionData) == 2 && tcp.SYN:
			mss = binary.BigEndian.Uint16(o.OptionData)
		case o.OptionType == layers.TCPOptionKindWindowScale && len(o.OptionData) == 1 && tcp.SYN:
			wscale = int8(min(o.OptionData[0], 14))
		case o.OptionType == layers.TCPOptionKindTimestamps && len(o.OptionData) == 8:
			hasTS = true
		}
	}
	if s.MSS != mss || s.WScale != wscale || s.HasTS != hasTS {
		t.Fatalf("mss %d, shift %d, timestamps %v, but gopacket has %v", s.MSS, s.WScale, s.HasTS, tcp.Options)
	}
}

// FuzzFragments gives a Decoder fragments of IPv4 datagrams as an op tape says
// and compares with a model that keeps one mark per byte: what came first
// stands, an end that contradicts spoils.
func FuzzFragments(f *testing.F) {
	f.Add([]byte{0, 4, 1, 4, 4, 1, 8, 4, 0})
	f.Add([]byte{8, 4, 0, 0, 4, 1, 2, 9, 1, 4, 4, 1})
	f.Add([]byte{0, 9, 1, 0, 20, 1, 8, 4, 0, 4, 4, 1, 30, 1, 1})
	f.Add([]byte{5, 5, 0, 5, 4, 0, 0, 31, 1})
	f.Fuzz(func(t *testing.T, tape []byte) {
		if len(tape) > 3*200 {
			return
		}
		fd, m := newFeed(), newFragmentModel()
		for round := 0; len(tape) >= 3; round++ {
			frag := m.next(tape, byte(round))
			tape = tape[3:]
			got, whole := fd.put(frag), m.add(frag)
			if want := whole && m.end >= 20; got != want {
				t.Fatalf("fragment %d: segment %v, want %v", round+1, got, want)
			}
			if got && (len(fd.s.Bytes) != int(fd.s.Wire) || !bytes.Equal(fd.s.Bytes, m.bytes[20:m.end])) {
				t.Fatalf("fragment %d: payload\n%x, want\n%x", round+1, fd.s.Bytes, m.bytes[20:m.end])
			}
			if whole {
				m = newFragmentModel()
			}
		}
	})
}

// A fragmentModel is one datagram that waits.
type fragmentModel struct {
	bytes  [1024]byte
	marked [1024]bool
	end    int
	far    int // the end of the farthest fragment
	spoilt bool
}

func newFragmentModel() *fragmentModel { return &fragmentModel{end: -1} }

// next makes a fragment of at most 32 units of 8 bytes at one of 64 offsets.
// Its TCP header, where it covers one, is always 20 bytes long.
func (m *fragmentModel) next(op []byte, fill byte) []byte {
	off, n, more := int(op[0]%64), int(op[1]%32)+1, uint16(op[2]&1)
	if off == 0 {
		more = 1 // else it is no fragment
	}
	b := bytes.Repeat([]byte{fill}, n*8)
	if at := 12 - off*8; at >= 0 && at < len(b) {
		b[at] = 0x50
	}
	ip := join(ip4()[:20], b)
	setLen(2, len(ip))(ip)
	binary.BigEndian.PutUint16(ip[6:], more<<13|uint16(off))
	return ip
}

// add reports whether the datagram is now whole.
func (m *fragmentModel) add(ip []byte) bool {
	word := binary.BigEndian.Uint16(ip[6:])
	off, b := int(word&0x1fff)*8, ip[20:]
	if word&0x2000 == 0 {
		m.spoilt = m.spoilt || m.end >= 0 && m.end != off+len(b)
		m.end = off + len(b)
	}
	m.far = max(m.far, off+len(b))
	m.spoilt = m.spoilt || m.end >= 0 && m.far > m.end
	if m.spoilt {
		return false
	}
	whole := m.end >= 0
	for i, c := range b {
		if !m.marked[off+i] {
			m.marked[off+i], m.bytes[off+i] = true, c
		}
	}
	for i := range max(m.end, 0) {
		whole = whole && m.marked[i]
	}
	return whole
}
