package tcpip_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

var (
	resolver4 = netip.MustParseAddrPort("10.96.0.10:53")
	resolver6 = netip.MustParseAddrPort("[fd00:10:96::a]:53")
)

func datagramsOf() (*tcpip.DatagramDecoder, *tcpip.Points) {
	points := tcpip.NewPoints()
	return tcpip.NewDatagramDecoder(points, func(uint32) []capture.Interface { return nil }, 53, 15053), points
}

func TestDatagrams(t *testing.T) {
	payload := pattern(40)
	v4, v6 := pcap.UDP(client4, resolver4, payload), pcap.UDP(client6, resolver6, payload)
	options := join([]byte{0x46}, v4[1:20], []byte{1, 1, 1, 0}, v4[20:])
	setLen(2, len(options))(options)
	extended := behindOptions(17, v6)
	frag6 := split6(v6, 17, 16)[0]
	jumbo := edit(extended, func(b []byte) { b[6] = 0; setLen(4, 0)(b); copy(b[42:], []byte{0xc2, 4, 0, 0, 0, 7}) })
	for _, tt := range []struct {
		name      string
		data      []byte
		wire      int // 0: all of data
		want      int // payload bytes; -1: no datagram
		malformed int
	}{
		{"ipv4", v4, 0, 40, 0},
		{"ipv6", v6, 0, 40, 0},
		{"ipv4 options", options, 0, 40, 0},
		{"ipv6 destination options", extended, 0, 40, 0},
		{"answer", pcap.UDP(resolver4, client4, payload), 0, 40, 0},
		{"empty", pcap.UDP(client4, resolver4, nil), 0, 0, 0},
		{"other port", pcap.UDP(client4, server4, payload), 0, -1, 0},
		{"tcp", ip4(), 0, -1, 0},
		{"ethernet padding", append(bytes.Clone(pcap.UDP(client4, resolver4, payload[:4])), 0, 0, 0, 0), 0, 4, 0},
		{"padding in ip", edit(v4, setLen(24, 8+30)), 0, 30, 0},
		{"cut payload", v4[:50], len(v4), 22, 0},
		{"cut header", v4[:26], len(v4), -1, 1},
		{"cut behind the ports", v4[:24], len(v4), -1, 1},
		{"cut ports", v4[:23], len(v4), -1, 0},
		{"cut behind the ip header", v4[:20], len(v4), -1, 0},
		{"ipv4 total length 0 of offload", edit(v4, setLen(2, 0)), 0, 40, 0},
		{"ipv6 payload length 0", edit(v6, setLen(4, 0)), 0, 40, 0},
		{"length too long for offload", edit(edit(v4, setLen(2, 0)), setLen(24, 49)), 0, -1, 1},
		{"length too long for offload, ipv6", edit(edit(v6, setLen(4, 0)), setLen(44, 49)), 0, -1, 1},
		{"ipv6 fragment header not captured", frag6[:40], len(frag6), -1, 0},
		{"ipv6 fragment header cut", frag6[:44], len(frag6), -1, 0},
		{"ipv6 jumbo length in the extension header", jumbo, 0, -1, 0},
		{"length 7", edit(v4, setLen(24, 7)), 0, -1, 1},
		{"length too long", edit(v4, setLen(24, 49)), 0, -1, 1},
		{"ipv6 length too long", edit(v6, setLen(44, 49)), 0, -1, 1},
		{"short ip header", edit(v4, func(b []byte) { b[0] = 0x44 }), 0, -1, 1},
		{"ip total length in header", edit(v4, setLen(2, 19)), 0, -1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, p := range onLinks(tt.data, max(tt.wire, len(tt.data))) {
				d, _ := datagramsOf()
				var g tcpip.Datagram
				ok := d.Decode(p, &g)
				if ok != (tt.want >= 0) || d.Stats().Malformed != tt.malformed {
					t.Fatalf("link %v: datagram %v, %d malformed, want %d bytes and %d malformed", p.Link, ok, d.Stats().Malformed, tt.want, tt.malformed)
				}
				if !ok {
					continue
				}
				if tt.name != "ethernet padding" && !bytes.Equal(g.Bytes, payload[:tt.want]) || len(g.Bytes) != tt.want {
					t.Errorf("link %v: payload = %x, want %d bytes of %x", p.Link, g.Bytes, tt.want, payload)
				}
				if int(g.Wire) < len(g.Bytes) || tt.wire == 0 && int(g.Wire) != len(g.Bytes) || tt.wire > 0 && g.Wire != 40 {
					t.Errorf("link %v: %d bytes on the wire, %d captured", p.Link, g.Wire, len(g.Bytes))
				}
			}
		})
	}
}

