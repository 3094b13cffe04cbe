package tcpip_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// tcpWith returns an IPv4 packet whose TCP header has the given options, which
// are a multiple of 4 bytes long, and flags.
func tcpWith(flags byte, opts ...byte) []byte {
	v4 := ip4()
	ip := join(v4[:40], opts, []byte("hello"))
	ip[32], ip[33] = byte(20+len(opts))<<2, flags
	setLen(2, len(ip))(ip)
	return ip
}

func TestDecodeTCPOptions(t *testing.T) {
	const syn, ack = tcpip.FlagSYN, tcpip.FlagACK
	type facts struct {
		mss          uint16
		wscale       int8
		hasTS        bool
		tsval, tsecr uint32
	}
	tests := []struct {
		name  string
		flags byte
		opts  []byte
		want  facts
	}{
		{"none", syn, nil, facts{0, -1, false, 0, 0}},
		{"linux syn", syn, []byte{2, 4, 0xff, 0xd7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7}, facts{65495, 7, true, 1, 0}},
		{"mss and shift of a segment without syn", ack, []byte{2, 4, 5, 180, 3, 3, 7, 1}, facts{0, -1, false, 0, 0}},
		{"mss behind timestamps", syn, []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 2, 4, 5, 180}, facts{1460, -1, true, 1, 2}},
		{"timestamps in odd order", ack, []byte{8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1}, facts{0, -1, true, 1, 2}},
		{"timestamps and sack", ack, []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 10, 1, 2, 3, 4, 5, 6, 7, 8}, facts{0, -1, true, 1, 2}},
		{"shift of 15 counts as 14", syn, []byte{3, 3, 15, 0}, facts{0, 14, false, 0, 0}},
		{"end of options", syn, []byte{0, 2, 4, 5, 2, 4, 5, 180}, facts{0, -1, false, 0, 0}},
		{"length 0", syn, []byte{3, 3, 2, 9, 0, 2, 4, 5}, facts{0, 2, false, 0, 0}},
		{"length 1", syn, []byte{3, 3, 2, 9, 1, 2, 4, 5}, facts{0, 2, false, 0, 0}},
		{"length beyond the header", syn, []byte{3, 3, 2, 8, 40, 0, 0, 0}, facts{0, 2, false, 0, 0}},
		{"kind without length", syn, []byte{3, 3, 2, 8}, facts{0, 2, false, 0, 0}},
		{"short timestamps", syn, []byte{8, 6, 1, 2, 3, 4, 1, 1}, facts{0, -1, false, 0, 0}},
		{"mss of 3 bytes", syn, []byte{2, 5, 5, 180, 0, 1, 1, 1}, facts{0, -1, false, 0, 0}},
		{"shift of 2 bytes", syn, []byte{3, 4, 7, 7}, facts{0, -1, false, 0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ip := tcpWith(tt.flags, tt.opts...)
			s, st := decodeRaw(t, ip, len(ip))
			if s == nil {
				t.Fatalf("no segment: %+v", st)
			}
			if got := (facts{s.MSS, s.WScale, s.HasTS, s.TSVal, s.TSEcr}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if string(s.Bytes) != "hello" || s.Wire != 5 {
				t.Errorf("payload %q of %d bytes", s.Bytes, s.Wire)
			}
		})
	}
}

func TestDecodeTCPOptionsCutBySnaplen(t *testing.T) {
	ip := tcpWith(tcpip.FlagSYN, 2, 4, 5, 180, 1, 3, 3, 7, 1, 1, 1, 1)
	s, _ := decodeRaw(t, ip[:46], len(ip))
	if s == nil || s.MSS != 1460 || s.WScale != -1 || s.Wire != 5 || len(s.Bytes) != 0 || s.Data != 46 {
		t.Errorf("segment %+v", s)
	}
}

func TestDecodeTCPRefuses(t *testing.T) {
	for name, f := range map[string]func([]byte){
		"data offset 4":               func(b []byte) { b[32] = 0x40 },
		"data offset above segment":   func(b []byte) { b[32] = 0xf0 },
		"total length inside tcp":     setLen(2, 39),
		"total length without tcp":    setLen(2, 20),
		"offset above a short length": func(b []byte) { setLen(2, 40)(b) },
	} {
		ip := edit(ip4(), f)
		if s, st := decodeRaw(t, ip, len(ip)); s != nil || st.Malformed != 1 {
			t.Errorf("%s: segment %v, %+v", name, s, st)
		}
	}
}

func TestDecodeKeepsNineFlags(t *testing.T) {
	for flags := range uint16(0x200) {
		ip := tcpWith(byte(flags))
		ip[32] |= byte(flags>>8) | 0x0e // reserved bits are none of them
		s, _ := decodeRaw(t, ip, len(ip))
		if s == nil || s.Flags != flags {
			t.Fatalf("flags %#x: segment %+v", flags, s)
		}
	}
}

func TestDecodeResetsTheSegment(t *testing.T) {
	d, _ := decoderOf()
	var s, fresh tcpip.Segment
	syn := tcpWith(tcpip.FlagSYN, 2, 4, 5, 180, 1, 3, 3, 7, 1, 1, 8, 10, 1, 1, 1, 1, 2, 2, 2, 2)
	bare := tcpWith(tcpip.FlagACK)
	for _, ip := range [][]byte{syn, ip6(), bare} {
		if !d.Decode(packetOf(linktype.Raw, ip), &s) {
			t.Fatal("no segment")
		}
	}
	d2, _ := decoderOf()
	d2.Decode(packetOf(linktype.Raw, bare), &fresh)
	if s.MSS != 0 || s.WScale != -1 || s.HasTS || s.TSVal != 0 || s.TSEcr != 0 || s.Key != fresh.Key || s.Parts != nil {
		t.Errorf("left over: %+v, want %+v", s, fresh)
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	d, _ := decoderOf()
	eth4 := join(macs, words(0x0800), ip4())
	lo6 := join(make([]byte, 12), words(0x86dd), ip6())
	sll2 := join(sll2Header(0x0800, 2, 1, 0), ip4())
	other := join(sll2Header(0x0800, 3, 1, 0), ip4())
	packets := []*capture.Packet{
		packetOf(linktype.Ethernet, eth4), packetOf(linktype.Ethernet, lo6), packetOf(linktype.Raw, extended(0, []byte{6, 0, 1, 4, 0, 0, 0, 0})),
		packetOf(linktype.SLL2, sll2), packetOf(linktype.SLL2, other), packetOf(linktype.Raw, udp4()),
	}
	for i, p := range packets {
		p.Ref.Input = uint32(i / 2)
	}
	var s tcpip.Segment
	if n := testing.AllocsPerRun(1000, func() {
		for _, p := range packets {
			d.Decode(p, &s)
		}
	}); n != 0 {
		t.Errorf("Decode allocates %v times", n)
	}
}
