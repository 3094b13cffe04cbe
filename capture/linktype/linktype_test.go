package linktype_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// unhex returns bytes written in hexadecimal, with spaces where they help.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEthernetHeader(t *testing.T) {
	const (
		macs  = "02000000000b 02000000000a "
		none  = "000000000000 000000000000 "
		from  = "000000000000 02000000000a " // as cooked headers know it
		local = "020000000002 020000000001 "
	)
	tests := []struct {
		name string
		link linktype.Type
		data string
		want string
		next int
	}{
		{"ethernet", 1, macs + "0800 45", macs + "0800", 14},
		{"ethernet of lo", 1, none + "0800 45", none + "0800", 14},
		{"vlan", 1, macs + "8100 0005 0800", macs + "8100", 14},
		{"sll", 113, "0000 0001 0006 02000000000a0000 86dd", from + "86dd", 16},
		{"sll of lo", 113, "0000 0304 0006 02000000000a0000 0800", none + "0800", 16},
		{"sll vlan", 113, "0000 0001 0006 02000000000a0000 8100 0005 0800", from + "8100", 16},
		{"sll, 802.3", 113, "0000 0001 0006 02000000000a0000 0001", from + "0001", 16},
		{"sll2", 276, "0806 0000 00000002 0001 00 06 02000000000a0000", from + "0806", 20},
		{"sll2 of lo", 276, "0800 0000 00000001 0304 00 06 02000000000a0000", none + "0800", 20},
		{"sll2 of a tunnel", 276, "0800 0000 00000003 fffe 00 00 02000000000a0000", local + "0800", 20},
		{"null", 0, "1e000000", none + "86dd", 4},
		{"raw", 101, "60", local + "86dd", 0},
		{"ipv4", 228, "45", local + "0800", 0},
		{"cut ethernet", 1, macs + "08", none + "0000", -1},
		{"cut sll", 113, "0000 0001 0006 02000000000a0000 08", none + "0000", -1},
		{"cut sll2", 276, "0800 0000 00000001 0304 00 06 02000000000a00", none + "0000", -1},
		{"cut null", 0, "020000", none + "0000", -1},
		{"wifi", 105, macs + macs, none + "0000", -1},
		{"beyond the table", 65535, macs + macs, none + "0000", -1},
	}
	for _, tt := range tests {
		hdr, next := tt.link.EthernetHeader(unhex(t, tt.data))
		if want := unhex(t, tt.want); !bytes.Equal(hdr[:], want) || next != tt.next {
			t.Errorf("%s: %x, %d, want %x, %d", tt.name, hdr, next, want, tt.next)
		}
	}
}

func TestLinkTypeString(t *testing.T) {
	for link, want := range map[linktype.Type]string{
		linktype.Null: "NULL", linktype.Ethernet: "ETHERNET", linktype.RawBSD: "RAW", linktype.SLL2: "LINUX_SLL2",
		2: "2", 105: "105", 275: "275", 277: "277", 65535: "65535",
	} {
		if got := link.String(); got != want {
			t.Errorf("link type %d is called %s, want %s", uint16(link), got, want)
		}
	}
}

// What is told of a type beside its name.
func TestTypes(t *testing.T) {
	type facts struct {
		name                           string
		len                            int
		cooked, bare, tunnels, indexed bool
	}
	for link, want := range map[linktype.Type]facts{
		linktype.Null:     {name: "NULL", tunnels: true},
		linktype.Ethernet: {name: "ETHERNET", len: 14},
		linktype.RawBSD:   {name: "RAW", bare: true},
		linktype.RawOBSD:  {name: "RAW", bare: true},
		linktype.Raw:      {name: "RAW", bare: true},
		linktype.Loop:     {name: "LOOP", tunnels: true},
		linktype.SLL:      {name: "LINUX_SLL", len: 16, cooked: true},
		linktype.IPv4:     {name: "IPV4", bare: true},
		linktype.IPv6:     {name: "IPV6", bare: true},
		linktype.SLL2:     {name: "LINUX_SLL2", len: 20, cooked: true, indexed: true},
		105:               {name: "105"},
		277:               {name: "277"},
	} {
		if got := (facts{link.String(), link.HeaderLen(), link.Cooked(), link.Bare(), link.Tunnels(), link.Indexed()}); got != want {
			t.Errorf("link type %d: %+v, want %+v", uint16(link), got, want)
		}
	}
}
