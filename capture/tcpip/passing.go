package tcpip

import "github.com/pcapmesh/pcapmesh/capture"

// passes remembers the last packets of a point that stands for all interfaces of a
// host, to find the copies of one that passes several: the interface of a pod, a
// bridge, the card. A link header that names interfaces makes each a point of its own;
// one that does not (LINKTYPE_LINUX_SLL) leaves them alike.
type passes struct {
	seen [passesKept]passSeen
	next int
}

// passesKept is how many packets of others may come between the first copy and the
// last one.
const passesKept = 64

type passSeen struct {
	hash        uint64 // 0: none
	first, last capture.Time
}

// passed reports whether an IP packet is a copy of one seen just before. All copies
// come within copyAgeWithID; each follows another within copyAge if there is no IPv4
// identification to tell it from a retransmission.
func (c *passes) passed(p *capture.Packet, ip []byte, id uint16) bool {
	hash := hashPassing(ip)
	for i := range passesKept {
		e := &c.seen[(c.next+passesKept-1-i)%passesKept]
		if e.hash == 0 || int64(p.Time-e.first) > copyAgeWithID {
			break // so are all before
		}
		since := int64(p.Time - e.last)
		if e.hash == hash && int64(p.Time-e.first) >= -copyAgeWithID && (id != 0 || max(since, -since) <= copyAge) {
			e.last = p.Time
			return true
		}
	}
	c.seen[c.next] = passSeen{hash, p.Time, p.Time}
	c.next = (c.next + 1) % passesKept
	return false
}

// hashPassing is hashHeaders of what stays as it is on the way through a host: a
// router lowers the time to live, and a card may leave checksums to the next.
func hashPassing(ip []byte) uint64 {
	var b [hashedLen]byte
	n := copy(b[:], ip)
	tcp := ipv6Len
	if b[0]>>4 == 4 {
		b[8], b[10], b[11] = 0, 0, 0 // time to live, checksum
		tcp = ipv4(b[:]).headerLen()
	} else {
		b[7] = 0 // hop limit
	}
	b[tcp+16], b[tcp+17] = 0, 0 // an IPv4 header has 60 bytes at most
	return hashHeaders(b[:n], 0)
}
