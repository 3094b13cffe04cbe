package conntrack

import "github.com/pcapmesh/pcapmesh/capture/tcpip"

// Protocol numbers (IANA) that connection tracking has names for.
const (
	protoICMP    tcpip.Proto = 1
	protoTCP                 = tcpip.ProtoTCP
	protoUDP     tcpip.Proto = 17
	protoDCCP    tcpip.Proto = 33
	protoGRE     tcpip.Proto = 47
	protoICMPv6  tcpip.Proto = 58
	protoSCTP    tcpip.Proto = 132
	protoUDPLite tcpip.Proto = 136
)

// protoName returns the name conntrack prints in front of the number.
func protoName(p tcpip.Proto) string {
	switch p {
	case protoICMP:
		return "icmp"
	case protoTCP:
		return "tcp"
	case protoUDP:
		return "udp"
	case protoDCCP:
		return "dccp"
	case protoGRE:
		return "gre"
	case protoICMPv6:
		return "icmpv6"
	case protoSCTP:
		return "sctp"
	case protoUDPLite:
		return "udplite"
	}
	return "unknown"
}

// protoNamed returns the number of a protocol by name, or by the decimal number
// itself, as -o save writes protocols without a name.
func protoNamed(b []byte) (tcpip.Proto, bool) {
	switch string(b) {
	case "tcp":
		return protoTCP, true
	case "udp":
		return protoUDP, true
	case "icmp":
		return protoICMP, true
	case "icmpv6":
		return protoICMPv6, true
	case "dccp":
		return protoDCCP, true
	case "gre":
		return protoGRE, true
	case "sctp":
		return protoSCTP, true
	case "udplite":
		return protoUDPLite, true
	}
	n, ok := number(b, 255)
	return tcpip.Proto(n), ok
}

// named reports whether name may stand before the number p: the kernel and the
// library do not know the same names and write "unknown" for the others.
func named(name []byte, p tcpip.Proto) bool {
	return string(name) == protoName(p) || string(name) == "unknown"
}

// A shape says what a tuple has beside its addresses.
type shape uint8

const (
	shapeNone  shape = iota
	shapePorts       // sport, dport
	shapeICMP        // type, code, id
	shapeKeys        // srckey, dstkey
)

func shapeOf(p tcpip.Proto) shape {
	switch p {
	case protoTCP, protoUDP, protoDCCP, protoSCTP, protoUDPLite:
		return shapePorts
	case protoICMP, protoICMPv6:
		return shapeICMP
	case protoGRE:
		return shapeKeys
	}
	return shapeNone
}
