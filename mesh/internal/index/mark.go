package index

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Where several pods were captured, packets that two of them saw tell how far their
// clocks are apart. Both have to pick the same packets without asking each other: of
// every direction of a connection, and of every stretch of its sender's timestamps or,
// without those, of its sequence numbers, they keep the packets whose hashes are
// smallest. NAT between them leaves alone what is hashed.
const (
	marksKept    = 4       // of one stretch
	stretchTicks = 1 << 14 // of TSVal, mostly 16 s
	stretchBytes = 1 << 18 // of sequence numbers

	// markLen is the longest payload of a marked packet. What a host sends in one
	// piece may be longer than a packet, and the receiver sees packets, or other
	// pieces: nobody puts together pieces shorter than the smallest MSS there is.
	markLen = 536
)

// A Mark is a packet that other pods may have seen too.
type Mark struct {
	Hash  uint64
	Nanos int64
	Byte  bool // of a long packet: a byte of the stream, which names it only within its connection
}

// A milestone is the first byte of a stretch of sequence numbers. When it went by can
// be compared even if the packets that carried it cannot.
type milestone struct {
	before uint32 // the milestone before it of the same half; 0 = none
	seq    uint32
	nanos  int64
}

// A stretch is the marks of a half in one stretch.
type stretch struct {
	before uint32 // the stretch before it of the same half; 0 = none
	number uint32
	marks  [marksKept]Mark // smallest hash first; a hash of 0 is none
}

// marks is the consumer of segments that keeps marks.
type marks struct {
	stretches  arena.Slab[stretch]   // index 0 is unused
	milestones arena.Slab[milestone] // index 0 is unused
	last       []lastMarks           // by HalfID
}

// lastMarks is the last stretch and the last milestone of a half; 0 = none.
type lastMarks struct{ stretch, milestone uint32 }

func newMarks() *marks {
	m := new(marks)
	m.stretches.Add()
	m.milestones.Add()
	return m
}

// take looks at one segment.
func (m *marks) take(id reassembly.HalfID, s *tcpip.Segment) {
	if s.Flags&(tcpip.FlagSYN|tcpip.FlagRST) != 0 {
		return
	}
	for len(m.last) <= int(id) {
		m.last = append(m.last, lastMarks{})
	}
	if last := s.Seq + s.Wire - 1; s.Wire > 0 && last/stretchBytes != (s.Seq-1)/stretchBytes {
		m.pass(id, last/stretchBytes*stretchBytes, int64(s.Time))
	}
	if s.Wire > markLen {
		return
	}
	number := s.Seq / stretchBytes
	if s.HasTS {
		number = s.TSVal / stretchTicks
	}
	m.stretch(id, number).add(Mark{Hash: hashSegment(s), Nanos: int64(s.Time)})
}

// pass keeps when a half passed a milestone, the first time.
func (m *marks) pass(id reassembly.HalfID, seq uint32, nanos int64) {
	before := m.last[id].milestone
	if before != 0 && int32(seq-m.milestones.At(before).seq) <= 0 {
		return
	}
	i, at := m.milestones.Add()
	*at = milestone{before, seq, nanos}
	m.last[id].milestone = i
}

// stretch returns the stretch of a half with the given number, a new one if that is not
// the last.
func (m *marks) stretch(id reassembly.HalfID, number uint32) *stretch {
	last := &m.last[id].stretch
	if i := *last; i != 0 && m.stretches.At(i).number == number {
		return m.stretches.At(i)
	}
	i, st := m.stretches.Add()
	st.before, st.number, *last = *last, number, i
	return st
}

// add keeps k if its hash is among the smallest. Of a packet that is seen again the
// first time counts.
func (st *stretch) add(k Mark) {
	for i := range st.marks {
		switch at := &st.marks[i]; {
		case at.Hash == k.Hash:
			return
		case at.Hash == 0 || k.Hash < at.Hash:
			*at, k = k, *at
			if k.Hash == 0 {
				return
			}
		}
	}
}

// hashSegment returns a hash of what no NAT changes, never 0.
func hashSegment(s *tcpip.Segment) uint64 {
	var b [20]byte
	binary.LittleEndian.PutUint32(b[:], s.Seq)
	binary.LittleEndian.PutUint32(b[4:], s.Ack)
	if s.HasTS {
		binary.LittleEndian.PutUint32(b[8:], s.TSVal)
		binary.LittleEndian.PutUint32(b[12:], s.TSEcr)
	}
	binary.LittleEndian.PutUint32(b[16:], s.Wire)
	return max(xxhash.Sum64(b[:]), 1)
}

// correct puts right the times of the marks of a half.
func (m *marks) correct(id reassembly.HalfID, clock func(int64) int64) {
	if int(id) >= len(m.last) {
		return
	}
	for i := m.last[id].stretch; i != 0; {
		st := m.stretches.At(i)
		for k := range st.marks {
			st.marks[k].Nanos = clock(st.marks[k].Nanos)
		}
		i = st.before
	}
	for i := m.last[id].milestone; i != 0; {
		at := m.milestones.At(i)
		at.nanos = clock(at.nanos)
		i = at.before
	}
}

// Marks lists the marks of half h, in no order that matters.
func (x *Index) Marks(h HalfNo) []Mark {
	g, id := x.Locate(h)
	m := x.Groups[g].marks
	if m == nil || int(id) >= len(m.last) {
		return nil
	}
	var out []Mark
	for i := m.last[id].stretch; i != 0; {
		st := m.stretches.At(i)
		for _, k := range st.marks {
			if k.Hash != 0 {
				out = append(out, k)
			}
		}
		i = st.before
	}
	for i := m.last[id].milestone; i != 0; {
		at := m.milestones.At(i)
		out = append(out, Mark{uint64(at.seq), at.nanos, true})
		i = at.before
	}
	return out
}
