package tcpip_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// ip4 and ip6 are the same segment over IPv4 and IPv6.
func ip4() []byte { return ipPacket(&tcpip.Header{Src: client4, Dst: server4}) }
func ip6() []byte { return ipPacket(&tcpip.Header{Src: client6, Dst: server6}) }

// ipPacket builds an IP packet with fixed TCP fields.
func ipPacket(h *tcpip.Header) []byte {
	h.Seq, h.Ack, h.Flags, h.Window, h.IPID = 1000, 2000, tcpip.FlagACK|tcpip.FlagPSH, 501, 7
	h.HasTS, h.TSVal, h.TSEcr = true, 3000, 4000
	return tcpip.AppendTCP(nil, h, []byte("hello"))[14:]
}

// words returns 16-bit words in network byte order.
func words(w ...uint16) []byte {
	var b []byte
	for _, v := range w {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

var macs = join(macB[:], macA[:])

func sllHeader(pkttype, hatype, proto uint16) []byte {
	return join(words(pkttype, hatype, 6), macA[:], words(0, proto))
}

func sll2Header(proto uint16, index uint32, hatype uint16, pkttype byte) []byte {
	return join(words(proto, 0, uint16(index>>16), uint16(index), hatype), []byte{pkttype, 6}, macA[:], words(0))
}

// decoderOf returns a Decoder for inputs that all have the given interfaces.
func decoderOf(ifaces ...capture.Interface) (*tcpip.Decoder, *tcpip.Points) {
	points := tcpip.NewPoints()
	return tcpip.NewDecoder(points, func(uint32) []capture.Interface { return ifaces }), points
}

func packetOf(link linktype.Type, data []byte) *capture.Packet {
	return &capture.Packet{Ref: capture.Ref{Packet: 1}, Link: link, Data: data, WireLen: uint32(len(data))}
}

func TestDecodeLinks(t *testing.T) {
	const lo = 772
	tests := []struct {
		name string
		link linktype.Type
		head []byte
		v6   bool
		want tcpip.PointInfo
	}{
		{"ethernet", 1, join(macs, words(0x0800)), false, tcpip.PointInfo{Name: "eth0", Inferred: true}},
		{"ethernet ipv6", 1, join(macs, words(0x86dd)), true, tcpip.PointInfo{Name: "eth0", Inferred: true}},
		{"ethernet of lo", 1, join(make([]byte, 12), words(0x0800)), false, tcpip.PointInfo{Name: "lo", Loopback: true, Inferred: true}},
		{"vlan", 1, join(macs, words(0x8100, 5, 0x0800)), false, tcpip.PointInfo{Name: "eth0", Inferred: true}},
		{"qinq", 1, join(macs, words(0x88a8, 5, 0x8100, 6, 0x86dd)), true, tcpip.PointInfo{Name: "eth0", Inferred: true}},
		{"old qinq, three tags", 1, join(macs, words(0x9100, 5, 0x8100, 6, 0x8100, 7, 0x0800)), false, tcpip.PointInfo{Name: "eth0", Inferred: true}},
		{"sll", 113, sllHeader(0, 1, 0x0800), false, tcpip.PointInfo{Name: "eth", Cooked: true, Inferred: true}},
		{"sll ipv6 of lo", 113, sllHeader(0, lo, 0x86dd), true, tcpip.PointInfo{Name: "lo", Cooked: true, Loopback: true, Inferred: true}},
		{"sll vlan", 113, join(sllHeader(0, 1, 0x8100), words(5, 0x0800)), false, tcpip.PointInfo{Name: "eth", Cooked: true, Inferred: true}},
		{"sll2", 276, sll2Header(0x0800, 2, 1, 0), false, tcpip.PointInfo{Name: "if2", Index: 2, Cooked: true, Inferred: true}},
		{"sll2 of lo", 276, sll2Header(0x0800, 1, lo, 0), false, tcpip.PointInfo{Name: "lo", Index: 1, Cooked: true, Loopback: true, Inferred: true}},
		{"sll2 with loopback hatype", 276, sll2Header(0x86dd, 70000, lo, 0), true, tcpip.PointInfo{Name: "lo", Index: 70000, Cooked: true, Loopback: true, Inferred: true}},
		{"sll2 vlan", 276, join(sll2Header(0x8100, 2, 1, 0), words(5, 0x0800)), false, tcpip.PointInfo{Name: "if2", Index: 2, Cooked: true, Inferred: true}},
		{"null big endian", 0, []byte{0, 0, 0, 2}, false, tcpip.PointInfo{Name: "lo", Loopback: true, Inferred: true}},
		{"null little endian", 0, []byte{2, 0, 0, 0}, false, tcpip.PointInfo{Name: "lo", Loopback: true, Inferred: true}},
		{"null ipv6 of Darwin", 0, []byte{30, 0, 0, 0}, true, tcpip.PointInfo{Name: "lo", Loopback: true, Inferred: true}},
		{"null ipv6 of FreeBSD", 0, []byte{0, 0, 0, 28}, true, tcpip.PointInfo{Name: "lo", Loopback: true, Inferred: true}},
		{"loop ipv6 of OpenBSD", 108, []byte{0, 0, 0, 24}, true, tcpip.PointInfo{Name: "lo", Loopback: true, Inferred: true}},
		{"null ipv6 of Linux", 0, []byte{10, 0, 0, 0}, true, tcpip.PointInfo{Name: "lo", Loopback: true, Inferred: true}},
		{"raw", 101, nil, false, tcpip.PointInfo{Name: "ip", Inferred: true}},
		{"raw ipv6", 101, nil, true, tcpip.PointInfo{Name: "ip", Inferred: true}},
		{"raw of BSD", 12, nil, false, tcpip.PointInfo{Name: "ip", Inferred: true}},
		{"raw of OpenBSD", 14, nil, true, tcpip.PointInfo{Name: "ip", Inferred: true}},
		{"ipv4", 228, nil, false, tcpip.PointInfo{Name: "ip", Inferred: true}},
		{"ipv6", 229, nil, true, tcpip.PointInfo{Name: "ip", Inferred: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ip, l4 := ip4(), len(tt.head)+20
			if tt.v6 {
				ip, l4 = ip6(), len(tt.head)+40
			}
			data := join(tt.head, ip)
			d, points := decoderOf()
			var s tcpip.Segment
			if !d.Decode(packetOf(tt.link, data), &s) {
				t.Fatalf("no segment: %+v", d.Stats())
			}
			checkHello(t, &s, tt.v6)
			if int(s.L3) != len(tt.head) || int(s.L4) != l4 || int(s.Data) != l4+32 {
				t.Errorf("offsets %d, %d, %d, want %d, %d, %d", s.L3, s.L4, s.Data, len(tt.head), l4, l4+32)
			}
			if got := points.Info(s.Point()); got != tt.want {
				t.Errorf("point %+v, want %+v", got, tt.want)
			}
			if l3, at, ok := tcpip.Locate(tt.link, data); l3 != len(tt.head) || at != l4 || !ok {
				t.Errorf("Locate = %d, %d, %v, want %d, %d, true", l3, at, ok, len(tt.head), l4)
			}
			checkCuts(t, tt.link, data, l4)
		})
	}
}

// checkHello compares s with what ipPacket builds.
func checkHello(t *testing.T, s *tcpip.Segment, v6 bool) {
	t.Helper()
	want := tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: client4, Dst: server4}
	id := uint16(7)
	if v6 {
		want.Src, want.Dst, id = client6, server6, 0
	}
	if s.Tuple() != want {
		t.Errorf("tuple %v, want %v", s.Tuple(), want)
	}
	if s.Seq != 1000 || s.Ack != 2000 || s.Flags != tcpip.FlagACK|tcpip.FlagPSH || s.Window != 501 || s.IPID != id {
		t.Errorf("seq %d ack %d flags %#x window %d id %d", s.Seq, s.Ack, s.Flags, s.Window, s.IPID)
	}
	if !s.HasTS || s.TSVal != 3000 || s.TSEcr != 4000 || s.MSS != 0 || s.WScale != -1 {
		t.Errorf("timestamps %v %d %d, mss %d, wscale %d", s.HasTS, s.TSVal, s.TSEcr, s.MSS, s.WScale)
	}
	if string(s.Bytes) != "hello" || s.Wire != 5 {
		t.Errorf("payload %q of %d bytes", s.Bytes, s.Wire)
	}
}

// checkCuts decodes data cut at each length, as a short snaplen leaves it: a
// segment needs the fixed part of the TCP header, and keeps its length on the
// wire; anything shorter is malformed.
func checkCuts(t *testing.T, link linktype.Type, data []byte, l4 int) {
	t.Helper()
	for n := range data {
		d, _ := decoderOf()
		p := packetOf(link, data[:n:n])
		p.WireLen = uint32(len(data))
		var s tcpip.Segment
		ok := d.Decode(p, &s)
		if ok != (n >= l4+20) {
			t.Errorf("cut to %d bytes: segment %v", n, ok)
		}
		if !ok && d.Stats().Malformed != 1 {
			t.Errorf("cut to %d bytes: not counted as malformed: %+v", n, d.Stats())
		}
		if ok && (s.Wire != 5 || len(s.Bytes) != max(0, n-l4-32)) {
			t.Errorf("cut to %d bytes: payload %d of %d bytes", n, len(s.Bytes), s.Wire)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name string
		link linktype.Type
		data []byte
		want string // field of the statistics that counts it
	}{
		{"arp", 1, join(macs, words(0x0806), make([]byte, 28)), "NonTCP"},
		{"802.3 length", 1, join(macs, words(46), make([]byte, 46)), "NonTCP"},
		{"802.3 length 1", 1, join(macs, words(1), make([]byte, 46)), "NonTCP"},
		{"802.3 length 2", 1, join(macs, words(2), make([]byte, 46)), "NonTCP"},
		{"802.2 in sll", 113, join(sllHeader(0, 1, 4), make([]byte, 40)), "NonTCP"},
		{"ipx over null", 0, []byte{23, 0, 0, 1}, "NonTCP"},
		{"raw, version 5", 101, join([]byte{0x55}, make([]byte, 40)), "NonTCP"},
		{"no bytes", 101, nil, "Malformed"},
		{"udp", 101, udp4(), "NonTCP"},
		{"wifi", 105, make([]byte, 100), "Unsupported"},
		{"version of another ethertype", 1, join(macs, words(0x0800), ip6()), "Malformed"},
		{"version 4 where 6 is said", 1, join(macs, words(0x86dd), ip4()), "Malformed"},
		{"version 5, else as 4", 1, join(macs, words(0x0800), edit(ip4(), func(b []byte) { b[0] = 0x55 })), "Malformed"},
		{"version 5, else as 6", 1, join(macs, words(0x86dd), edit(ip6(), func(b []byte) { b[0] = 0x50 })), "Malformed"},
		{"ipv4 header of 16 bytes, then tcp", 101, edit(ip4(), func(b []byte) { b[0], b[28] = 0x44, 0x50 }), "Malformed"},
		{"udp without bytes", 101, edit(udp4()[:20], setLen(2, 20)), "NonTCP"},
		{"tags to the end", 1, join(macs, bytes.Repeat(words(0x8100, 1), 9)), "Malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, points := decoderOf()
			var s tcpip.Segment
			if d.Decode(packetOf(tt.link, tt.data), &s) {
				t.Fatal("a segment")
			}
			st := d.Stats()
			got := map[string]int{"NonTCP": st.NonTCP, "Malformed": st.Malformed, "Unsupported": len(st.UnsupportedPackets)}
			for field, n := range got {
				if (n == 1) != (field == tt.want) {
					t.Errorf("%s = %d, want the packet counted as %s", field, n, tt.want)
				}
			}
			if points.Len() != 0 {
				t.Errorf("a point %+v", points.Info(0))
			}
			if _, _, ok := tcpip.Locate(tt.link, tt.data); ok {
				t.Error("Locate finds TCP")
			}
		})
	}
}

func udp4() []byte {
	b := ip4()
	b[9] = 17
	return b
}

func TestStatsCountsAndNotes(t *testing.T) {
	d, _ := decoderOf()
	var s tcpip.Segment
	for i := range 100 {
		p := packetOf(linktype.Raw, ip4()[:30])
		p.Ref.Packet, p.WireLen = uint32(i+1), uint32(30+i) // the snaplen cut all but the first
		d.Decode(p, &s)
	}
	for range 3 {
		d.Decode(packetOf(105, ip4()), &s)
	}
	d.Decode(packetOf(9, ip4()), &s)
	st := d.Stats()
	if st.Packets != 104 || st.Malformed != 100 || len(st.Notes) != 16 {
		t.Errorf("%d packets, %d malformed, %d notes", st.Packets, st.Malformed, len(st.Notes))
	}
	for i, by := range []string{"packet", "snaplen"} {
		if n := st.Notes[i]; n.Ref.Packet != uint32(i+1) || n.Text != "tcp header at offset 20: need 20 bytes, have 10 ("+by+")" {
			t.Errorf("note %+v, want one that says %s", n, by)
		}
	}
	for _, n := range st.Notes {
		if strings.ContainsAny(n.Text, "\n%!") {
			t.Errorf("note %q", n.Text)
		}
	}
	want := []tcpip.LinkCount{{Link: 105, Packets: 3}, {Link: 9, Packets: 1}}
	if len(st.UnsupportedPackets) != 2 || st.UnsupportedPackets[0] != want[0] || st.UnsupportedPackets[1] != want[1] {
		t.Errorf("unsupported %v, want %v", st.UnsupportedPackets, want)
	}
}
