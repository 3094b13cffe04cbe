package linktype_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

func ExampleType_Network() {
	packet := append([]byte{2, 0, 0, 0}, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 6, 10, 244, 1, 10)
	l3, typ := linktype.Null.Network(packet)
	if typ == linktype.EtherIPv4 {
		fmt.Println("from", netip.AddrFrom4([4]byte(packet[l3+12:])))
	}
	// Output: from 127.0.0.6
}

func TestHeaders(t *testing.T) {
	const macs = "02000000000b 02000000000a "
	tests := []struct {
		name      string
		link      linktype.Type
		data      string
		l3        int
		typ       uint16
		loop      bool
		index     uint32
		direction uint32
		guess     string
	}{
		{"ethernet", linktype.Ethernet, macs + "0800", 14, 0x0800, false, 0, 0, "eth0"},
		{"ethernet of lo", linktype.Ethernet, "000000000000 000000000000 86dd", 14, 0x86dd, true, 0, 0, "lo"},
		{"two tags", linktype.Ethernet, macs + "88a8 0005 8100 0006 0800", 22, 0x0800, false, 0, 0, "eth0"},
		{"802.3", linktype.Ethernet, macs + "0002", 14, linktype.Other, false, 0, 0, "eth0"},
		{"cut tag", linktype.Ethernet, macs + "8100 0005 08", 0, linktype.Cut, false, 0, 0, "eth0"},
		{"sll, inbound", linktype.SLL, "0000 0001 0006 02000000000a0000 0800", 16, 0x0800, false, 0, linktype.Inbound, "eth"},
		{"sll of lo, outbound", linktype.SLL, "0004 0304 0006 02000000000a0000 0800", 16, 0x0800, true, 0, linktype.Outbound, "lo"},
		{"sll2, outbound", linktype.SLL2, "0800 0000 00011170 0001 04 06 02000000000a0000", 20, 0x0800, false, 70000, linktype.Outbound, "if70000"},
		{"sll2 of lo by index", linktype.SLL2, "86dd 0000 00000001 0001 00 06 02000000000a0000", 20, 0x86dd, true, 1, linktype.Inbound, "lo"},
		{"null", linktype.Null, "02000000", 4, 0x0800, true, 0, 0, "lo"},
		{"loop of Darwin", linktype.Loop, "0000001e", 4, 0x86dd, true, 0, 0, "lo"},
		{"null, ipx", linktype.Null, "17000001", 4, linktype.Other, true, 0, 0, "lo"},
		{"cut null", linktype.Null, "020000", 0, linktype.Cut, true, 0, 0, "lo"},
		{"raw", linktype.Raw, "60", 0, 0x86dd, false, 0, 0, "ip"},
		{"raw, version 5", linktype.IPv4, "55", 0, linktype.Other, false, 0, 0, "ip"},
		{"raw without bytes", linktype.RawBSD, "", 0, linktype.Cut, false, 0, 0, "ip"},
		{"wifi", 105, macs, 0, linktype.Unknown, false, 0, 0, ""},
		{"beyond the table", 65535, macs, 0, linktype.Unknown, false, 0, 0, ""},
	}
	for _, tt := range tests {
		data := unhex(t, tt.data)
		if l3, typ := tt.link.Network(data); l3 != tt.l3 || typ != tt.typ {
			t.Errorf("%s: Network = %d, %#x, want %d, %#x", tt.name, l3, typ, tt.l3, tt.typ)
		}
		loop, index := tt.link.Loopback(data)
		if loop != tt.loop || index != tt.index {
			t.Errorf("%s: Loopback = %v, %d, want %v, %d", tt.name, loop, index, tt.loop, tt.index)
		}
		if got := tt.link.Direction(data); got != tt.direction {
			t.Errorf("%s: Direction = %d, want %d", tt.name, got, tt.direction)
		}
		if got := tt.link.Guess(loop, index); got != tt.guess {
			t.Errorf("%s: Guess = %q, want %q", tt.name, got, tt.guess)
		}
	}
}

// FuzzNetwork holds that what Network finds lies inside the packet, and that
// the header it found is whole for the methods that ask for that.
func FuzzNetwork(f *testing.F) {
	for _, link := range []linktype.Type{0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 105} {
		f.Add(uint16(link), []byte("\x08\x00\x00\x00\x00\x00\x00\x02\x00\x01\x04\x06\x81\x00\x00\x05\x08\x00\x45\x00\x00\x14"))
	}
	f.Fuzz(func(t *testing.T, number uint16, b []byte) {
		link := linktype.Type(number)
		l3, typ := link.Network(b)
		if l3 < 0 || l3 > len(b) {
			t.Fatalf("%v: IP header at %d of %d bytes", link, l3, len(b))
		}
		if _, next := link.EthernetHeader(b); next > l3 && typ != linktype.Cut {
			t.Errorf("%v: what follows the header is at %d, the IP header at %d", link, next, l3)
		}
		if typ != linktype.Cut && typ != linktype.Unknown {
			link.Loopback(b)
			link.Direction(b)
		}
	})
}

