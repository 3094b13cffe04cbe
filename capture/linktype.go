package capture

import "strconv"

// A LinkType is a LINKTYPE_ number of tcpdump.org/linktypes.html. It is wider
// than gopacket's layers.LinkType, which is a uint8 and turns SLL2 (276) into 20.
type LinkType uint16

// The link types this package can decode. Each has a row in linkLayers.
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

// A linkLayer is all that is known of a link type: where the fields of its
// header stand, and what the header tells of the interface. The zero linkLayer
// is that of a type not known.
//
// A header has either a length and an EtherType at a fixed place, or find, which
// cannot ask for another link type: the table would refer to itself. The offsets
// after find are 0 when the header has no such field.
type linkLayer struct {
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

// linkLayers has a row for each link type, at its number:
//
//	SLL   0 pkttype  2 hatype  4 halen  6 addr[8]  14 protocol
//	SLL2  0 protocol  2 reserved  4 ifindex  8 hatype  10 pkttype(1)  11 halen(1)  12 addr[8]
//
// What a new type has in common with none of them goes into its find. Only
// gopacket's decoder of a type that gopacket does not know stands elsewhere, in
// LinkDecoder.
var linkLayers = [...]linkLayer{
	LinkNull:     {name: "NULL", find: findFamily, loop: loopAlways, tunnels: true},
	LinkEthernet: {name: "ETHERNET", len: ethernetLen, etherType: 12, loop: loopZeros, guess: "eth0"},
	LinkRawBSD:   {name: "RAW", find: findVersion, bare: true, guess: "ip"},
	LinkRawOBSD:  {name: "RAW", find: findVersion, bare: true, guess: "ip"},
	LinkRaw:      {name: "RAW", find: findVersion, bare: true, guess: "ip"},
	LinkLoop:     {name: "LOOP", find: findFamily, loop: loopAlways, tunnels: true},
	LinkSLL: {
		name: "LINUX_SLL", len: 16, etherType: 14, packetType: 1, hardware: 2, sender: 6,
		loop: loopHardware, cooked: true, guess: "eth",
	},
	LinkIPv4: {name: "IPV4", find: findVersion, bare: true, guess: "ip"},
	LinkIPv6: {name: "IPV6", find: findVersion, bare: true, guess: "ip"},
	LinkSLL2: {
		name: "LINUX_SLL2", len: 20, etherType: 0, packetType: 10, hardware: 8, index: 4, sender: 12,
		loop: loopHardware, cooked: true, guess: "if",
	},
}

// noLinkLayer is the row of a link type beyond the table.
var noLinkLayer linkLayer

func (l LinkType) layer() *linkLayer {
	if int(l) < len(linkLayers) {
		return &linkLayers[l]
	}
	return &noLinkLayer
}

// String returns the name of the link type without its prefix LINKTYPE_, and
// of one that is not known the number.
func (l LinkType) String() string {
	if s := l.layer().name; s != "" {
		return s
	}
	return strconv.Itoa(int(l))
}

// headerLen returns the length of the link header in bytes, 0 when it has no
// fixed one or is not known.
func (l LinkType) headerLen() int { return int(l.layer().len) }

// cooked tells whether packets of the link type are of a capture on all
// interfaces at once.
func (l LinkType) cooked() bool { return l.layer().cooked }

// bare tells whether packets of the link type begin with the IP header, so that
// nothing in them tells one interface from another.
func (l LinkType) bare() bool { return l.layer().bare }

// tunnels tells whether the link type is used on tunnels as well as on loopback
// interfaces.
func (l LinkType) tunnels() bool { return l.layer().tunnels }

// indexed tells whether the link header names the interface by its index.
func (l LinkType) indexed() bool { return l.layer().index > 0 }

// guess returns a name for an interface that the file gives none, by what
// loopback says of a packet.
func (l LinkType) guess(loop bool, index uint32) string {
	r := l.layer()
	switch {
	case loop:
		return "lo"
	case r.index > 0:
		return r.guess + strconv.FormatUint(uint64(index), 10)
	}
	return r.guess
}
