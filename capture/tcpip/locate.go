package tcpip

import (
	"encoding/binary"

	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// Locate finds the IP and TCP headers of a packet without decoding it: l3 and
// l4 are offsets in data. It is for packets known to be TCP, as pass 2 of a
// run; ok is false when data is no IP packet that could hold TCP. l4 is -1 in a
// fragment other than the first, which has no TCP header. The TCP header may
// be cut.
func Locate(link linktype.Type, data []byte) (l3, l4 int, ok bool) {
	return locate(link, data, ProtoTCP)
}

// LocateUDP is Locate for packets known to be UDP.
func LocateUDP(link linktype.Type, data []byte) (l3, l4 int, ok bool) {
	return locate(link, data, ProtoUDP)
}

// locate is Locate for any protocol with ports.
func locate(link linktype.Type, data []byte, proto Proto) (l3, l4 int, ok bool) {
	l3, typ := link.Network(data)
	switch typ {
	case linktype.EtherIPv4:
		l4, ok = locateIPv4(data[l3:], proto)
	case linktype.EtherIPv6:
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

// locateIPv4 is the IPv4 part of locate; offsets count from the IP header.
func locateIPv4(b []byte, proto Proto) (l4 int, ok bool) {
	if len(b) < ipv4MinLen {
		return 0, false
	}
	h := ipv4(b)
	if h[0]>>4 != 4 || h.headerLen() < ipv4MinLen || Proto(h[9]) != proto {
		return 0, false
	}
	if h.frag()&ipv4Offset != 0 {
		return -1, true
	}
	return h.headerLen(), h.headerLen() <= len(b)
}

// locateIPv6 is the IPv6 part of locate. The fragments that hold no TCP header
// cannot be told from those of other protocols by themselves.
func locateIPv6(b []byte, proto Proto) (l4 int, ok bool) {
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return 0, false
	}
	c := chain{next: b[6]}
	c.follow(b[ipv6Len:])
	if c.next == extFragment && !c.cut {
		frag := b[ipv6Len+c.len:]
		if binary.BigEndian.Uint16(frag[2:])&^7 != 0 {
			return -1, true
		}
		c.next = frag[0]
		c.len += ipv6FragLen
		c.follow(frag[ipv6FragLen:])
	}
	return ipv6Len + c.len, c.is(proto) && !c.cut
}
