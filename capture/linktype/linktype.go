package linktype

import "strconv"

// A Type is a LINKTYPE_ number of tcpdump.org/linktypes.html. It is comparable,
// and wider than gopacket's layers.LinkType, which is a uint8 and turns SLL2 (276) into 20.
type Type uint16

// The link types this package can decode. Each has a row in headers.
const (
	Null     Type = 0   // 4-byte address family in the byte order of the capturing host
	Ethernet Type = 1   // also loopback on Linux, with all-zero addresses
	RawBSD   Type = 12  // raw IP, as DLT_RAW on most systems
	RawOBSD  Type = 14  // raw IP, as DLT_RAW on OpenBSD
	Raw      Type = 101 // raw IPv4 or IPv6
	Loop     Type = 108 // 4-byte address family in network byte order
	SLL      Type = 113 // Linux cooked capture v1
	IPv4     Type = 228
	IPv6     Type = 229
	SLL2     Type = 276 // Linux cooked capture v2: tcpdump's default for -i any
)

// A header is all that is known of the header of a link type: where its fields
// stand, and what it tells of the interface. The zero header is that of a type
// not known.
//
// A header has either a length and an EtherType at a fixed place, or find, which
// cannot ask for another link type: the table would refer to itself. The offsets
// after find are 0 when the header has no such field.
type header struct {
	name string // without its prefix LINKTYPE_

	len       uint8                               // of the header in bytes; 0 = find says
	etherType uint8                               // offset
	find      func(b []byte) (l3 int, typ uint16) // offset and EtherType, or a mark, of what follows the header

	packetType uint8 // offset of the low byte of Linux's packet type, which tells the direction
	hardware   uint8 // offset of the ARPHRD_ number
	index      uint8 // offset of the interface index
	sender     uint8 // offset of the sender's address; its length is in the byte before

	loop    loopMark
	tunnels bool   // the type is that of tunnels too, so that a mark of loopback says nothing of an interface with a name
	cooked  bool   // of captures on all interfaces at once
	bare    bool   // nothing before the IP header
	guess   string // name of an interface that has none; its index is added where there is one
}

// A loopMark is how a link header shows that it is of a loopback interface.
type loopMark uint8

const (
	loopNever    loopMark = iota
	loopAlways            // only loopback, and tunnels, have the link type
	loopZeros             // the first 12 bytes are zero: Linux gives lo frames Ethernet headers without addresses
	loopHardware          // the ARPHRD_ number, or the index of lo
)

// headers has a row for each link type, at its number:
//
//	SLL   0 pkttype  2 hatype  4 halen  6 addr[8]  14 protocol
//	SLL2  0 protocol  2 reserved  4 ifindex  8 hatype  10 pkttype(1)  11 halen(1)  12 addr[8]
//
// What a new type has in common with none of them goes into its find. Only
// gopacket's decoder of a type that gopacket does not know stands elsewhere, in
// gopackets.LinkDecoder.
var headers = [...]header{
	Null:     {name: "NULL", find: findFamily, loop: loopAlways, tunnels: true},
	Ethernet: {name: "ETHERNET", len: ethernetLen, etherType: 12, loop: loopZeros, guess: "eth0"},
	RawBSD:   {name: "RAW", find: findVersion, bare: true, guess: "ip"},
	RawOBSD:  {name: "RAW", find: findVersion, bare: true, guess: "ip"},
	Raw:      {name: "RAW", find: findVersion, bare: true, guess: "ip"},
	Loop:     {name: "LOOP", find: findFamily, loop: loopAlways, tunnels: true},
	SLL: {
		name: "LINUX_SLL", len: 16, etherType: 14, packetType: 1, hardware: 2, sender: 6,
		loop: loopHardware, cooked: true, guess: "eth",
	},
	IPv4: {name: "IPV4", find: findVersion, bare: true, guess: "ip"},
	IPv6: {name: "IPV6", find: findVersion, bare: true, guess: "ip"},
	SLL2: {
		name: "LINUX_SLL2", len: 20, etherType: 0, packetType: 10, hardware: 8, index: 4, sender: 12,
		loop: loopHardware, cooked: true, guess: "if",
	},
}

// noHeader is the row of a link type beyond the table.
var noHeader header

func (l Type) header() *header {
	if int(l) < len(headers) {
		return &headers[l]
	}
	return &noHeader
}

// String returns the name of the link type without its prefix LINKTYPE_, and
// of one that is not known the number.
func (l Type) String() string {
	if s := l.header().name; s != "" {
		return s
	}
	return strconv.Itoa(int(l))
}

// HeaderLen returns the length of the link header in bytes, 0 when it has no
// fixed one or is not known.
func (l Type) HeaderLen() int { return int(l.header().len) }

// Cooked reports whether packets of the link type are of a capture on all
// interfaces at once.
func (l Type) Cooked() bool { return l.header().cooked }

// Bare reports whether packets of the link type begin with the IP header, so that
// nothing in them tells one interface from another.
func (l Type) Bare() bool { return l.header().bare }

// Tunnels reports whether the link type is used on tunnels as well as on loopback
// interfaces.
func (l Type) Tunnels() bool { return l.header().tunnels }

// Indexed reports whether the link header names the interface by its index.
func (l Type) Indexed() bool { return l.header().index > 0 }

// Guess returns a name for an interface that the file gives none, by what
// Loopback says of a packet.
func (l Type) Guess(loop bool, index uint32) string {
	r := l.header()
	switch {
	case loop:
		return "lo"
	case r.index > 0:
		return r.guess + strconv.FormatUint(uint64(index), 10)
	}
	return r.guess
}
