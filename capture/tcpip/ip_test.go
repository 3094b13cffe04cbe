package tcpip_test

import (
	"encoding/binary"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// decodeRaw decodes an IP packet of which wire bytes were on the wire.
func decodeRaw(t *testing.T, ip []byte, wire int) (*tcpip.Segment, tcpip.DecodeStats) {
	t.Helper()
	d, _ := decoderOf()
	p := packetOf(linktype.Raw, ip)
	p.WireLen = uint32(wire)
	var s tcpip.Segment
	if !d.Decode(p, &s) {
		return nil, d.Stats()
	}
	return &s, d.Stats()
}

// onLinks returns an IP packet, of which wire bytes were on the wire, bare and
// behind an Ethernet header, which no length of IP counts.
func onLinks(ip []byte, wire int) []*capture.Packet {
	head := join(macs, words(0x0800))
	if ip[0]>>4 == 6 {
		head = join(macs, words(0x86dd))
	}
	bare, framed := packetOf(linktype.Raw, ip), packetOf(linktype.Ethernet, join(head, ip))
	bare.WireLen, framed.WireLen = uint32(wire), uint32(wire+len(head))
	return []*capture.Packet{bare, framed}
}

// edit returns a copy of b changed by f.
func edit(b []byte, f func(b []byte)) []byte {
	b = append([]byte(nil), b...)
	f(b)
	return b
}

func setLen(at, n int) func([]byte) {
	return func(b []byte) { binary.BigEndian.PutUint16(b[at:], uint16(n)) }
}

func TestDecodeIPLengths(t *testing.T) {
	v4, v6 := ip4(), ip6()
	n4, n6 := len(v4), len(v6)
	padding := make([]byte, 6)
	big := ipPacket(&tcpip.Header{Src: client4, Dst: server4})
	big = append(big, pattern(70000)...)
	big6 := append(ip6(), pattern(70000)...)
	tests := []struct {
		name          string
		ip            []byte
		wire          int
		bytes, onWire int // of payload; bytes -1: no segment
	}{
		{"ipv4 padding is trimmed", join(v4, padding), n4 + 6, 5, 5},
		{"ipv6 padding is trimmed", join(v6, padding), n6 + 6, 5, 5},
		{"ipv4 total length 0 of offload", edit(v4, setLen(2, 0)), n4, 5, 5},
		{"ipv4 total length 0, cut", edit(v4, setLen(2, 0)), n4 + 1000, 5, 1005},
		{"ipv4 above 64 KiB", edit(big, setLen(2, 0)), len(big), 70005, 70005},
		{"ipv6 payload length 0", edit(v6, setLen(4, 0)), n6, 5, 5},
		{"ipv6 above 64 KiB", edit(big6, setLen(4, 0)), len(big6), 70005, 70005},
		{"ipv4 total length above what was captured", edit(v4, setLen(2, n4+100)), n4 + 100, 5, 105},
		{"ipv4 total length above what was on the wire", edit(v4, setLen(2, n4+100)), n4, 5, 105},
		{"ipv6 payload length above what was captured", edit(v6, setLen(4, n6-40+100)), n6 + 100, 5, 105},
		{"wire length below what was captured", v4, 3, 5, 5},
		{"ipv4 total length cuts the payload", edit(v4, setLen(2, n4-2)), n4, 3, 3},
		{"ipv4 total length inside the tcp options", edit(v4, setLen(2, n4-8)), n4, -1, 0},
		{"ipv4 total length inside the ip header", edit(v4, setLen(2, 19)), n4, -1, 0},
		{"ipv6 payload length inside the tcp header", edit(v6, setLen(4, 19)), n6, -1, 0},
		{"ipv4 without payload", edit(v4, setLen(2, n4-5)), n4, 0, 0},
		{"ipv6 without payload", edit(v6, setLen(4, n6-45)), n6, 0, 0},
		{"ipv4 header length above total", edit(v4, func(b []byte) { b[0] = 0x4f; setLen(2, 56)(b) }), n4, -1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, p := range onLinks(tt.ip, tt.wire) {
				d, _ := decoderOf()
				var s tcpip.Segment
				if !d.Decode(p, &s) {
					if st := d.Stats(); tt.bytes >= 0 || st.Malformed != 1 {
						t.Errorf("link %v, no segment: %+v", p.Link, st)
					}
					continue
				}
				if len(s.Bytes) != tt.bytes || int(s.Wire) != tt.onWire {
					t.Errorf("link %v: payload %d of %d bytes, want %d of %d", p.Link, len(s.Bytes), s.Wire, tt.bytes, tt.onWire)
				}
				if s.Seq != 1000 || !s.HasTS {
					t.Errorf("link %v: seq %d, timestamps %v", p.Link, s.Seq, s.HasTS)
				}
			}
		})
	}
}

func TestDecodeIPv4Options(t *testing.T) {
	v4 := ip4()
	ip := join(edit(v4[:20], func(b []byte) { b[0] = 0x46; setLen(2, len(v4)+4)(b) }), []byte{0x94, 4, 0, 0}, v4[20:])
	s, _ := decodeRaw(t, ip, len(ip))
	if s == nil {
		t.Fatal("no segment")
	}
	checkHello(t, s, false)
	if s.L4 != 24 {
		t.Errorf("tcp header at %d, want 24", s.L4)
	}
}

