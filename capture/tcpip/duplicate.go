package tcpip

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// AF_PACKET hands out every packet on lo twice, first outgoing, then incoming.
// libpcap drops the first copy (linux_check_direction, pcap-linux.c); sniffers
// that read AF_PACKET themselves record both.
const (
	copiesKept = 8 // packets of other processors come between the two copies

	// copyAge is the longest time between the copies: they are a few µs apart,
	// 50 µs is the most seen. A sender's retransmission has another IPv4
	// identification, so that a longer time is safe where there is one.
	copyAge       = int64(50 * time.Microsecond)
	copyAgeWithID = int64(time.Millisecond)

	// hashedLen covers an IPv6 header and a TCP header with timestamps. The
	// payload need not be compared: two different segments cannot agree in
	// sequence number, timestamps and length within copyAge.
	hashedLen = 80
)

// copies remembers the last packets of a loopback point that may still be
// followed by their second copy.
type copies struct {
	seen [copiesKept]copySeen
	next int
}

type copySeen struct {
	hash  uint64 // 0: none
	nanos capture.Time
}

// at returns what a list has at a point, new if there is nothing yet.
func at[T any](list *[]*T, p Point) *T {
	for len(*list) <= int(p) {
		*list = append(*list, nil)
	}
	if (*list)[p] == nil {
		(*list)[p] = new(T)
	}
	return (*list)[p]
}

// second reports whether an IP packet is the second copy of one seen just before.
// An outgoing packet can only be a first copy and an incoming one only a
// second; most files do not say which it is.
func (c *copies) second(p *capture.Packet, ip []byte, id uint16) bool {
	dir := direction(p)
	hash := hashHeaders(ip, p.WireLen)
	if dir != linktype.Outbound && c.take(hash, p.Time, id) {
		return true
	}
	if dir != linktype.Inbound {
		c.seen[c.next] = copySeen{hash, p.Time}
		c.next = (c.next + 1) % copiesKept
	}
	return false
}

// take looks for a first copy and forgets it, since there are only two.
func (c *copies) take(hash uint64, nanos capture.Time, id uint16) bool {
	age := copyAge
	if id != 0 {
		age = copyAgeWithID
	}
	for i := range c.seen {
		if c.seen[i].hash != hash {
			continue
		}
		if since := nanos - c.seen[i].nanos; int64(since) <= age && int64(since) >= -age {
			c.seen[i] = copySeen{}
			return true
		}
	}
	return false
}

// repeats remembers the last packets of a point, to find those that another
// input has too: a copy of a file, or captures that overlap. Two captures of one
// moment tell its time a little differently, and further apart if something changed
// the times of one.
type repeats struct {
	seen  [repeatsKept]repeatSeen
	next  int
	first uint32              // the input that showed the point first
	more  bool                // others have shown it too
	apart map[[2]uint32]int64 // by how much later the second of two inputs told the time last, in nanoseconds
}

// repeatsKept is how many packets may come between a packet and its repetition.
const repeatsKept = 64

type repeatSeen struct {
	hash   uint64 // 0: none
	nanos  capture.Time
	inputs []uint32 // that have shown it
}

// repeated reports whether another input has shown the packet at about this time. Each
// input shows a packet once: what comes from it again is another packet.
func (r *repeats) repeated(p *capture.Packet, ip []byte, id uint16) bool {
	hash := hashHeaders(ip, p.WireLen)
	if r.next == 0 && r.seen[0].hash == 0 {
		r.first = p.Ref.Input
	}
	r.more = r.more || p.Ref.Input != r.first
	for i := range repeatsKept {
		e := &r.seen[(r.next+repeatsKept-1-i)%repeatsKept]
		if !r.more || e.hash == 0 || int64(p.Time-e.nanos) > copyAgeWithID {
			break // so are all before
		}
		if e.hash == hash && !slices.Contains(e.inputs, p.Ref.Input) && r.near(e, p, id) {
			e.inputs = append(e.inputs, p.Ref.Input)
			return true
		}
	}
	e := &r.seen[r.next]
	*e = repeatSeen{hash, p.Time, append(e.inputs[:0], p.Ref.Input)}
	r.next = (r.next + 1) % repeatsKept
	return false
}

// near reports whether p, alike to what was seen, may be the same packet by its time. A
// retransmission has another IPv4 identification; where there is none, the two inputs
// must be as far apart as they were last.
func (r *repeats) near(e *repeatSeen, p *capture.Packet, id uint16) bool {
	close := func(d, to, most int64) bool { return d-to <= most && to-d <= most }
	pair, since := [2]uint32{e.inputs[0], p.Ref.Input}, int64(p.Time-e.nanos)
	apart, known := r.apart[pair]
	if !close(since, 0, copyAge) && !(known && close(since, apart, copyAge)) && (id == 0 || !close(since, 0, copyAgeWithID)) {
		return false
	}
	if since != apart {
		if r.apart == nil {
			r.apart = make(map[[2]uint32]int64)
		}
		r.apart[pair], r.apart[[2]uint32{pair[1], pair[0]}] = since, -since
	}
	return true
}

// repeatsAt returns what to look for repetitions in, nil when there is only one
// input that was named to the Points.
func (d *Decoder) repeatsAt(p Point) *repeats {
	if len(d.points.pods) < 2 {
		return nil
	}
	return at(&d.repeats, p)
}

// direction returns inbound, outbound or 0 when the packet does not say.
func direction(p *capture.Packet) uint32 {
	if dir := p.Link.Direction(p.Data); dir != 0 {
		return dir
	}
	return p.Flags & (linktype.Inbound | linktype.Outbound)
}

// hashHeaders mixes the headers of an IP packet, which are 20 bytes or more, and
// its length. It never returns 0. Products of 16 bytes each do not wait for one
// another, which makes it twice as fast as a chain.
func hashHeaders(ip []byte, wire uint32) uint64 {
	ip = ip[:min(len(ip), hashedLen)]
	h, last := uint64(wire), ip[len(ip)-16:]
	for ; len(ip) >= 16; ip = ip[16:] {
		h = bits.RotateLeft64(h, 11) ^ product16(ip)
	}
	return bits.RotateLeft64(h, 11) ^ product16(last) | 1
}

// product16 mixes 16 bytes.
func product16(b []byte) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(b)^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(b[8:])^0xff51afd7ed558ccd)
	return hi ^ lo
}