// The bounds of what Network finds.
func TestNetworkBounds(t *testing.T) {
	const macs = "02000000000b 02000000000a "
	for _, tt := range []struct {
		name string
		link linktype.Type
		data string
		l3   int
		typ  uint16
	}{
		{"the longest length of 802.3", linktype.Ethernet, macs + "05ff", 14, linktype.Other},
		{"the least EtherType", linktype.Ethernet, macs + "0600", 14, 0x0600},
		{"ARP", linktype.Ethernet, macs + "0806", 14, 0x0806},
		{"an old tag of providers", linktype.Ethernet, macs + "9100 0005 86dd", 18, 0x86dd},
		{"a tag on a length", linktype.Ethernet, macs + "8100 0005 0010", 18, linktype.Other},
		{"a tag that fits", linktype.Ethernet, macs + "8100 0005 0800", 18, 0x0800},
		{"a tag that lacks a byte", linktype.Ethernet, macs + "8100 0005 08", 0, linktype.Cut},
		{"a header that fits", linktype.SLL, "0000 0001 0006 02000000000a0000 0800", 16, 0x0800},
		{"a header that lacks a byte", linktype.SLL, "0000 0001 0006 02000000000a0000 08", 0, linktype.Cut},
		{"version 4", linktype.Raw, "4f", 0, 0x0800},
		{"version 6", linktype.Raw, "6f", 0, 0x86dd},
		{"version 0", linktype.Raw, "04", 0, linktype.Other},
	} {
		if l3, typ := tt.link.Network(unhex(t, tt.data)); l3 != tt.l3 || typ != tt.typ {
			t.Errorf("%s: Network = %d, %#x, want %d, %#x", tt.name, l3, typ, tt.l3, tt.typ)
		}
	}
}

// Address families are numbers of many systems, in the byte order of any.
func TestFamilies(t *testing.T) {
	known := map[uint32]uint16{2: 0x0800, 10: 0x86dd, 23: 0x86dd, 24: 0x86dd, 28: 0x86dd, 30: 0x86dd}
	for f := range uint32(40) {
		want, ok := known[f]
		if !ok {
			want = linktype.Other
		}
		for _, data := range [][]byte{{byte(f), 0, 0, 0}, {0, 0, 0, byte(f)}} {
			if l3, typ := linktype.Null.Network(data); l3 != 4 || typ != want {
				t.Errorf("family %x: Network = %d, %#x, want 4, %#x", data, l3, typ, want)
			}
		}
	}
	for _, data := range [][]byte{{2, 0, 1, 0}, {0, 1, 0, 2}, {2, 1, 0, 0}, {0, 0, 1, 2}, {1, 0, 0, 2}} {
		if _, typ := linktype.Null.Network(data); typ != linktype.Other {
			t.Errorf("family %x: Network finds %#x, want nothing known", data, typ)
		}
	}
}

// Every byte of both addresses counts for the mark of loopback.
func TestLoopbackBounds(t *testing.T) {
	for i := range 12 {
		frame := make([]byte, 14)
		frame[i] = 1
		if loop, _ := linktype.Ethernet.Loopback(frame); loop {
			t.Errorf("a frame with an address byte at %d is marked as loopback", i)
		}
	}
	if loop, _ := linktype.Ethernet.Loopback(append(make([]byte, 12), 8, 0)); !loop {
		t.Error("a frame without addresses bears no mark of loopback")
	}
	for _, tt := range []struct {
		name  string
		link  linktype.Type
		data  string
		loop  bool
		index uint32
	}{
		{"hardware of lo", linktype.SLL, "0000 0304 0006 02000000000a0000 0800", true, 0},
		{"hardware beside it", linktype.SLL, "0000 0303 0006 02000000000a0000 0800", false, 0},
		{"packet type like it", linktype.SLL, "0304 0001 0006 02000000000a0000 0800", false, 0},
		{"no index", linktype.SLL2, "0800 0000 00000000 0001 00 06 02000000000a0000", false, 0},
		{"index of lo", linktype.SLL2, "0800 0000 00000001 0001 00 06 02000000000a0000", true, 1},
		{"index after it", linktype.SLL2, "0800 0000 00000002 0001 00 06 02000000000a0000", false, 2},
		{"hardware of lo, another index", linktype.SLL2, "0800 0000 01020304 0304 00 06 02000000000a0000", true, 0x01020304},
	} {
		if loop, index := tt.link.Loopback(unhex(t, tt.data)); loop != tt.loop || index != tt.index {
			t.Errorf("%s: Loopback = %v, %d, want %v, %d", tt.name, loop, index, tt.loop, tt.index)
		}
	}
}

// Of Linux's packet types only one goes out.
func TestDirections(t *testing.T) {
	for kind := range byte(8) {
		want := uint32(linktype.Inbound)
		if kind == 4 {
			want = linktype.Outbound
		}
		sll, sll2 := make([]byte, 16), make([]byte, 20)
		sll[1], sll2[10] = kind, kind
		if a, b := linktype.SLL.Direction(sll), linktype.SLL2.Direction(sll2); a != want || b != want {
			t.Errorf("packet type %d: %d and %d, want %d", kind, a, b, want)
		}
	}
}

// A cooked header's sender becomes an address of Ethernet if it is one.
func TestSenderOfEthernetHeader(t *testing.T) {
	for _, length := range []byte{0, 5, 6, 7, 8} {
		data := unhex(t, "0000 0001 0000 0a0b0c0d0e0f0000 0800")
		data[5] = length
		want := unhex(t, "020000000002 020000000001 0800")
		if length == 6 {
			want = unhex(t, "000000000000 0a0b0c0d0e0f 0800")
		}
		if hdr, next := linktype.SLL.EthernetHeader(data); next != 16 || string(hdr[:]) != string(want) {
			t.Errorf("sender of %d bytes: %x, %d, want %x, 16", length, hdr, next, want)
		}
	}
}
