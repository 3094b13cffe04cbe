package capture

import "io"

// A Merger puts the packets of several Readers in the order of their
// timestamps. Packets with the same time come in the order in which the
// Readers were given, but those that a snaplen cut after those of which less is
// missing: of copies the fullest comes first. The packets of one Reader keep their
// order, whatever their times. It is not safe for concurrent use, and owns no Reader.
type Merger struct {
	only *Reader   // set when there is just one: nothing is to be compared
	rest []*Reader // not read from yet, in order

	heap  []mergeHead // smallest first; heads[0] was handed out if taken
	taken bool
}

// A mergeHead is the packet that a Reader offers.
type mergeHead struct {
	packet *Packet
	nanos  Time
	lacks  int // bytes that were not captured
	order  int // of the Reader
	reader *Reader
}

// before reports whether h comes first.
func (h *mergeHead) before(o *mergeHead) bool {
	switch {
	case h.nanos != o.nanos:
		return h.nanos < o.nanos
	case h.lacks != o.lacks:
		return h.lacks < o.lacks
	}
	return h.order < o.order
}

// lacking returns how many bytes of a packet were not captured.
func lacking(p *Packet) int { return max(int(p.WireLen)-len(p.Data), 0) }

// NewMerger merges the packets of rs.
func NewMerger(rs ...*Reader) *Merger {
	if len(rs) == 1 {
		return &Merger{only: rs[0]}
	}
	return &Merger{rest: rs, heap: make([]mergeHead, 0, len(rs))}
}

// Next returns the next packet, valid until the next call. A Reader that fails
// gives its error once, without a packet, and the others go on; io.EOF comes
// when all have ended.
func (m *Merger) Next() (*Packet, error) {
	if m.only != nil {
		p, err := m.only.Next()
		if err != nil {
			m.only = nil
		}
		return p, err
	}
	if m.taken {
		if err := m.advance(); err != nil {
			return nil, err
		}
	}
	if err := m.open(); err != nil {
		return nil, err
	}
	if len(m.heap) == 0 {
		return nil, io.EOF
	}
	m.taken = true
	return m.heap[0].packet, nil
}

// open reads the first packets.
func (m *Merger) open() error {
	for len(m.rest) > 0 {
		r := m.rest[0]
		order := cap(m.heap) - len(m.rest)
		m.rest = m.rest[1:]
		p, err := r.Next()
		if err == nil {
			m.push(mergeHead{p, p.Time, lacking(p), order, r})
		} else if err != io.EOF {
			return err
		}
	}
	return nil
}

// advance replaces the packet handed out last by the next one of its Reader.
func (m *Merger) advance() error {
	m.taken = false
	top := &m.heap[0]
	p, err := top.reader.Next()
	if err == nil {
		top.packet, top.nanos, top.lacks = p, p.Time, lacking(p)
		m.sink()
		return nil
	}
	last := len(m.heap) - 1
	m.heap[0] = m.heap[last]
	m.heap = m.heap[:last]
	m.sink()
	if err == io.EOF {
		return nil
	}
	return err
}

// push adds h and lets it rise to its place.
func (m *Merger) push(h mergeHead) {
	m.heap = append(m.heap, h)
	for i := len(m.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !m.heap[i].before(&m.heap[parent]) {
			return
		}
		m.heap[i], m.heap[parent] = m.heap[parent], m.heap[i]
		i = parent
	}
}

// sink lets the first head fall to its place.
func (m *Merger) sink() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(m.heap) {
			return
		}
		if right := child + 1; right < len(m.heap) && m.heap[right].before(&m.heap[child]) {
			child = right
		}
		if !m.heap[child].before(&m.heap[i]) {
			return
		}
		m.heap[i], m.heap[child] = m.heap[child], m.heap[i]
		i = child
	}
}
