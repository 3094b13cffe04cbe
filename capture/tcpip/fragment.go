package tcpip

import (
	"container/list"
	"encoding/binary"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
)

// Bounds of what waits for more fragments. Beyond one, the datagram that began
// to wait first is given up.
const (
	maxFragDatagrams = 256                     // a pod's TCP is hardly ever fragmented
	maxFragBytes     = 4 << 20                 // captured bytes held, Linux's ipfrag_high_thresh
	maxFragAge       = int64(30 * time.Second) // Linux's ipfrag_time
	maxFragPackets   = 1 << 16                 // packets decoded since: the 16-bit identification may come again
	maxFragParts     = 1024                    // fragments of one datagram; 64 KiB at the least MTU of IPv6 is 52
	maxDatagram      = 65535                   // RFC 791 §3.1
	ipv6FragLen      = 8
)

// A fragment is a piece of an IP datagram. off and more are the header's; wire
// is the length of the piece on the wire and data what was captured of it.
type fragment struct {
	off   int
	more  bool
	id    uint32
	proto byte // IPv6: the header at the start of the datagram's fragmentable part
	v6    bool
	wire  int
	data  []byte // not owned
}

// ipv4Fragment reads the piece of a datagram behind the header h; wire is its
// length on the wire.
func ipv4Fragment(h ipv4, data []byte, wire int) fragment {
	return fragment{
		off: int(h.frag()&ipv4Offset) * 8, more: h.frag()&ipv4MoreFragments != 0,
		id: uint32(h.id()), proto: h[9], wire: wire, data: data,
	}
}

// ipv6Fragment reads the fragment header at the start of b (RFC 8200 §4.5);
// wire is the length of it and what follows.
func ipv6Fragment(b []byte, wire int) fragment {
	word := binary.BigEndian.Uint16(b[2:])
	return fragment{
		off: int(word &^ 7), more: word&1 != 0, id: binary.BigEndian.Uint32(b[4:]),
		proto: b[0], v6: true, wire: wire - ipv6FragLen, data: b[ipv6FragLen:],
	}
}

// fragKey tells datagrams apart (RFC 791 §2.3, RFC 8200 §4.5). The protocol is
// one in all of IPv4, TCP or a DatagramDecoder's; the point keeps apart what was captured twice.
type fragKey struct {
	src, dst Addr
	id       uint32
	point    Point
}

// fragments holds datagrams that are not whole yet.
type fragments struct {
	byKey map[fragKey]*list.Element // values are *datagram
	queue list.List                 // in the order of their first fragments
	bytes int                       // captured bytes held
	whole []byte                    // the last datagram put together, reused
}

// A datagram is what came of one so far.
type datagram struct {
	key    fragKey
	first  capture.Ref
	nanos  capture.Time
	packet int // DecodeStats.Packets at the first fragment
	proto  byte
	pieces []piece       // by offset, not overlapping
	parts  []capture.Ref // all fragments that came, in that order
	total  int           // length on the wire; -1 before the last fragment came
	have   int           // bytes on the wire covered by pieces
	bytes  int           // captured bytes in pieces
	spoilt bool          // given up, kept so that its later fragments are dropped too
}

// A piece is a range of a datagram. Overlaps are resolved on arrival.
type piece struct {
	off, end int
	data     []byte // owned; captured bytes from off, at most end-off
}

func (f *fragments) pending() int {
	n := 0
	for e := f.queue.Front(); e != nil; e = e.Next() {
		if !e.Value.(*datagram).spoilt {
			n++
		}
	}
	return n
}

// decodeFragment takes a fragment in and decodes the datagram if it is now
// whole.
func (d *Decoder) decodeFragment(p *capture.Packet, s *Segment, f fragment, l3 int) bool {
	g := d.complete(p, s, f, l3)
	return g != nil && d.decodeDatagram(p, s, g, l3)
}

// complete takes a fragment in and returns its datagram if that is now whole,
// and forgotten here; else nil. The addresses and the point are in s.Key.
func (d *Decoder) complete(p *capture.Packet, s *Segment, f fragment, l3 int) *datagram {
	if s.Dup { // its first copy was taken
		return nil
	}
	if f.wire <= 0 || f.more && f.wire%8 != 0 || f.off+f.wire > maxDatagram {
		d.malformed(p, "fragment at offset %d: %d bytes at %d of the datagram", l3, f.wire, f.off)
		return nil
	}
	key := fragKey{s.Key.Src, s.Key.Dst, f.id, s.Key.Point}
	d.expireFragments(p)
	g := d.datagram(p, key)
	if g.spoilt {
		return nil
	}
	g.parts = append(g.parts, p.Ref)
	if !d.insertFragment(g, f) {
		d.spoil(g)
		return nil
	}
	if g.have != g.total {
		return nil
	}
	d.fragments.remove(d.fragments.byKey[key])
	return g
}

// expireFragments gives up what exceeds a bound.
func (d *Decoder) expireFragments(p *capture.Packet) {
	f := &d.fragments
	for e := f.queue.Front(); e != nil; e = f.queue.Front() {
		g := e.Value.(*datagram)
		old := int64(p.Time-g.nanos) > maxFragAge || d.stats.Packets-g.packet > maxFragPackets
		if !old && f.queue.Len() < maxFragDatagrams && f.bytes < maxFragBytes {
			return
		}
		d.countEvicted(g, "too old or too many at once")
		f.remove(e)
	}
}

