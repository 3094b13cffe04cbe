package reassembly

import (
	"iter"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// A Table is the result of reading one group of inputs: its halves and the
// half of every packet. The zero Table is empty and ready for NewAssembler.
// It is not safe for concurrent use while it is being filled; afterwards any
// number of readers may share it.
//
// A half takes 192 bytes and a packet 4; nothing else grows.
type Table struct {
	halves slab[Half]
	inputs []ids
	limits limits
}

// Len returns the number of halves; their ids are 1 to Len.
func (t *Table) Len() int { return max(int(t.halves.n), 1) - 1 }

// Half returns the half with the given id, which must be in 1 to Len. Its
// address does not change.
func (t *Table) Half(id HalfID) *Half { return t.halves.at(uint32(id.ID())) }

// Connections iterates over the connections as far as reading has bound their halves:
// the half of the end that sent the SYN, or else spoke first, and the half that answers
// it. A half that was bound to none comes with 0 at its place: one that answered a SYN
// as the second, others as the first. The order is that of the first packets.
func (t *Table) Connections() iter.Seq2[HalfID, HalfID] {
	return func(yield func(orig, reply HalfID) bool) {
		for id := HalfID(1); int(id) <= t.Len(); id++ {
			h := t.Half(id)
			orig, reply := id, HalfID(0)
			switch {
			case h.Partner != 0 && h.Partner < id:
				continue // came with its partner
			case h.Partner != 0:
				orig, reply = inOrder(t, id, h.Partner)
			case h.SYNACK:
				orig, reply = 0, id
			}
			if !yield(orig, reply) {
				return
			}
		}
	}
}

// A keyIndex finds the newest half of a key. It is an open-addressing table of
// 8-byte slots; the keys stand in the halves, and a probe looks at one only
// when 32 bits of the hash agree.
type keyIndex struct {
	slots []keySlot // a power of two, at most 3/4 full
	used  int
}

type keySlot struct {
	tag uint32 // low half of the key's hash; its low bits choose the slot
	id  HalfID // 0 = empty
}

const firstSlots = 1 << 10

// find returns the slot of the key: its own, or the empty one to put it into.
func (x *keyIndex) find(t *Table, k *tcpip.Key, hash uint64) *keySlot {
	mask := uint32(len(x.slots) - 1)
	tag := uint32(hash)
	for i := tag & mask; ; i = (i + 1) & mask {
		e := &x.slots[i]
		if e.id == 0 || e.tag == tag && sameKey(&t.halves.at(uint32(e.id)).Key, k) {
			return e
		}
	}
}

// sameKey is *a == *b, which the compiler would turn into a call.
func sameKey(a, b *tcpip.Key) bool {
	return a.SrcPort == b.SrcPort && a.DstPort == b.DstPort && a.Point == b.Point && a.Src == b.Src && a.Dst == b.Dst
}

// reserve makes room for one more key; it must have been called before find.
// It moves slots.
func (x *keyIndex) reserve() {
	if 4*(x.used+1) <= 3*len(x.slots) {
		return
	}
	old := x.slots
	x.slots = make([]keySlot, max(firstSlots, 2*len(old)))
	mask := uint32(len(x.slots) - 1)
	for _, e := range old {
		if e.id == 0 {
			continue
		}
		i := e.tag & mask
		for x.slots[i].id != 0 {
			i = (i + 1) & mask
		}
		x.slots[i] = e
	}
}

// lookup returns the newest half of the key, 0 when there is none.
func (x *keyIndex) lookup(t *Table, k tcpip.Key) HalfID {
	return x.find(t, &k, k.Hash()).id
}
