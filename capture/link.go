package capture

import "encoding/binary"

// EtherTypes of what the decoder follows (IEEE 802, tcpdump ethertype.h).
// Values below 0x600 are lengths in an 802.3 frame, so the marks that network
// returns beside EtherTypes stand there.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100 // 802.1Q
	etherQinQ = 0x88a8 // 802.1ad
	etherOld  = 0x9100 // QinQ before 802.1ad
	etherMin  = 0x0600 // the least EtherType; less is a length

	markOther = 0 // a whole link header, and no IP behind it
	markCut   = 1 // the capture ends inside the link header
	markLink  = 2 // a link type that this package does not read
)

const (
	ethernetLen = 14
	vlanLen     = 4
	sllLen      = 16
	sll2Len     = 20
	familyLen   = 4 // NULL and LOOP

	arphrdLoopback = 772 // ARPHRD_LOOPBACK, include/uapi/linux/if_arp.h
	loopIndex      = 1   // of lo in every network namespace: loopback_net_init, drivers/net/loopback.c
	sllOutgoing    = 4   // PACKET_OUTGOING, include/uapi/linux/if_packet.h
)

// network finds the network header in a captured packet: its offset and its
// EtherType, or one of the marks.
//
//	SLL   0 pkttype  2 hatype  4 halen  6 addr[8]  14 protocol
//	SLL2  0 protocol  2 reserved  4 ifindex  8 hatype  10 pkttype(1)  11 halen(1)  12 addr[8]
func network(link LinkType, b []byte) (l3 int, typ uint16) {
	at := 0 // of the EtherType
	switch link {
	case LinkEthernet:
		at, l3 = ethernetLen-2, ethernetLen
	case LinkSLL2:
		at, l3 = 0, sll2Len
	case LinkSLL:
		at, l3 = sllLen-2, sllLen
	default:
		return networkBare(link, b)
	}
	if len(b) < l3 {
		return 0, markCut
	}
	typ = binary.BigEndian.Uint16(b[at:])
	if typ == etherIPv4 || typ == etherIPv6 {
		return l3, typ
	}
	return untag(b, l3, typ)
}

// untag steps over VLAN tags. libpcap puts the tag that the kernel took off
// back in cooked captures too, so all three links with an EtherType come here.
func untag(b []byte, l3 int, typ uint16) (int, uint16) {
	for isTag(typ) {
		if len(b) < l3+vlanLen {
			return 0, markCut
		}
		typ = binary.BigEndian.Uint16(b[l3+2:])
		l3 += vlanLen
	}
	if typ < etherMin {
		return l3, markOther
	}
	return l3, typ
}

func isTag(typ uint16) bool { return typ == etherVLAN || typ == etherQinQ || typ == etherOld }

// networkBare is network for the links without EtherType.
func networkBare(link LinkType, b []byte) (l3 int, typ uint16) {
	switch link {
	case LinkNull, LinkLoop:
		if len(b) < familyLen {
			return 0, markCut
		}
		return familyLen, familyType(b)
	case LinkRaw, LinkRawBSD, LinkRawOBSD, LinkIPv4, LinkIPv6:
		if len(b) == 0 {
			return 0, markCut
		}
		return 0, versionType(b[0])
	}
	return 0, markLink
}

// versionType returns the EtherType for the first byte of an IP header.
func versionType(b byte) uint16 {
	switch b >> 4 {
	case 4:
		return etherIPv4
	case 6:
		return etherIPv6
	}
	return markOther
}

// familyType returns the EtherType for the address family that a NULL or LOOP
// header carries. NULL has the byte order of the host that captured, which the
// file does not say, and AF_INET6 is another number on every system.
func familyType(b []byte) uint16 {
	f := binary.BigEndian.Uint32(b)
	if f&0xffff == 0 {
		f = binary.LittleEndian.Uint32(b)
	}
	switch f {
	case 2:
		return etherIPv4
	case 10, 23, 24, 28, 30: // Linux; Windows; NetBSD, OpenBSD and Npcap; FreeBSD; Darwin
		return etherIPv6
	}
	return markOther
}

// loopMark tells whether the link header bears the mark of a loopback
// interface, and the interface index where the header has one (SLL2), else 0.
// Linux gives lo frames Ethernet headers with both addresses zero. The header
// is whole: network has found something behind it.
func loopMark(link LinkType, b []byte) (loop bool, index uint32) {
	switch link {
	case LinkEthernet:
		return binary.LittleEndian.Uint64(b)|uint64(binary.LittleEndian.Uint32(b[8:])) == 0, 0
	case LinkSLL2:
		index = binary.BigEndian.Uint32(b[4:])
		return index == loopIndex || binary.BigEndian.Uint16(b[8:]) == arphrdLoopback, index
	case LinkSLL:
		return binary.BigEndian.Uint16(b[2:]) == arphrdLoopback, 0
	case LinkNull, LinkLoop:
		return true, 0
	}
	return false, 0
}

// Locate finds the IP and TCP headers of a packet without decoding it: l3 and
// l4 are offsets in data. It is for packets known to be TCP, as pass 2 of a
// run; ok is false when data is no IP packet that could hold TCP. l4 is -1 in a
// fragment other than the first, which has no TCP header. The TCP header may
// be cut.
func Locate(link LinkType, data []byte) (l3, l4 int, ok bool) {
	return locate(link, data, ProtoTCP)
}

// locate is Locate for any protocol with ports.
func locate(link LinkType, data []byte, proto Proto) (l3, l4 int, ok bool) {
	l3, typ := network(link, data)
	switch typ {
	case etherIPv4:
		l4, ok = locateIPv4(data[l3:], proto)
	case etherIPv6:
		l4, ok = locateIPv6(data[l3:], proto)
	}
	if !ok {
		return 0, 0, false
	}
	if l4 >= 0 {
		l4 += l3
	}
	return l3, l4, true
}