// What the link header calls IPv4 or IPv6 is not, if its own version is another.
func TestDatagramsOfOtherVersions(t *testing.T) {
	for _, tt := range []struct {
		said      uint16
		ip        []byte
		malformed int
	}{
		{0x0800, edit(pcap.UDP(client4, resolver4, nil), func(b []byte) { b[0] = 0x55 }), 1},
		{0x86dd, edit(pcap.UDP(client6, resolver6, nil), func(b []byte) { b[0] = 0x50 }), 0}, // a Decoder counts it
	} {
		d, _ := datagramsOf()
		var g tcpip.Datagram
		if d.Decode(packetOf(linktype.Ethernet, join(macs, words(tt.said), tt.ip)), &g) || d.Stats().Malformed != tt.malformed {
			t.Errorf("%#x: %+v, or a datagram", tt.said, d.Stats())
		}
	}
}

func TestDatagramTuple(t *testing.T) {
	d, points := datagramsOf()
	var g tcpip.Datagram
	if !d.Decode(packetOf(linktype.Raw, pcap.UDP(client6, resolver6, pattern(4))), &g) {
		t.Fatal("no datagram")
	}
	want := tcpip.Tuple{Proto: tcpip.ProtoUDP, Src: client6, Dst: resolver6}
	if g.Tuple() != want || g.Ref != (capture.Ref{Packet: 1}) || points.Len() != 1 {
		t.Errorf("%v %+v of %d points, want %v", g.Tuple(), g.Ref, points.Len(), want)
	}
}

// A datagram in fragments, in any order and cut anywhere, is the datagram.
func TestDatagramFragments(t *testing.T) {
	payload := pattern(600)
	options := behindOptions(17, pcap.UDP(client6, resolver6, payload))
	for _, tt := range []struct {
		name  string
		frags [][]byte
	}{
		{"ipv6 with options in the fragments", split6(options, 60, 200, 400)},
		{"ipv4", split4(pcap.UDP(client4, resolver4, payload), 200, 400)},
		{"ipv6", split6(pcap.UDP(client6, resolver6, payload), 17, 200, 400)},
	} {
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			d, _ := datagramsOf()
			var g tcpip.Datagram
			var refs []capture.Ref
			for i, k := range order {
				p := packetOf(linktype.Raw, tt.frags[k])
				p.Ref.Packet = uint32(i + 1)
				ok := d.Decode(p, &g)
				if ok != (i == 2) {
					t.Fatalf("%s %v: datagram %v at fragment %d", tt.name, order, ok, i)
				}
				refs = append(refs, p.Ref)
			}
			if !bytes.Equal(g.Bytes, payload) || g.Ref != refs[2] || len(g.Parts) != 2 || g.Parts[0] != refs[0] || g.Parts[1] != refs[1] {
				t.Errorf("%s %v: %d bytes, packet %v with %v", tt.name, order, len(g.Bytes), g.Ref, g.Parts)
			}
		}
	}
}

// behindOptions puts destination options before the given header of an IPv6
// packet.
func behindOptions(next byte, ip []byte) []byte {
	ip = join(ip[:40], []byte{next, 0, 1, 4, 0, 0, 0, 0}, ip[40:])
	ip[6] = 60
	setLen(4, len(ip)-40)(ip)
	return ip
}

// What is in the fragments shows only when all have come.
func TestDatagramFragmentsRefused(t *testing.T) {
	tcp := ipPacket(&tcpip.Header{Src: client6, Dst: resolver6})
	udp := pcap.UDP(client6, resolver6, pattern(40))
	for _, tt := range []struct {
		name      string
		frags     [][]byte
		malformed int
	}{
		{"other port", split4(pcap.UDP(client4, server4, pattern(40)), 16), 0},
		{"tcp to the port, behind options", split6(behindOptions(6, tcp), 60, 16), 0},
		{"length too long, behind options", split6(behindOptions(17, edit(udp, setLen(44, 49))), 60, 16), 1},
	} {
		d, _ := datagramsOf()
		var g tcpip.Datagram
		for i, frag := range tt.frags {
			if d.Decode(packetOf(linktype.Raw, frag), &g) {
				t.Errorf("%s: a datagram at fragment %d", tt.name, i)
			}
		}
		if st := d.Stats(); st.Malformed != tt.malformed || st.FragmentsPending != 0 {
			t.Errorf("%s: %+v", tt.name, st)
		}
	}
}

