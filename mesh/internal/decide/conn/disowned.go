package conn

import (
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A disowned half is what is left of an earlier connection when its client dials
// between the same ends again: a server that still holds it open answers the SYN
// with an ACK of the old numbers (RFC 5961 §4), the client resets exactly that, and
// sends its SYN again.
type disowned struct {
	Stray
	by index.HalfNo // the half of the SYN
}

// A dialled end is a directed tuple at one place.
type dialled struct {
	place index.Place
	key   tcpip.Key
}

// A refused number is what a client has reset.
type refused struct {
	place  index.Place
	client tcpip.Addr
	number uint32
}

// setAside finds disowned halves and takes them out of those that are to be paired:
// they are no connection that anybody had.
func (b *binder) setAside() {
	resets := b.asideResets()
	if len(resets) == 0 {
		return
	}
	for h := range b.x.Halves {
		half := b.x.Half(h)
		by := resets[refused{b.x.Place(h), half.Key.Dst, half.FirstAck}]
		if by != 0 && b.partner[h] == 0 && isBareAck(half) && half.FirstTime >= b.x.Half(by).FirstTime {
			b.aside(h, by, true)
		}
	}
}

// asideResets sets the resets aside, and returns the halves of the SYNs before them
// by what was reset.
func (b *binder) asideResets() map[refused]index.HalfNo {
	resets := make(map[dialled]bool)
	for h := range b.x.Halves {
		if half := b.x.Half(h); b.partner[h] == 0 && isBareReset(half) {
			resets[dialled{b.x.Place(h), half.Key}] = true
		}
	}
	found := make(map[refused]index.HalfNo)
	if len(resets) == 0 {
		return found
	}
	last := make(map[dialled]index.HalfNo) // of the SYNs so far
	for h := range b.x.Halves {
		half := b.x.Half(h)
		at := dialled{b.x.Place(h), half.Key}
		switch by := last[at]; {
		case half.SYN && !half.SYNACK && resets[at]:
			last[at] = h
		case by != 0 && b.partner[h] == 0 && isBareReset(half):
			b.aside(h, by, false)
			found[refused{at.place, half.Key.Src, half.Base}] = by
		}
	}
	return found
}

// aside makes h one that will not be paired: its partner is itself.
func (b *binder) aside(h, by index.HalfNo, reply bool) {
	b.partner[h] = h
	b.disowned = append(b.disowned, disowned{Stray{h, reply}, by})
}

// isBareReset reports whether a half is nothing but a reset without an
// acknowledgement.
func isBareReset(h *reassembly.Half) bool {
	return h.RST && !h.SYN && !h.HasAck && h.Packets == 1 && h.Bytes+h.Missing == 0
}

// isBareAck reports whether a half says nothing but one and the same
// acknowledgement.
func isBareAck(h *reassembly.Half) bool {
	return h.HasAck && h.FirstAck == h.LastAck && !h.SYN && !h.FIN && !h.RST && h.Bytes+h.Missing == 0
}

// attachDisowned gives disowned halves to the connections that their clients dialled
// instead, with which they are written.
func (b *binder) attachDisowned() {
	if len(b.disowned) == 0 {
		return
	}
	asked := make(map[index.HalfNo]*Conn)
	for _, c := range b.conns {
		asked[c.Orig] = c
	}
	for _, d := range b.disowned {
		c := asked[d.by]
		c.Strays = append(c.Strays, d.Stray)
		c.End = max(c.End, int64(b.x.Half(d.Half).LastTime))
	}
}
