package syntax

import "strconv"

// protocols names those that rules of meshes speak of (IANA protocol numbers).
var protocols = [...]struct {
	number uint32
	name   string
}{{6, "tcp"}, {17, "udp"}, {1, "icmp"}, {58, "ipv6-icmp"}, {132, "sctp"}, {33, "dccp"}, {136, "udplite"}, {47, "gre"}, {50, "esp"}, {51, "ah"}}

// ProtocolName returns the name of a protocol, or its number as text.
func ProtocolName(n uint32) string {
	for _, p := range protocols {
		if p.number == n {
			return p.name
		}
	}
	return strconv.FormatUint(uint64(n), 10)
}

// ProtocolNumber reads a protocol's name or number.
func ProtocolNumber(name string) (uint32, bool) {
	for _, p := range protocols {
		if p.name == name {
			return p.number, true
		}
	}
	switch name {
	case "all":
		return 0, true
	case "icmpv6":
		return 58, true
	}
	n, err := strconv.ParseUint(name, 10, 8)
	return uint32(n), err == nil
}

// HasPorts reports whether a protocol has ports, and an extension of its name that
// looks at them.
func HasPorts(proto uint32) bool {
	switch proto {
	case 6, 17, 33, 132, 136:
		return true
	}
	return false
}