// extended puts extension headers before the TCP header of ip6. The first byte
// of the last one is set to TCP.
func extended(first byte, headers ...[]byte) []byte {
	v6 := ip6()
	ext := join(headers...)
	ip := join(v6[:40], ext, v6[40:])
	ip[6] = first
	setLen(4, len(ip)-40)(ip)
	return ip
}

func TestDecodeIPv6Extensions(t *testing.T) {
	const tcp, hop, route, frag, auth, dest = 6, 0, 43, 44, 51, 60
	opt := func(next byte) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} } // PadN
	opt16 := func(next byte) []byte { return append([]byte{next, 1, 1, 12}, make([]byte, 12)...) }
	alone := func(ip []byte, n int) []byte { return edit(ip[:n], setLen(4, n-40)) } // no byte behind the first n
	tests := []struct {
		name  string
		ip    []byte
		count string // "" = a segment
	}{
		{"hop by hop", extended(hop, opt(tcp)), ""},
		{"hop by hop with padding of one byte", extended(hop, []byte{tcp, 0, 0, 0, 0, 0, 0, 0}), ""},
		{"all", extended(hop, opt(dest), opt16(route), opt(auth), []byte{dest, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, opt16(tcp)), ""},
		{"fragment header of a whole packet", extended(frag, []byte{tcp, 0, 0, 0, 0, 0, 0, 9}), ""},
		{"such with the reserved bits set", extended(frag, []byte{tcp, 9, 0, 6, 0, 0, 0, 9}), ""},
		{"mobility", extended(135, opt(tcp)), ""},
		{"16 headers", extended(dest, manyOptions(16)...), ""},
		{"17 headers", extended(dest, manyOptions(17)...), "Malformed"},
		{"header length beyond the packet", extended(hop, []byte{tcp, 200, 1, 4, 0, 0, 0, 0}), "Malformed"},
		{"header length beyond a packet of 8 bytes", alone(extended(hop, []byte{17, 1, 1, 4, 0, 0, 0, 0}), 48), "Malformed"},
		{"no next header", extended(59), "NonTCP"},
		{"no next header, and no bytes", alone(extended(59), 40), "NonTCP"},
		{"no next header behind options, and no bytes", alone(extended(hop, opt(59)), 48), "NonTCP"},
		{"udp behind options", extended(dest, opt(17)), "NonTCP"},
		{"udp fragment", extended(frag, []byte{17, 0, 0, 1, 0, 0, 0, 9}), "NonTCP"},
		{"udp fragment without bytes", alone(extended(frag, []byte{17, 0, 0, 1, 0, 0, 0, 9}), 48), "NonTCP"},
		{"jumbo length before the fragment header", edit(extended(hop, []byte{frag, 0, 0xc2, 4, 0, 0, 0, 8}, []byte{tcp, 0, 0, 1, 0, 0, 0, 9}), setLen(4, 0)), "Malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, st := decodeRaw(t, tt.ip, len(tt.ip))
			if s == nil {
				if (st.Malformed == 1) != (tt.count == "Malformed") || (st.NonTCP == 1) != (tt.count == "NonTCP") {
					t.Fatalf("no segment: %+v", st)
				}
				return
			}
			if tt.count != "" {
				t.Fatal("a segment")
			}
			checkHello(t, s, true)
			l4 := len(tt.ip) - 32 - 5
			if l3, at, ok := tcpip.Locate(linktype.Raw, tt.ip); int(s.L4) != l4 || l3 != 0 || at != l4 || !ok {
				t.Errorf("tcp header at %d, Locate %d, %d, %v, want %d", s.L4, l3, at, ok, l4)
			}
			checkCuts(t, linktype.Raw, tt.ip, l4)
		})
	}
}

func manyOptions(n int) [][]byte {
	var h [][]byte
	for range n - 1 {
		h = append(h, []byte{60, 0, 1, 4, 0, 0, 0, 0})
	}
	return append(h, []byte{6, 0, 1, 4, 0, 0, 0, 0})
}

func TestDecodeJumbo(t *testing.T) {
	const n = 80000
	for _, options := range [][]byte{
		{6, 0, 0xc2, 4, 0, 0, 0, 0},
		{6, 1, 0, 0, 1, 4, 1, 1, 1, 1, 0xc2, 4, 0, 0, 0, 0}, // padding of both kinds before it
	} {
		ip, at := extended(0, options), 40+len(options)-4
		binary.BigEndian.PutUint32(ip[at:], uint32(len(ip)-40+n))
		setLen(4, 0)(ip)
		s, _ := decodeRaw(t, ip, len(ip)+n+50) // 50 bytes behind the packet
		if s == nil || s.Wire != 5+n || len(s.Bytes) != 5 {
			t.Fatalf("segment %+v, want %d bytes of payload", s, 5+n)
		}
		binary.BigEndian.PutUint32(ip[at:], 7)
		if s, st := decodeRaw(t, ip, len(ip)); s != nil || st.Malformed != 1 {
			t.Errorf("jumbo length inside the extension header: %+v, %+v", s, st)
		}
	}
}
