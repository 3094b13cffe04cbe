package capture

import "strconv"

// A LinkType is a LINKTYPE_ number of tcpdump.org/linktypes.html. It is wider
// than gopacket's layers.LinkType, which is a uint8 and turns SLL2 (276) into 20.
type LinkType uint16

// The link types this package can decode.
const (
	LinkNull     LinkType = 0   // 4-byte address family in the byte order of the capturing host
	LinkEthernet LinkType = 1   // also loopback on Linux, with all-zero addresses
	LinkRawBSD   LinkType = 12  // raw IP, as DLT_RAW on most systems
	LinkRawOBSD  LinkType = 14  // raw IP, as DLT_RAW on OpenBSD
	LinkRaw      LinkType = 101 // raw IPv4 or IPv6
	LinkLoop     LinkType = 108 // 4-byte address family in network byte order
	LinkSLL      LinkType = 113 // Linux cooked capture v1
	LinkIPv4     LinkType = 228
	LinkIPv6     LinkType = 229
	LinkSLL2     LinkType = 276 // Linux cooked capture v2: tcpdump's default for -i any
)

var linkNames = map[LinkType]string{
	LinkNull: "NULL", LinkEthernet: "ETHERNET", LinkRawBSD: "RAW", LinkRawOBSD: "RAW", LinkRaw: "RAW", LinkLoop: "LOOP",
	LinkSLL: "LINUX_SLL", LinkIPv4: "IPV4", LinkIPv6: "IPV6", LinkSLL2: "LINUX_SLL2",
}

// String returns the name of the link type without its prefix LINKTYPE_, and
// of one that is not known the number.
func (l LinkType) String() string {
	if s, ok := linkNames[l]; ok {
		return s
	}
	return strconv.Itoa(int(l))
}

// A Ref names a packet: the input it stands in and its number there.
// It is comparable; the zero Ref names no packet.
type Ref struct {
	Input  uint32 // 0-based, in the order the inputs were given
	Packet uint32 // 1-based, as in Wireshark's "No." column
}

// A Packet is one captured packet. Reader.Next reuses it: it and its bytes are
// valid until the next call to Next; copy Data with bytes.Clone to keep it.
type Packet struct {
	Ref       Ref
	Nanos     int64    // capture time, nanoseconds since 1970-01-01 UTC
	Offset    int64    // of the packet record in the uncompressed file
	Interface int      // index into Reader.Interfaces
	Link      LinkType // of the interface, repeated here for the decoder
	WireLen   uint32   // bytes on the wire, ≥ len(Data)
	Data      []byte   // not owned
	Flags     uint32   // pcapng epb_flags (bits 0-1: 1 inbound, 2 outbound); 0 when unknown
	Comments  []string // pcapng opt_comment, in file order; nil in almost every packet
}

// An Interface describes where packets of an input were captured. The fields
// are those of a pcapng interface description block; a classic pcap file has
// one nameless Interface.
type Interface struct {
	Name        string // if_name; "" when the file does not say
	Description string // if_description
	Filter      string // if_filter, when it is a string
	OS          string // if_os
	Hardware    string // if_hardware
	Comments    []string
	Link        LinkType
	SnapLen     uint32 // 0 = unlimited
}

// A Secret is the body of a pcapng decryption secrets block.
type Secret struct {
	Type uint32 // 0x544c534b is a TLS key log in NSS format
	Data []byte // owned
}

// A Name is an address and a host name, from a pcapng name resolution block.
type Name struct {
	Addr string // as netip.Addr prints it
	Name string
}
