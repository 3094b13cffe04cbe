package reassembly

import "github.com/pcapmesh/pcapmesh/capture"

// Marks that the assembler keeps beside the id of a packet, so that a second
// reading takes the same decisions at the same packets. Table.At hides them;
// a duplicate stays visible as HalfID.Dup.
const (
	forceMark HalfID = 1 << 30 // the total of held bytes was at its limit: gaps of the half became final here
	bindMark  HalfID = 1 << 29 // the half was bound to its partner here
	markBits         = dupMark | forceMark | bindMark
)

// ID returns the id by itself, without what Dup tells.
func (id HalfID) ID() HalfID { return id &^ markBits }

// Dup reports whether the packet is a further copy of one seen before.
func (id HalfID) Dup() bool { return id&dupMark != 0 }

// idChunk is the number of ids per chunk: 64 KiB, one chunk for a small input.
const idChunk = 1 << 14

// ids holds one HalfID per packet of one input.
type ids struct {
	chunks  []*[idChunk]HalfID
	packets uint32 // highest packet number set
}

func (t *ids) at(packet uint32) HalfID {
	i := packet - 1 // packet 0 wraps around and is out of range
	if int(i/idChunk) >= len(t.chunks) {
		return 0
	}
	c := t.chunks[i/idChunk]
	if c == nil {
		return 0
	}
	return c[i%idChunk]
}

// slot returns the place of a packet's id, packet ≥ 1. Chunks that no packet
// falls into are not allocated.
func (t *ids) slot(packet uint32) *HalfID {
	i := packet - 1
	for int(i/idChunk) >= len(t.chunks) {
		t.chunks = append(t.chunks, nil)
	}
	if t.chunks[i/idChunk] == nil {
		t.chunks[i/idChunk] = new([idChunk]HalfID)
	}
	t.packets = max(t.packets, packet)
	return &t.chunks[i/idChunk][i%idChunk]
}

// A HalfSet is a set of half ids, one bit each. The zero HalfSet is empty and
// ready to use.
type HalfSet struct{ words []uint64 }

// Add puts id into the set. Marks of id are ignored.
func (s *HalfSet) Add(id HalfID) {
	id = id.ID()
	for int(id/64) >= len(s.words) {
		s.words = append(s.words, 0)
	}
	s.words[id/64] |= 1 << (id % 64)
}

// Has reports whether id is in the set. Marks of id are ignored.
func (s *HalfSet) Has(id HalfID) bool {
	id = id.ID()
	return int(id/64) < len(s.words) && s.words[id/64]>>(id%64)&1 != 0
}

// Empty reports whether the set has no ids.
func (s *HalfSet) Empty() bool {
	for _, w := range s.words {
		if w != 0 {
			return false
		}
	}
	return true
}

// idsOf returns the ids of an input, growing the table as needed.
func (t *Table) idsOf(input uint32) *ids {
	for int(input) >= len(t.inputs) {
		t.inputs = append(t.inputs, ids{})
	}
	return &t.inputs[input]
}

// set stores the id of a packet; ref.Packet is ≥ 1. The marks that the
// assembler keeps beside it stay.
func (t *Table) set(ref capture.Ref, id HalfID) {
	p := t.idsOf(ref.Input).slot(ref.Packet)
	*p = *p&(forceMark|bindMark) | id
}

// At returns the id of a packet: 0 when the packet is not TCP or unknown, with
// Dup when it is a duplicate.
func (t *Table) At(ref capture.Ref) HalfID {
	return t.marked(ref) &^ (forceMark | bindMark)
}

// Packets returns the number of the input's last packet that has an id.
func (t *Table) Packets(input uint32) uint32 {
	if int(input) >= len(t.inputs) {
		return 0
	}
	return t.inputs[input].packets
}

func (t *Table) marked(ref capture.Ref) HalfID {
	if int(ref.Input) >= len(t.inputs) {
		return 0
	}
	return t.inputs[ref.Input].at(ref.Packet)
}
