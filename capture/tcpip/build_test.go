package tcpip_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

var (
	client4 = netip.MustParseAddrPort("192.0.2.10:47254")
	server4 = netip.MustParseAddrPort("10.244.2.20:8080")
	client6 = netip.MustParseAddrPort("[2001:db8::10]:47254")
	server6 = netip.MustParseAddrPort("[fd00:10:244::20]:8080")

	macA = [6]byte{2, 0, 0, 0, 0, 0xa}
	macB = [6]byte{2, 0, 0, 0, 0, 0xb}
)

// gopacketFrame builds what AppendTCP should build, with gopacket.
func gopacketFrame(t testing.TB, h *tcpip.Header, payload []byte) []byte {
	t.Helper()
	eth := &layers.Ethernet{SrcMAC: h.SrcMAC[:], DstMAC: h.DstMAC[:], EthernetType: layers.EthernetTypeIPv4}
	var network gopacket.SerializableLayer
	tcp := &layers.TCP{
		SrcPort: layers.TCPPort(h.Src.Port()), DstPort: layers.TCPPort(h.Dst.Port()), Seq: h.Seq, Ack: h.Ack, Window: h.Window,
		FIN: h.Flags&1 != 0, SYN: h.Flags&2 != 0, RST: h.Flags&4 != 0, PSH: h.Flags&8 != 0, ACK: h.Flags&16 != 0,
		URG: h.Flags&32 != 0, ECE: h.Flags&64 != 0, CWR: h.Flags&128 != 0, NS: h.Flags&256 != 0,
		Options: gopacketOptions(h),
	}
	if h.Src.Addr().Is4() {
		ip := &layers.IPv4{
			Version: 4, Id: h.IPID, Flags: layers.IPv4DontFragment, TTL: max(h.TTL, 1), Protocol: layers.IPProtocolTCP,
			SrcIP: h.Src.Addr().AsSlice(), DstIP: h.Dst.Addr().AsSlice(),
		}
		check(t, tcp.SetNetworkLayerForChecksum(ip))
		network = ip
	} else {
		ip := &layers.IPv6{
			Version: 6, NextHeader: layers.IPProtocolTCP, HopLimit: h.TTL,
			SrcIP: h.Src.Addr().AsSlice(), DstIP: h.Dst.Addr().AsSlice(),
		}
		eth.EthernetType = layers.EthernetTypeIPv6
		check(t, tcp.SetNetworkLayerForChecksum(ip))
		network = ip
	}
	buf := gopacket.NewSerializeBuffer()
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	check(t, gopacket.SerializeLayers(buf, opts, eth, network, tcp, gopacket.Payload(payload)))
	frame := bytes.Clone(buf.Bytes())
	if h.Src.Addr().Is4() { // gopacket pads to 60 bytes
		frame = frame[:14+int(binary.BigEndian.Uint16(frame[16:]))]
	}
	return frame
}

