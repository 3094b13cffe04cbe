package index

import (
	"cmp"

	"github.com/pcapmesh/pcapmesh/capture"
)

// Before orders packets of one moment: by input, then by number.
func Before(a, b capture.Ref) bool {
	return a.Input < b.Input || a.Input == b.Input && a.Packet < b.Packet
}

// Causality is how much earlier than its cause an effect may be stamped, in
// nanoseconds: packets of two interfaces are stamped on different CPUs.
const Causality = 50_000

// A Moment orders packets: by time, then by input, then by number.
type Moment struct {
	Nanos int64
	Ref   capture.Ref
}

// Compare returns -1, 0 or 1 as m comes before, is, or comes after o.
func (m Moment) Compare(o Moment) int {
	return cmp.Or(cmp.Compare(m.Nanos, o.Nanos), cmp.Compare(m.Ref.Input, o.Ref.Input), cmp.Compare(m.Ref.Packet, o.Ref.Packet))
}
