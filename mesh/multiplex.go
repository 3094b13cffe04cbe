package mesh

import (
	"slices"
	"sort"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/internal/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// HTTP/2 under TLS has no turns: requests and responses of many streams go over
// one connection at once. But each begins with a frame of its own, which
// implementations send at once, and so in a record of its own. So every record
// that may hold the head of a request stands for an exchange, and for each
// exchange on the other side of the proxy its response is looked for among the
// records that went by when it must have.

// A multiplex is a leg that is HTTP/2 as far as can be seen from outside.
type multiplex struct {
	leg         *graph.Leg
	orig, reply []*scan.Unit // records of data
	over        int64
	up          bool // it is the server side of the proxy
}

// speaksH2 tells whether TLS leg hides HTTP/2: the client offered it, and a
// record holds nothing but the acknowledgement of settings, which both sides
// send first of all (RFC 9113 §6.5.3).
func (v *veil) speaksH2() bool {
	if !v.sealed() || !slices.ContainsFunc(v.leg.TLS.ALPN, func(p string) bool { return p == "h2" || p == "istio-h2" }) {
		return false
	}
	for _, s := range [2]*sealed{v.orig, v.reply} {
		n := 0
		for _, u := range s.data {
			if u.Off < s.starts[0] || n == maxPreface {
				continue
			}
			n++
			if s.size(u) == frameHead {
				return true
			}
		}
	}
	return false
}

const (
	// maxPreface is among how many of the first records settings are
	// acknowledged.
	maxPreface   = 8
	frameHead    = 9  // RFC 9113 §4.1
	windowUpdate = 13 // RFC 9113 §6.9
	ping         = 17 // RFC 9113 §6.7
	minHeaders   = 11 // a frame with two indexed fields
	// maxGreeting is the length of the connection preface with settings and an
	// update of the window (RFC 9113 §3.4).
	maxGreeting = 24 + frameHead + 8*6 + windowUpdate
	// maxHeads is how many records of one leg are taken for the beginning of
	// one exchange.
	maxHeads = 12
	// fewHeads is after how many requests the table of HPACK has what all have
	// in common.
	fewHeads = 3
)

// control tells whether a record of n bytes may be frames that belong to no
// stream alone.
func control(n int64) bool {
	for _, a := range [...]int64{0, frameHead, windowUpdate, ping} {
		for _, b := range [...]int64{frameHead, windowUpdate, ping} {
			if n == a+b {
				return true
			}
		}
	}
	return n < minHeaders
}

// multiplexedLegs lists the legs of one side that are HTTP/2 under TLS.
func multiplexedLegs(c *crossing, legs []*graph.Leg, up bool) []*multiplex {
	var out []*multiplex
	var veils []*veil
	for _, l := range sealedLegs(c, legs) {
		if slices.ContainsFunc(l.TLS.ALPN, func(p string) bool { return strings.HasSuffix(p, "h2") }) {
			veils = append(veils, newVeil(c.x, l))
		}
	}
	settleTickets(veils)
	for _, v := range veils {
		if v.speaksH2() {
			out = append(out, &multiplex{leg: v.leg, orig: v.orig.from(), reply: v.reply.from(), over: v.orig.over, up: up})
		}
	}
	return out
}

// from lists the records of data.
func (s *sealed) from() []*scan.Unit {
	i := sort.Search(len(s.data), func(i int) bool { return s.data[i].Off >= s.starts[0] })
	return s.data[i:]
}

// heads lists the exchanges that may begin on the leg, one for each record that
// may hold the head of a request.
func (m *multiplex) heads(x *index.Index) []*graph.Exchange {
	var es []*graph.Exchange
	for i, u := range m.orig {
		if n := int64(u.Len) - m.over; control(n) || i == 0 && n < maxGreeting {
			continue
		}
		e := &graph.Exchange{Leg: m.leg, Scan: x.ScanOf(m.leg.Conn.Orig), RespScan: x.ScanOf(m.leg.Conn.Reply), Floor: m.leg.Start}
		e.Req = hiddenMessage(m.orig[i : i+1])
		e.Req.Flags |= scan.MsgRequest
		e.Outline = &graph.Outline{First: i, Nth: min(len(es), fewHeads)}
		es = append(es, e)
	}
	return es
}

// hiddenMessage returns what is known of a message in the given records.
func hiddenMessage(us []*scan.Unit) *scan.Message {
	first, last := us[0], us[len(us)-1]
	end := last.Off + tls.HeaderLen + int64(last.Len)
	m := &scan.Message{Before: first.Off, Start: first.Off, HeadEnd: first.Off, End: end, From: first.At, To: last.At,
		ServiceMillis: -1, Flags: scan.MsgComplete | scan.MsgHidden}
	m.To.Nanos = last.Until
	return m
}

// joinMultiplexed ties exchanges to legs that are HTTP/2 under TLS.
func joinMultiplexed(c *crossing) {
	for _, up := range [2]bool{false, true} {
		hiding, reading := c.down, c.up
		if up {
			hiding, reading = reading, hiding
		}
		ms := multiplexedLegs(c, hiding, up)
		es := c.open(graph.ExchangesOf(reading))
		if len(ms) == 0 || len(es) == 0 {
			continue
		}
		joinStreamsOf(c, ms, es, up)
	}
}

// joinStreamsOf ties readable exchanges of one side to multiplexed legs of the
// other.
func joinStreamsOf(c *crossing, ms []*multiplex, es []*graph.Exchange, up bool) {
	var heads []*graph.Exchange
	of := make(map[*graph.Leg]*multiplex)
	for _, m := range ms {
		of[m.leg] = m
		heads = append(heads, m.heads(c.x)...)
		c.busy[m.leg] = true // no turns, whatever becomes of it
	}
	a := &algebra{holes: c.holes(), free: true, multiplexed: true, streamsOf: of, web: assign.Graph{Even: true}}
	if up {
		a.fill(es, heads)
	} else {
		a.fill(heads, es)
	}
	a.byBegin()
	a.bodies()
	a.solve()
	t := &tier{a: a, link: func(d *item, u *item) *graph.Link { return exchangeLink(c, d, u) }, least: believedStream}
	links := t.links()
	for _, l := range links {
		a.complete(l)
		c.add(l)
	}
	for _, m := range ms {
		revealStreams(m, links)
	}
}

// A span of records: indices [from, to).
type recordRun struct{ from, to int }

// request returns the records that carry a request whose head is in record i
// and whose body has n bytes, and how many bytes they take beside the body. The
// body is in the same record, or in one that follows, maybe after those of
// other streams.
func (m *multiplex) request(i int, n int64) (recordRun, int64) {
	head := int64(m.orig[i].Len) - m.over
	if n == 0 {
		return recordRun{i, i + 1}, head
	}
	if head == n+frameHead { // the body itself
		return recordRun{i, i + 1}, -n
	}
	for k := i + 1; k < min(i+maxHeads, len(m.orig)); k++ {
		if int64(m.orig[k].Len)-m.over == n+frameHead {
			return recordRun{i, k + 1}, head
		}
	}
	if head > n+frameHead+minHeaders {
		return recordRun{i, i + 1}, head - n - frameHead
	}
	run, sum := m.cover(m.orig, i, n)
	return run, sum - n
}

// cover returns the fewest records from i on that hold more than n bytes, and
// how many they hold.
func (m *multiplex) cover(us []*scan.Unit, i int, n int64) (recordRun, int64) {
	sum := int64(0)
	for k := i; k < len(us); k++ {
		sum += int64(us[k].Len) - m.over
		if sum > n+frameHead {
			return recordRun{i, k + 1}, sum
		}
	}
	return recordRun{i, len(us)}, sum
}

// answers lists the records that may begin the response which the other leg
// shows at the given time.
func (m *multiplex) answers(at int64) []int {
	var out []int
	if m.up {
		k := sort.Search(len(m.reply), func(i int) bool { return m.reply[i].At.Nanos > at+index.Causality })
		for i := k - 1; i >= 0 && len(out) < maxHeads; i-- {
			if !control(int64(m.reply[i].Len) - m.over) {
				out = append(out, i)
			}
		}
		return out
	}
	k := sort.Search(len(m.reply), func(i int) bool { return m.reply[i].At.Nanos >= at-index.Causality })
	for i := k; i < len(m.reply) && len(out) < maxHeads; i++ {
		if !control(int64(m.reply[i].Len) - m.over) {
			out = append(out, i)
		}
	}
	return out
}

// revealStreams makes the exchanges that were tied the exchanges of the leg.
func revealStreams(m *multiplex, links []*graph.Link) {
	mine := make(map[*graph.Exchange]bool)
	var es []*graph.Exchange
	each := func(yield func(**graph.Exchange)) {
		for _, l := range links {
			yield(&l.Down)
			yield(&l.Up)
			for i := range l.Rivals {
				yield(&l.Rivals[i].Ex)
			}
		}
	}
	each(func(e **graph.Exchange) {
		if *e != nil && (*e).Leg == m.leg && !mine[*e] {
			mine[*e] = true
			es = append(es, *e)
		}
	})
	slices.SortFunc(es, func(a, b *graph.Exchange) int { return a.Outline.First - b.Outline.First })
	place := make(map[*graph.Exchange]int)
	m.leg.Hidden = make([]graph.Exchange, len(es))
	for i, e := range es {
		e.No = i
		m.leg.Hidden[i], place[e] = *e, i
	}
	each(func(e **graph.Exchange) {
		if *e != nil && (*e).Leg == m.leg {
			*e = &m.leg.Hidden[place[*e]]
		}
	})
	m.leg.Exchanges = m.leg.Hidden
}
