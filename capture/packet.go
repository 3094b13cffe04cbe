package capture

import "github.com/pcapmesh/pcapmesh/capture/linktype"

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
	Time      Time          // when it was captured
	Offset    int64         // of the packet record in the uncompressed file
	Interface int           // index into Reader.Interfaces
	Link      linktype.Type // of the interface, repeated here for the decoder
	WireLen   uint32        // bytes on the wire, ≥ len(Data)
	Data      []byte        // not owned
	Flags     uint32        // pcapng epb_flags (bits 0-1: 1 inbound, 2 outbound); 0 when unknown
	Comments  []string      // pcapng opt_comment, in file order; nil in almost every packet
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
	Link        linktype.Type
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