func (d *Decoder) countEvicted(g *datagram, why string) {
	if !g.spoilt {
		d.stats.FragmentsEvicted++
		d.note(g.first, "datagram of %d fragments given up: %s", len(g.parts), why)
	}
}

func (f *fragments) remove(e *list.Element) {
	g := f.queue.Remove(e).(*datagram)
	f.bytes -= g.bytes
	delete(f.byKey, g.key)
}

// datagram returns the datagram of the key, new or known.
func (d *Decoder) datagram(p *capture.Packet, key fragKey) *datagram {
	f := &d.fragments
	if e, ok := f.byKey[key]; ok {
		return e.Value.(*datagram)
	}
	if f.byKey == nil {
		f.byKey = map[fragKey]*list.Element{}
	}
	g := &datagram{key: key, first: p.Ref, nanos: p.Time, packet: d.stats.Packets, total: -1}
	f.byKey[key] = f.queue.PushBack(g)
	return g
}

// spoil gives a datagram up, but keeps its key.
func (d *Decoder) spoil(g *datagram) {
	d.countEvicted(g, "fragments overlap, contradict each other or are too many")
	d.fragments.bytes -= g.bytes
	g.spoilt, g.pieces, g.parts, g.bytes = true, nil, nil, 0
}

// insertFragment adds a fragment to its datagram. It reports false when the
// datagram must be given up.
//
// Where IPv4 fragments overlap, the bytes that came first stand. IPv6 fragments
// that overlap spoil the datagram (RFC 5722 §4), save exact copies (RFC 8200
// §4.5).
func (d *Decoder) insertFragment(g *datagram, f fragment) bool {
	end := f.off + f.wire
	if f.off == 0 {
		g.proto = f.proto
	}
	if !f.more {
		if g.total >= 0 && g.total != end {
			return false
		}
		g.total = end
	}
	if n := len(g.pieces); g.total >= 0 && (end > g.total || n > 0 && g.pieces[n-1].end > g.total) {
		return false
	}
	if f.v6 && g.overlaps(f.off, end) {
		return g.copyOf(f.off, end)
	}
	d.fragments.bytes -= g.bytes
	g.fill(f.off, end, f.data)
	d.fragments.bytes += g.bytes
	return len(g.parts) <= maxFragParts
}

// overlaps reports whether any byte of [off, end) has come.
func (g *datagram) overlaps(off, end int) bool {
	for _, q := range g.pieces {
		if q.off < end && off < q.end {
			return true
		}
	}
	return false
}

// copyOf reports whether a piece [off, end) has come.
func (g *datagram) copyOf(off, end int) bool {
	for _, q := range g.pieces {
		if q.off == off && q.end == end {
			return true
		}
	}
	return false
}

// fill adds the parts of [off, end) that are not yet covered. data are the
// captured bytes from off.
func (g *datagram) fill(off, end int, data []byte) {
	from := off
	for i := 0; i <= len(g.pieces) && from < end; i++ {
		stop, next := end, end
		if i < len(g.pieces) {
			stop, next = min(end, g.pieces[i].off), g.pieces[i].end
		}
		if from < stop {
			g.insert(i, from, stop, clip(data, from-off, stop-off))
			i++
		}
		from = max(from, next)
	}
}

// clip returns b[from:to] as far as b goes.
func clip(b []byte, from, to int) []byte {
	return b[min(from, len(b)):min(to, len(b))]
}

// insert makes [off, end) the i-th piece.
func (g *datagram) insert(i, off, end int, data []byte) {
	g.pieces = append(g.pieces, piece{})
	copy(g.pieces[i+1:], g.pieces[i:])
	g.pieces[i] = piece{off, end, append([]byte(nil), data...)}
	g.have += end - off
	g.bytes += len(data)
}

// decodeDatagram decodes a whole datagram. The segment's offsets
// are those of the fragment that came last: its IP header, and no TCP header,
// since that is in one packet and the payload in several.
func (d *Decoder) decodeDatagram(p *capture.Packet, s *Segment, g *datagram, l3 int) bool {
	b := d.fragments.join(g)
	c := chain{next: g.proto}
	if !c.is(ProtoTCP) {
		c.follow(b)
	}
	if c.cut || !c.is(ProtoTCP) {
		d.stats.NonTCP++
		return false
	}
	s.L3, s.L4 = uint32(l3), 0
	ok := d.decodeTCP(p, s, b[c.len:], g.total-c.len)
	s.Data = 0
	s.Parts = g.parts[:len(g.parts)-1]
	return ok
}

// join returns the captured bytes of a datagram up to the first that is
// missing because a fragment was cut by the snaplen.
func (f *fragments) join(g *datagram) []byte {
	f.whole = f.whole[:0]
	for _, q := range g.pieces {
		f.whole = append(f.whole, q.data...)
		if len(q.data) < q.end-q.off {
			break
		}
	}
	return f.whole
}