// Fragments of TCP are none of a DatagramDecoder's, and the other way round.
func TestDatagramFragmentsApart(t *testing.T) {
	d, _ := datagramsOf()
	tcp, points := decoderOf()
	_ = points
	var g tcpip.Datagram
	var s tcpip.Segment
	tf, uf := split4(longPacket(false, 600), 200), split4(pcap.UDP(client4, resolver4, pattern(600)), 200)
	for i := range 2 {
		for _, frag := range [][]byte{tf[i], uf[i]} {
			p := packetOf(linktype.Raw, frag)
			isTCP, isUDP := tcp.Decode(p, &s), d.Decode(p, &g)
			if isTCP != (i == 1 && frag[9] == 6) || isUDP != (i == 1 && frag[9] == 17) {
				t.Errorf("fragment %d of protocol %d: segment %v, datagram %v", i, frag[9], isTCP, isUDP)
			}
		}
	}
}

func TestDatagramSecondCopy(t *testing.T) {
	d, _ := datagramsOf()
	query := join(make([]byte, 12), words(0x0800), pcap.UDP(netip.MustParseAddrPort("10.244.1.10:4000"), netip.MustParseAddrPort("127.0.0.1:15053"), pattern(30)))
	var g tcpip.Datagram
	for i, want := range []bool{false, true, false} {
		p := packetOf(linktype.Ethernet, query)
		p.Time = capture.Time(int64(i) * 1000)
		if !d.Decode(p, &g) || g.Dup != want {
			t.Errorf("copy %d: dup %v, want %v", i, g.Dup, want)
		}
	}
}

func TestDatagramsDoNotAllocate(t *testing.T) {
	d, _ := datagramsOf()
	lo := join(make([]byte, 12), words(0x0800), pcap.UDP(client4, resolver4, pattern(60)))
	packets := []*capture.Packet{packetOf(linktype.Ethernet, lo), packetOf(linktype.Raw, pcap.UDP(client6, resolver6, pattern(60))), packetOf(linktype.Raw, ip4())}
	for i, p := range packets {
		p.Ref.Input = uint32(i)
	}
	var g tcpip.Datagram
	if n := testing.AllocsPerRun(1000, func() {
		for _, p := range packets {
			d.Decode(p, &g)
		}
	}); n != 0 {
		t.Errorf("Decode allocates %v times", n)
	}
}

// udpSum returns the checksum that gopacket computes for an IP packet.
func udpSum(t *testing.T, ip []byte) uint16 {
	t.Helper()
	first := gopacket.LayerType(layers.LayerTypeIPv4)
	if ip[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	pkt := gopacket.NewPacket(ip, first, gopacket.Default)
	u := pkt.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if err := u.SetNetworkLayerForChecksum(pkt.NetworkLayer()); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{ComputeChecksums: true}, u, gopacket.Payload(u.Payload)); err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.Uint16(b.Bytes()[6:])
}

func TestRewriteUDP(t *testing.T) {
	lo := netip.MustParseAddrPort("127.0.0.1:15053")
	zero := pcap.UDP(client4, resolver4, pattern(31))
	for i := range 1 << 16 { // a payload whose checksum comes out as 0 after rewriting
		binary.BigEndian.PutUint16(zero[30:], uint16(i))
		if udpSum(t, zero) == 0 {
			break
		}
	}
	if udpSum(t, zero) != 0 {
		t.Fatal("no payload has the checksum 0")
	}
	for _, tt := range []struct {
		name     string
		ip       []byte
		l4       int
		src, dst netip.AddrPort
	}{
		{"ipv4", pcap.UDP(client4, lo, pattern(31)), 20, client4, resolver4},
		{"ipv6", pcap.UDP(client6, netip.MustParseAddrPort("[::1]:15053"), pattern(31)), 40, client6, resolver6},
		{"client's port too", pcap.UDP(client4, lo, pattern(8)), 20, netip.AddrPortFrom(client4.Addr(), 7), resolver4},
		{"comes out as zero", zero, 20, client4, resolver4},
	} {
		for _, c := range []struct {
			name   string
			before func(ip []byte, at int) // makes the checksum
			want   func(ip []byte) uint16
		}{
			{"right", func(ip []byte, at int) { binary.BigEndian.PutUint16(ip[at:], udpSum(t, ip)) }, func(ip []byte) uint16 {
				if s := udpSum(t, ip); s != 0 {
					return s
				}
				return 0xffff
			}},
			{"none", func(ip []byte, at int) { binary.BigEndian.PutUint16(ip[at:], 0) }, func([]byte) uint16 { return 0 }},
			{"partial", func(ip []byte, at int) { binary.BigEndian.PutUint16(ip[at:], pseudoSum(ip)) }, pseudoSum},
		} {
			ip := bytes.Clone(tt.ip)
			if tt.name == "comes out as zero" { // it had other addresses before
				if err := tcpip.RewriteUDP(ip, tt.l4, client4, lo); err != nil {
					t.Fatal(err)
				}
			}
			c.before(ip, tt.l4+6)
			if err := tcpip.RewriteUDP(ip, tt.l4, tt.src, tt.dst); err != nil {
				t.Fatal(err)
			}
			d, _ := datagramsOf()
			var g tcpip.Datagram
			if !d.Decode(packetOf(linktype.Raw, ip), &g) || g.Tuple().Src != tt.src || g.Tuple().Dst != tt.dst {
				t.Errorf("%s: %v, want %v > %v", tt.name, g.Tuple(), tt.src, tt.dst)
			}
			if got, want := binary.BigEndian.Uint16(ip[tt.l4+6:]), c.want(ip); got != want {
				t.Errorf("%s, %s checksum: %#04x, want %#04x", tt.name, c.name, got, want)
			}
			if tt.l4 == 20 && tcpip.Checksum(ip[:20]) != 0 {
				t.Errorf("%s: wrong checksum of the ip header", tt.name)
			}
		}
	}
}

