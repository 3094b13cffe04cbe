package streams

import (
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/align"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Directions: of requests, and of responses.
const (
	requests = iota
	responses
)

// A lane is one connection of HTTP/2 under TLS.
type lane struct {
	leg      *graph.Leg
	channels [2]*channel
	seats    []*graph.Exchange // what was found on it
}

// A channel is one direction of a lane, and what it may have carried.
type channel struct {
	units    []*scan.Unit // records of data
	records  []align.Record
	bySize   map[int64][]int64 // by length of a record: when there were such
	who      []int             // exchanges whose message it may have carried, in their order
	messages []align.Message   // of those
	places   [][]align.Place   // of those, as weighed last
	word     []float64         // by exchange: odds that it is there, by what was seen
	untold   float64           // the share of records that nothing explains
}

// lanes lists the legs of one side that are HTTP/2 under TLS. A log that ties exchanges
// to one of them as a whole does not tell the others.
func lanes(c *crossing.Crossing, legs []*graph.Leg) (out []*lane) {
	var measured []*turn.Leg
	for _, l := range crossing.Unreadable(legs) {
		if l.Protocol == flow.ProtocolTLS && (!c.Busy[l] || c.Logged[l]) && slices.ContainsFunc(l.TLS.ALPN, func(p string) bool { return strings.HasSuffix(p, "h2") }) {
			measured = append(measured, turn.NewLeg(c.Index, l))
		}
	}
	turn.SettleTickets(measured)
	for _, v := range measured {
		if v.Sealed() && (v.Leg.OnlyHTTP2() || v.SpeaksH2()) {
			out = append(out, &lane{leg: v.Leg, channels: [2]*channel{newChannel(v.Orig), newChannel(v.Reply)}})
		}
	}
	return out
}

// newChannel lists the records of a direction. The first head of a connection stands behind
// the preface, in the same record or in one of its own.
func newChannel(s *turn.Side) *channel {
	ch := &channel{units: s.From(), bySize: make(map[int64][]int64)}
	warm := false
	for i, u := range ch.units {
		r := align.Record{At: u.At.Nanos, Size: s.Size(u)}
		if !warm && !turn.Control(r.Size) {
			r.Cold, warm = true, i > 0 || r.Size > turn.MaxGreeting
		}
		ch.records = append(ch.records, r)
		ch.bySize[r.Size] = append(ch.bySize[r.Size], r.At)
	}
	return ch
}

// hasBody reports whether a record holds just a body of n bytes, and maybe the end of its
// stream, about the given time.
func (ch *channel) hasBody(n, at, within int64) bool {
	return anyNear(ch.bySize[n+frame], at, within) || anyNear(ch.bySize[n+2*frame], at, within)
}

// anyNear reports whether one of the times, which are in order, is near another.
func anyNear(times []int64, at, within int64) bool {
	i, _ := slices.BinarySearch(times, at-within)
	return i < len(times) && times[i] <= at+within
}

// typical returns how likely a length of this direction is of which nothing is known.
func (ch *channel) typical() float64 {
	sum := 64.0
	for i := range ch.records {
		sum += float64(ch.records[i].Size)
	}
	return float64(len(ch.records)+1) / (2 * sum)
}
