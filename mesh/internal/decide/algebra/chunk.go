package algebra

import (
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A proxy cuts a body into other chunks, or writes it whole. So of a message in chunks the
// difference of lengths is not one value: the other side has any framing from none on.

const (
	leastFraming = 5 + 5 // bytes that frame one short chunk and the last, empty one
	manyChunks   = 2     // how many times as much framing the other side may have
	mostFraming  = 512   // and how much at most
)

// framing returns how many bytes frame the chunks of a message that can be read.
func framing(e *graph.Exchange, m *scan.Message) int64 {
	if e.Outline != nil || e.Leg.Protocol != flow.ProtocolHTTP1 || m == nil {
		return 0
	}
	return m.Framing()
}

// reframed returns the likeliest difference of lengths of a message of which one side is
// framed by so many bytes, if the other was cut otherwise, and how much likelier it
// is between exchanges that belong together than between others.
func (a *algebra) reframed(m *message, d, u int64) (x int64, best float64) {
	bare, sign := d-u+m.framed[1], int64(-1)
	if m.framed[0] > 0 {
		bare, sign = d-u-m.framed[0], 1
	}
	x, best = bare, a.shifts[m.k].Ratio(m.peer, bare, m.own)
	most := min(manyChunks*(m.framed[0]+m.framed[1])+leastFraming, mostFraming)
	width := float64(most - leastFraming + 1)
	for n := int64(leastFraming); n <= most; n++ {
		if p := a.shifts[m.k].Ratio(m.peer, bare+sign*n, m.own) / width; p > best {
			x, best = bare+sign*n, p
		}
	}
	return x, best
}