// pseudoSum is the sum over the pseudo header alone, as the kernel leaves it
// when the network card is to complete the checksum.
func pseudoSum(ip []byte) uint16 {
	addrs, n := ip[12:20], len(ip)-20
	if ip[0]>>4 == 6 {
		addrs, n = ip[8:40], len(ip)-40
	}
	return ^slowSum(append(bytes.Clone(addrs), 0, 17, byte(n>>8), byte(n)))
}

func TestLocateUDP(t *testing.T) {
	ip := pcap.UDP(client4, resolver4, pattern(600))
	frags := split4(ip, 200)
	for _, tt := range []struct {
		name string
		data []byte
		l4   int
		ok   bool
	}{{"udp", ip, 20, true}, {"ipv6", pcap.UDP(client6, resolver6, nil), 40, true}, {"first fragment", frags[0], 20, true}, {"last fragment", frags[1], -1, true}, {"tcp", ip4(), 0, false}} {
		if _, l4, ok := tcpip.LocateUDP(linktype.Raw, tt.data); l4 != tt.l4 || ok != tt.ok {
			t.Errorf("%s: header at %d, %v; want %d, %v", tt.name, l4, ok, tt.l4, tt.ok)
		}
	}
}

// FuzzDatagram checks that a datagram lies inside its packet, and that LocateUDP
// and RewriteUDP agree with Decode.
func FuzzDatagram(f *testing.F) {
	f.Add(uint8(3), uint16(0), pcap.UDP(client4, resolver4, pattern(30)))
	f.Add(uint8(3), uint16(9), pcap.UDP(client6, resolver6, pattern(30)))
	f.Add(uint8(0), uint16(0), join(make([]byte, 12), words(0x0800), pcap.UDP(client4, resolver4, pattern(30))))
	f.Add(uint8(3), uint16(0), split4(pcap.UDP(client4, resolver4, pattern(90)), 64)[0])
	f.Fuzz(func(t *testing.T, link uint8, cut uint16, data []byte) {
		p := packetOf(fuzzLinks[int(link)%len(fuzzLinks)], data)
		p.WireLen += uint32(cut)
		d, points := datagramsOf()
		var g tcpip.Datagram
		if !d.Decode(p, &g) {
			return
		}
		if int(g.Wire) < len(g.Bytes) || int(g.Key.Point) >= points.Len() || g.Key.SrcPort != 53 && g.Key.SrcPort != 15053 && g.Key.DstPort != 53 && g.Key.DstPort != 15053 {
			t.Fatalf("%+v", g)
		}
		l3, l4, ok := tcpip.LocateUDP(p.Link, p.Data)
		if !ok || l4 < l3+20 || !bytes.Contains(p.Data[l4:], g.Bytes) {
			t.Fatalf("located at %d, %d: %v", l3, l4, ok)
		}
		want := tcpip.Tuple{Proto: tcpip.ProtoUDP, Src: client4, Dst: resolver4}
		if g.Key.Src.Netip().Is4() != g.Key.Dst.Netip().Is4() { // mapped addresses in IPv6
			return
		}
		if p.Data[l3]>>4 == 6 {
			want.Src, want.Dst = client6, resolver6
		}
		q := *p
		q.Data = bytes.Clone(p.Data)
		if err := tcpip.RewriteUDP(q.Data[l3:], l4-l3, want.Src, want.Dst); err != nil {
			t.Fatal(err)
		}
		var h tcpip.Datagram
		if e, _ := datagramsOf(); !e.Decode(&q, &h) || h.Tuple() != want || !bytes.Equal(h.Bytes, g.Bytes) {
			t.Fatalf("rewritten to %v, want %v", h.Tuple(), want)
		}
	})
}
