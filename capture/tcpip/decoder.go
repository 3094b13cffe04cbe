package tcpip

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// maxNotes is how many oddities a Decoder describes; the rest it only counts.
const maxNotes = 16

// A Note describes an oddity of one packet that did not stop reading.
type Note struct {
	Ref  capture.Ref
	Text string // one line, lower case
}

// A LinkCount says how many packets of a link type there were.
type LinkCount struct {
	Link    linktype.Type
	Packets int
}

// DecodeStats counts what a Decoder met beside segments.
type DecodeStats struct {
	Packets            int         // all packets given to Decode
	NonTCP             int         // packets of other protocols, intact as far as looked at
	Malformed          int         // packets with headers that are cut or contradict themselves
	Duplicates         int         // further copies of packets: on loopback, in several inputs, or as they pass several interfaces
	FragmentsPending   int         // datagrams that wait for more fragments
	FragmentsEvicted   int         // datagrams given up: too old, too many, or overlapping
	UnsupportedPackets []LinkCount // by link type that cannot be decoded, in order of appearance; owned
	Notes              []Note      // the first few malformed packets and given up datagrams; owned
}

// A Decoder turns packets into TCP segments. It keeps fragments that wait for
// their rest, and the last packets of loopback interfaces to tell second
// copies, all bounded. It is not safe for concurrent use.
type Decoder struct {
	points     *Points
	interfaces func(input uint32) []capture.Interface
	sources    [][]source // by input, then interface
	copies     []*copies  // by point; nil when not a loopback point
	passes     []*passes  // by point; nil when it is one interface
	repeats    []*repeats // by point; nil when there is only one input
	fragments  fragments
	stats      DecodeStats
	linkAt     map[linktype.Type]int // index into stats.UnsupportedPackets
}

// NewDecoder returns a Decoder that registers the points it meets with points.
// interfaces returns the interfaces of an input, as capture.Reader.Interfaces, with
// names given by the user in place of those in the file; it is called when a
// packet of an interface not seen before arrives. Packet.Ref.Input and
// Packet.Interface must be small and not negative: they index tables.
func NewDecoder(points *Points, interfaces func(input uint32) []capture.Interface) *Decoder {
	return &Decoder{points: points, interfaces: interfaces}
}

// Stats returns the counts so far.
func (d *Decoder) Stats() DecodeStats {
	s := d.stats
	s.FragmentsPending = d.fragments.pending()
	s.UnsupportedPackets = append([]LinkCount(nil), s.UnsupportedPackets...)
	s.Notes = append([]Note(nil), s.Notes...)
	return s
}

// Decode decodes p into s and reports whether s now holds a TCP segment. It
// does not when p is no TCP packet, is malformed, or is a fragment that is not
// the last one missing; Stats tells which. What s holds then is undefined.
// Otherwise all fields of s are set, Bytes is a part of p.Data or, in a segment
// put together from fragments, of the Decoder. TCP checksums are not looked at:
// offload leaves them wrong in most captures made on the sending host.
func (d *Decoder) Decode(p *capture.Packet, s *Segment) bool {
	d.stats.Packets++
	s.Parts = nil
	l3, typ := p.Link.Network(p.Data)
	switch typ {
	case linktype.EtherIPv4:
		return d.decodeIPv4(p, s, l3)
	case linktype.EtherIPv6:
		return d.decodeIPv6(p, s, l3)
	case linktype.Cut:
		return d.malformed(p, "link header of type %d: have %d bytes", p.Link, len(p.Data))
	case linktype.Unknown:
		d.unsupported(p.Link)
	default:
		d.stats.NonTCP++
	}
	return false
}

// arrive finds the point of an IP packet whose addresses are in s.Key, and
// whether the packet is a second copy. It reports false when there are too many
// points.
func (d *Decoder) arrive(p *capture.Packet, s *Segment, ip []byte) bool {
	pl := d.place(p)
	if pl == nil {
		return d.malformed(p, "more than %d capture points", maxPoints)
	}
	s.Key.Point, s.Dup = pl.point, false
	if pl.watch && (s.Key.Src.IsLoopback() || s.Key.Dst.IsLoopback()) {
		d.points.infos[pl.point].Loopback = true
		pl.copies, pl.watch = at(&d.copies, pl.point), false
	}
	if r := d.repeatsAt(pl.point); r != nil && r.repeated(p, ip, s.IPID) ||
		pl.copies != nil && pl.copies.second(p, ip, s.IPID) ||
		pl.passes != nil && pl.passes.passed(p, ip, s.IPID) {
		s.Dup = true
		d.stats.Duplicates++
	}
	return true
}

// wireLen returns the length of p on the wire, never less than what was
// captured.
func (d *Decoder) wireLen(p *capture.Packet) int { return max(int(p.WireLen), len(p.Data)) }

// short counts a packet with a cut header. It returns false, as malformed does,
// so that Decode can return it.
func (d *Decoder) short(p *capture.Packet, what string, at, need, have int) bool {
	by := "packet"
	if int(p.WireLen) > len(p.Data) {
		by = "snaplen"
	}
	return d.malformed(p, "%s at offset %d: need %d bytes, have %d (%s)", what, at, need, have, by)
}

// malformed counts a packet and describes it if it is among the first.
func (d *Decoder) malformed(p *capture.Packet, format string, args ...any) bool {
	d.stats.Malformed++
	d.note(p.Ref, format, args...)
	return false
}

func (d *Decoder) note(ref capture.Ref, format string, args ...any) {
	if len(d.stats.Notes) < maxNotes {
		d.stats.Notes = append(d.stats.Notes, Note{ref, fmt.Sprintf(format, args...)})
	}
}

// unsupported counts a packet by its link type.
func (d *Decoder) unsupported(link linktype.Type) {
	at, ok := d.linkAt[link]
	if !ok {
		if d.linkAt == nil {
			d.linkAt = map[linktype.Type]int{}
		}
		at = len(d.stats.UnsupportedPackets)
		d.linkAt[link] = at
		d.stats.UnsupportedPackets = append(d.stats.UnsupportedPackets, LinkCount{Link: link})
	}
	d.stats.UnsupportedPackets[at].Packets++
}