func gopacketOptions(h *tcpip.Header) []layers.TCPOption {
	var opts []layers.TCPOption
	add := func(kind layers.TCPOptionKind, data ...byte) {
		opts = append(opts, layers.TCPOption{OptionType: kind, OptionLength: uint8(len(data) + 2), OptionData: data})
	}
	nop := layers.TCPOption{OptionType: layers.TCPOptionKindNop, OptionLength: 1}
	if h.Flags&tcpip.FlagSYN != 0 && h.MSS > 0 {
		add(layers.TCPOptionKindMSS, byte(h.MSS>>8), byte(h.MSS))
	}
	if h.Flags&tcpip.FlagSYN != 0 && h.WScale >= 0 {
		opts = append(opts, nop)
		add(layers.TCPOptionKindWindowScale, byte(h.WScale))
	}
	if h.HasTS {
		opts = append(opts, nop, nop)
		v, e := h.TSVal, h.TSEcr
		add(layers.TCPOptionKindTimestamps, byte(v>>24), byte(v>>16), byte(v>>8), byte(v), byte(e>>24), byte(e>>16), byte(e>>8), byte(e))
	}
	return opts
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAppendTCPAgreesWithGopacket(t *testing.T) {
	syn := tcpip.Header{Flags: tcpip.FlagSYN, Seq: 1, Window: 64240, MSS: 1460, WScale: 7, TTL: 64, IPID: 9, HasTS: true, TSVal: 0x01020304}
	data := tcpip.Header{Flags: 0x1ff, Seq: 0xfffffff0, Ack: 7, Window: 501, MSS: 1460, TTL: 1, HasTS: true, TSVal: 5, TSEcr: 6}
	bare := tcpip.Header{Flags: tcpip.FlagSYN, WScale: -1, TTL: 255}
	unscaled := tcpip.Header{Flags: tcpip.FlagSYN, WScale: 0, TTL: 64}
	for name, h := range map[string]tcpip.Header{"syn": syn, "data": data, "bare": bare, "unscaled": unscaled} {
		for _, n := range []int{0, 1, 2, 31, 32, 33, 1447, 1448, 65000} {
			for _, ends := range [][2]netip.AddrPort{{client4, server4}, {client6, server6}} {
				h.SrcMAC, h.DstMAC, h.Src, h.Dst = macA, macB, ends[0], ends[1]
				payload := pattern(n)
				got := tcpip.AppendTCP([]byte("before"), &h, payload)
				want := append([]byte("before"), gopacketFrame(t, &h, payload)...)
				if !bytes.Equal(got, want) {
					t.Fatalf("%s %v, %d bytes of payload:\n got %x\nwant %x", name, h.Src, n, got[:min(len(got), 100)], want[:min(len(want), 100)])
				}
			}
		}
	}
}

// pattern returns n bytes that differ from those at nearby offsets.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestAppendTCPDoesNotAllocate(t *testing.T) {
	h := tcpip.Header{Src: client6, Dst: server6, Flags: tcpip.FlagACK, HasTS: true}
	buf, payload := make([]byte, 0, 2048), pattern(1400)
	if n := testing.AllocsPerRun(100, func() { buf = tcpip.AppendTCP(buf[:0], &h, payload) }); n != 0 {
		t.Errorf("AppendTCP allocates %v times", n)
	}
}

func TestAppendTCPUnmapsAddresses(t *testing.T) {
	h := tcpip.Header{Src: client4, Dst: server4}
	want := tcpip.AppendTCP(nil, &h, nil)
	h.Dst = netip.AddrPortFrom(netip.AddrFrom16(server4.Addr().As16()), server4.Port())
	if got := tcpip.AppendTCP(nil, &h, nil); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// A length that does not fit is 0, and the packet is read all the same.
func TestAppendTCPBeyond64KiB(t *testing.T) {
	for _, h := range []tcpip.Header{{Src: client4, Dst: server4}, {Src: client6, Dst: server6}} {
		at, of := 16, 40 // where the length stands in the frame, and the headers that it counts
		if h.Src == client6 {
			at, of = 18, 20
		}
		for _, n := range []int{65535 - 40, 65535 - 20, 65535, 100000} {
			data := tcpip.AppendTCP(nil, &h, pattern(n))
			want := n + of
			if want > 65535 {
				want = 0
			}
			if got := int(binary.BigEndian.Uint16(data[at:])); got != want {
				t.Errorf("%v, %d bytes of payload: length %d, want %d", h.Src, n, got, want)
			}
			d, _ := decoderOf()
			var s tcpip.Segment
			if !d.Decode(packetOf(linktype.Ethernet, data), &s) || !bytes.Equal(s.Bytes, pattern(n)) {
				t.Errorf("%v, %d bytes of payload: decoded %d", h.Src, n, len(s.Bytes))
			}
		}
	}
}

func TestAppendTCPPanicsWithoutAddresses(t *testing.T) {
	for _, h := range []tcpip.Header{{}, {Src: client4}, {Src: client6}, {Dst: server6}, {Src: client4, Dst: server6}, {Src: client6, Dst: server4}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v > %v: no panic", h.Src, h.Dst)
				}
			}()
			tcpip.AppendTCP(nil, &h, nil)
		}()
	}
}
