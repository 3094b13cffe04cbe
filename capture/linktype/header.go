package linktype

import "encoding/binary"

// EtherTypes (IEEE 802, tcpdump ethertype.h). Values below 0x600 are lengths in
// an 802.3 frame, so the marks that Network returns beside EtherTypes stand
// there.
const (
	EtherIPv4 = 0x0800
	EtherIPv6 = 0x86dd
	etherVLAN = 0x8100 // 802.1Q
	etherQinQ = 0x88a8 // 802.1ad
	etherOld  = 0x9100 // QinQ before 802.1ad
	etherMin  = 0x0600 // the least EtherType; less is a length

	Other   = 0 // a whole link header, and no IP behind it
	Cut     = 1 // the capture ends inside the link header
	Unknown = 2 // a link type that this package does not read
)

const (
	ethernetLen = 14
	vlanLen     = 4
	familyLen   = 4 // NULL and LOOP

	arphrdLoopback = 772 // ARPHRD_LOOPBACK, include/uapi/linux/if_arp.h
	loopIndex      = 1   // of lo in every network namespace: loopback_net_init, drivers/net/loopback.c
	packetOutgoing = 4   // PACKET_OUTGOING, include/uapi/linux/if_packet.h
)

// Network finds the network header in a captured packet: its offset and its
// EtherType, or one of the marks.
func (l Type) Network(b []byte) (l3 int, typ uint16) {
	r := l.header()
	if r.len == 0 {
		return r.found(b)
	}
	l3 = int(r.len)
	if len(b) < l3 {
		return 0, Cut
	}
	typ = binary.BigEndian.Uint16(b[r.etherType:])
	if typ == EtherIPv4 || typ == EtherIPv6 {
		return l3, typ
	}
	return untag(b, l3, typ)
}

// untag steps over VLAN tags. libpcap puts the tag that the kernel took off
// back in cooked captures too, so all links with an EtherType come here.
func untag(b []byte, l3 int, typ uint16) (int, uint16) {
	for isTag(typ) {
		if len(b) < l3+vlanLen {
			return 0, Cut
		}
		typ = binary.BigEndian.Uint16(b[l3+2:])
		l3 += vlanLen
	}
	if typ < etherMin {
		return l3, Other
	}
	return l3, typ
}

func isTag(typ uint16) bool { return typ == etherVLAN || typ == etherQinQ || typ == etherOld }

// found is Network for the links whose header has no EtherType at a fixed
// place.
func (r *header) found(b []byte) (l3 int, typ uint16) {
	if r.find == nil {
		return 0, Unknown
	}
	return r.find(b)
}

// findVersion is the find of raw IP: the IP header tells its own version.
func findVersion(b []byte) (l3 int, typ uint16) {
	if len(b) == 0 {
		return 0, Cut
	}
	switch b[0] >> 4 {
	case 4:
		return 0, EtherIPv4
	case 6:
		return 0, EtherIPv6
	}
	return 0, Other
}

// findFamily is the find of NULL and LOOP, whose header is an address family.
// NULL has the byte order of the host that captured, which the file does not
// say, and AF_INET6 is another number on every system.
func findFamily(b []byte) (l3 int, typ uint16) {
	if len(b) < familyLen {
		return 0, Cut
	}
	f := binary.BigEndian.Uint32(b)
	if f&0xffff == 0 {
		f = binary.LittleEndian.Uint32(b)
	}
	switch f {
	case 2:
		return familyLen, EtherIPv4
	case 10, 23, 24, 28, 30: // Linux; Windows; NetBSD, OpenBSD and Npcap; FreeBSD; Darwin
		return familyLen, EtherIPv6
	}
	return familyLen, Other
}

// Loopback reports whether the link header bears the mark of a loopback
// interface, and the interface index where the header has one (SLL2), else 0.
// The header is whole: Network has found something behind it.
func (l Type) Loopback(b []byte) (loop bool, index uint32) {
	r := l.header()
	switch r.loop {
	case loopZeros:
		return binary.LittleEndian.Uint64(b)|uint64(binary.LittleEndian.Uint32(b[8:])) == 0, 0
	case loopHardware:
		if r.index > 0 {
			index = binary.BigEndian.Uint32(b[r.index:])
		}
		return index == loopIndex || binary.BigEndian.Uint16(b[r.hardware:]) == arphrdLoopback, index
	case loopAlways:
		return true, 0
	}
	return false, 0
}

// Directions, as in bits 0 and 1 of pcapng's epb_flags.
const (
	Inbound  = 1
	Outbound = 2
)

// Direction returns Inbound or Outbound as the link header has it, or 0 when it
// does not say. The header is whole.
func (l Type) Direction(b []byte) uint32 {
	switch at := l.header().packetType; {
	case at == 0:
		return 0
	case b[at] == packetOutgoing:
		return Outbound
	}
	return Inbound
}

// EthernetHeader returns an Ethernet header for a packet of the link type, and
// the offset in data of what follows it, so that packets of several link types
// fit into one file of LINKTYPE_ETHERNET (libpcap refuses a pcapng file of mixed
// link types). Ethernet headers are kept as they are; VLAN tags follow the
// header as before. Loopback packets get zero addresses, as Linux gives them;
// other packets without addresses get locally administered ones, so that they
// are not taken for loopback. The offset is -1 when the link header is cut or
// its type is not known.
func (l Type) EthernetHeader(data []byte) (hdr [14]byte, next int) {
	var typ uint16
	switch r := l.header(); {
	case r.len == 0:
		next, typ = r.found(data)
		if typ == Cut || typ == Unknown {
			return hdr, -1
		}
	case len(data) < int(r.len):
		return hdr, -1
	case l == Ethernet:
		return [14]byte(data), ethernetLen
	default:
		next, typ = int(r.len), binary.BigEndian.Uint16(data[r.etherType:])
		if r.sender > 0 && data[r.sender-1] == 6 { // cooked headers hold no destination
			copy(hdr[6:12], data[r.sender:])
		}
	}
	if loop, _ := l.Loopback(data); loop {
		hdr = [14]byte{}
	} else if hdr == ([14]byte{}) {
		hdr = [14]byte{0: 0x02, 5: 0x02, 6: 0x02, 11: 0x01}
	}
	binary.BigEndian.PutUint16(hdr[12:], typ)
	return hdr, next
}
