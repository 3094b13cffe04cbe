package reassembly

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// gone marks a half whose state was given back.
const gone = ^uint32(0)

// again is what an assembler knows in a later reading: which halves to deliver
// and which to watch, and where their states are.
type again struct {
	want  *HalfSet
	watch HalfSet // partners of wanted halves and their next incarnations
	slots [][]uint32
}

// Again returns an assembler that delivers to c the halves in want as the first
// reading did: the same events with the same offsets, except that skipping is
// up to c. t must be complete and is not changed. The segments must be added in
// the order of the first reading; those that Wants refuses may be left out.
func Again(t *Table, want *HalfSet, c Consumer) *Assembler {
	g := &again{want: want, slots: make([][]uint32, (t.Len()+slabLen)/slabLen)}
	for id := HalfID(1); int(id) <= t.Len(); id++ {
		h := t.Half(id)
		if want.Has(h.Partner) || want.Has(h.prev) {
			g.watch.Add(id)
		}
	}
	return &Assembler{t: t, out: c, limits: t.limits, again: g}
}

// Wants reports whether a later reading has a use for the packet, so that others
// need not be decoded. The first reading wants all.
func (a *Assembler) Wants(ref capture.Ref) bool {
	if a.again == nil {
		return true
	}
	id := a.t.marked(ref)
	return id != 0 && !id.Dup() && (a.again.want.Has(id) || a.again.watch.Has(id))
}

// repeat is Add for a later reading.
func (a *Assembler) repeat(s *tcpip.Segment) HalfID {
	mark := a.t.marked(s.Ref)
	if a.Wants(s.Ref) {
		a.rerun(mark, s)
	}
	return mark &^ (forceMark | bindMark)
}

// rerun repeats what the first reading did with a segment. From a half that is
// only watched its partner takes what was acknowledged, and that a packet passed.
func (a *Assembler) rerun(mark HalfID, s *tcpip.Segment) {
	id := mark.ID()
	slot := a.slot(id)
	if slot == 0 && !a.begun(id) {
		slot = a.restart(id, s)
	}
	if slot == 0 {
		return
	}
	if mark&bindMark != 0 {
		a.rejoin(id, slot)
	}
	l := a.lives.at(slot)
	if a.again.want.Has(id) {
		a.run(l, &a.spare, s, mark&forceMark != 0)
		return
	}
	l.heard(s)
	if l.slow&peerWaits != 0 {
		a.wake(l)
	}
}

// restart makes the state of a half at its first packet, after the end of the
// incarnation before it.
func (a *Assembler) restart(id HalfID, s *tcpip.Segment) uint32 {
	h := a.t.Half(id)
	if a.again.want.Has(h.prev) {
		a.closeLeft(h.prev, EndReuse)
	}
	var slot uint32
	if a.again.want.Has(id) {
		slot = a.start(id, s)
		if a.again.want.Has(h.Partner) && a.begun(h.Partner) {
			a.out.Bind(inOrder(a.t, id, h.Partner))
		}
	} else {
		slot = a.lives.get()
		*a.lives.at(slot) = live{id: id}
	}
	a.setSlot(id, slot)
	return slot
}

// rejoin links the states of a half and its partner where the first reading did.
func (a *Assembler) rejoin(id HalfID, slot uint32) {
	if p := a.slot(a.t.Half(id).Partner); p != 0 {
		a.join(slot, p)
	}
}

// place returns where the slot of a half stands in a later reading.
func (g *again) place(id HalfID) *uint32 {
	i := id.ID()
	if g.slots[i/slabLen] == nil {
		g.slots[i/slabLen] = make([]uint32, slabLen)
	}
	return &g.slots[i/slabLen][i%slabLen]
}

// begun reports whether a half has had its first packet in a later reading.
func (a *Assembler) begun(id HalfID) bool { return *a.again.place(id) != 0 }

// slot returns the state of a half, 0 when it has none (any more).
func (a *Assembler) slot(id HalfID) uint32 {
	if a.again == nil {
		return a.t.Half(id).slot
	}
	if s := *a.again.place(id); s != gone {
		return s
	}
	return 0
}

func (a *Assembler) setSlot(id HalfID, slot uint32) {
	if a.again == nil {
		a.t.Half(id).slot = slot
		return
	}
	*a.again.place(id) = slot
}

// free gives the state of a half back.
func (a *Assembler) free(l *live) {
	slot := a.slot(l.id)
	l.peer = 0
	if a.again == nil {
		a.setSlot(l.id, 0)
	} else {
		a.setSlot(l.id, gone)
	}
	a.lives.put(slot)
}
