package hbone

import (
	"cmp"
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A burst is what one side of a connection sends before it hears from the
// other: the unit that goes through a tunnel in DATA frames of its own.
type burst struct {
	reply     bool
	n         int64
	at, until int64 // nanoseconds: its first and its last byte
}

// burstsOf lists the bursts of both sides of a leg, in order of time. Of HTTP
// the messages are known, of other plain bytes the units, of TLS the records.
func burstsOf(x *index.Index, l *graph.Leg) []burst {
	var bs []burst
	for i := range l.Exchanges {
		e := &l.Exchanges[i]
		for _, m := range [2]*scan.Message{e.Req, e.Resp} {
			if m != nil && m.End > m.Before {
				bs = append(bs, burst{m == e.Resp, m.End - m.Before, m.From.Nanos, m.To.Nanos})
			}
		}
	}
	if len(bs) == 0 {
		bs = append(unitBursts(x, l.Conn.Orig, false), unitBursts(x, l.Conn.Reply, true)...)
	}
	slices.SortStableFunc(bs, func(a, b burst) int { return cmp.Compare(a.at, b.at) })
	return bs[:min(len(bs), maxBursts)]
}

// unitBursts lists the bursts of one half; records in one packet are one.
func unitBursts(x *index.Index, h index.HalfNo, reply bool) []burst {
	if h == 0 {
		return nil
	}
	us := x.UnitsOf(h)
	var bs []burst
	for i, u := range us {
		end := x.Length(h)
		if i+1 < len(us) {
			end = us[i+1].Off
		}
		if u.Kind == scan.UnitHole || end <= u.Off {
			continue
		}
		if n := len(bs); n > 0 && u.Kind != scan.UnitPlain && us[i-1].Kind != scan.UnitHole && us[i-1].At.Ref == u.At.Ref {
			bs[n-1].n += end - u.Off
			bs[n-1].until = u.Until
			continue
		}
		bs = append(bs, burst{reply, end - u.Off, u.At.Nanos, u.Until})
	}
	return bs
}

// window returns when the i-th burst went through the tunnel: on its way to the
// tunnel not before it was seen, and before what answers it; on its way from the
// tunnel not after it was seen, and after what it answers.
func (c *inner) window(i int, toTunnel bool) (from, to int64) {
	b := c.bursts[i]
	if toTunnel {
		to = math.MaxInt64
		for _, k := range c.bursts[i+1:] {
			if k.reply != b.reply && k.at > b.until {
				to = k.until
				break
			}
		}
		return b.at - index.Causality, to
	}
	from = int64(c.leg.Start) - index.Causality // the proxy dialled when the stream began
	for _, k := range slices.Backward(c.bursts[:i]) {
		if k.reply != b.reply && k.until < b.at {
			from = k.at - index.Causality
			break
		}
	}
	return from, b.until + index.Causality
}

// A record is a TLS record of a tunnel.
type record struct {
	n    int64 // of plaintext
	at   int64
	gone bool // belongs to a connection that is tied
}

// A tunnel is a tunnel as seen from outside.
type tunnel struct {
	leg     *graph.Leg
	records [2][]record // by direction, in order of the stream
	bySize  [2]map[int64][]int
	known   bool     // its records are all there
	total   [2]int64 // plaintext
	crowd   int      // how many connections were open when it was opened
}

// newTunnel returns what is known of the tunnel l.
func newTunnel(x *index.Index, l *graph.Leg) *tunnel {
	m := &tunnel{leg: l, bySize: [2]map[int64][]int{make(map[int64][]int), make(map[int64][]int)}}
	v := turn.NewLeg(x.OnWire(), l) // with keys too: of a stream that is damaged its records are left
	m.known = v.Sealed() && !l.Midstream && l.OrigMissing+l.ReplyMissing == 0
	for d, s := range [2]*turn.Side{v.Orig, v.Reply} {
		if s == nil || s.Plain {
			continue
		}
		from := int64(math.MinInt64)
		if len(s.Starts) > 0 {
			from = s.Starts[0]
		}
		for _, u := range s.Data {
			if u.Off >= from {
				m.put(d, record{n: s.Size(u), at: u.At.Nanos})
			}
		}
	}
	return m
}

// holds reports whether as much went through the tunnel as through c, if all of
// that was captured.
func (m *tunnel) holds(c *inner) bool {
	l := c.leg
	return !m.known || m.leg.End < l.End || m.total[0] >= l.Sent() && m.total[1] >= l.Received()
}

// put adds a record.
func (m *tunnel) put(d int, p record) {
	m.bySize[d][p.n] = append(m.bySize[d][p.n], len(m.records[d]))
	m.records[d] = append(m.records[d], p)
	m.total[d] += p.n
}

const (
	// maxConnect is the length of the head of a CONNECT with what ztunnel adds to
	// it, at the most.
	maxConnect = 512
	// maxControl is the length of a record that holds frames of the connection's
	// own, or the head of an answer.
	maxControl = 64
)

// spent reports whether n connections are all that the tunnel carried: what is
// left are a head for each, what the connection begins with, frames of its own,
// and as much as was not found of theirs, which may be packed with such.
func (m *tunnel) spent(n int, unseen [2]int64) bool {
	if len(m.leg.Streams) > 0 {
		return n >= len(m.leg.Streams)
	}
	if !m.known {
		return false
	}
	for d := range m.records {
		var heads []int64
		left := -unseen[d]
		for _, p := range m.records[d] {
			switch {
			case p.gone, p.n <= maxControl:
			case p.n <= maxConnect:
				heads = append(heads, p.n)
			default:
				left += p.n - 2*turn.FrameHead
			}
		}
		slices.Sort(heads)
		for _, k := range heads[:max(len(heads)-n-1, 0)] {
			left += k - 2*turn.FrameHead
		}
		if left > 0 {
			return false
		}
	}
	return true
}
