package turn

import (
	"slices"
	"sort"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A Multiplex is a leg that is HTTP/2 as far as can be seen from outside.
type Multiplex struct {
	Leg         *graph.Leg
	Orig, Reply []*scan.Unit // records of data
	Over        int64
	Up          bool // it is the server side of the proxy
}

// SpeaksH2 reports whether TLS leg hides HTTP/2: the client offered it, and a
// record holds nothing but the acknowledgement of settings, which both sides
// send first of all (RFC 9113 §6.5.3).
func (v *Leg) SpeaksH2() bool {
	if !v.Sealed() || !slices.ContainsFunc(v.Leg.TLS.ALPN, func(p string) bool { return p == "h2" || p == "istio-h2" }) {
		return false
	}
	for _, s := range [2]*Side{v.Orig, v.Reply} {
		n := 0
		for _, u := range s.Data {
			if u.Off < s.Starts[0] || n == maxPreface {
				continue
			}
			n++
			if s.Size(u) == FrameHead {
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
	FrameHead    = 9  // RFC 9113 §4.1
	windowUpdate = 13 // RFC 9113 §6.9
	ping         = 17 // RFC 9113 §6.7
	minHeaders   = 11 // a frame with two indexed fields
	// MaxGreeting is the length of the connection preface with settings and an
	// update of the window (RFC 9113 §3.4).
	MaxGreeting = 24 + FrameHead + 8*6 + windowUpdate
	// maxHeads is how many records of one leg are taken for the beginning of
	// one exchange.
	maxHeads = 12
	// fewHeads is after how many requests the table of HPACK has what all have
	// in common.
	fewHeads = 3
)

// Control reports whether a record of n bytes may be frames that belong to no
// stream alone.
func Control(n int64) bool {
	for _, a := range [...]int64{0, FrameHead, windowUpdate, ping} {
		for _, b := range [...]int64{FrameHead, windowUpdate, ping} {
			if n == a+b {
				return true
			}
		}
	}
	return n < minHeaders
}

// From lists the records of data.
func (s *Side) From() []*scan.Unit {
	i := sort.Search(len(s.Data), func(i int) bool { return s.Data[i].Off >= s.Starts[0] })
	return s.Data[i:]
}

// Heads lists the exchanges that may begin on the leg, one for each record that
// may hold the head of a request.
func (m *Multiplex) Heads(x *index.Index) []*graph.Exchange {
	var es []*graph.Exchange
	for i, u := range m.Orig {
		if n := int64(u.Len) - m.Over; Control(n) || i == 0 && n < MaxGreeting {
			continue
		}
		e := &graph.Exchange{Leg: m.Leg, Scan: x.ScanOf(m.Leg.Conn.Orig), RespScan: x.ScanOf(m.Leg.Conn.Reply), Floor: int64(m.Leg.Start)}
		e.Req = MessageOf(m.Orig[i : i+1])
		e.Req.Flags |= scan.MsgRequest
		e.Outline = &graph.Outline{First: i, Nth: min(len(es), fewHeads)}
		es = append(es, e)
	}
	return es
}

// MessageOf returns what is known of a message in the given records.
func MessageOf(us []*scan.Unit) *scan.Message {
	first, last := us[0], us[len(us)-1]
	end := last.Off + tls.HeaderLen + int64(last.Len)
	m := &scan.Message{Before: first.Off, Start: first.Off, HeadEnd: first.Off, End: end, From: first.At, To: last.At,
		ServiceMillis: -1, Flags: scan.MsgComplete | scan.MsgHidden}
	m.To.Nanos = last.Until
	return m
}

// Records are a span of records: indices [From, To).
type Records struct{ From, To int }

// Request returns the records that carry a request whose head is in record i
// and whose body has n bytes, and how many bytes they take beside the body. The
// body is in the same record, or in one that follows, maybe after those of
// other streams.
func (m *Multiplex) Request(i int, n int64) (Records, int64) {
	head := int64(m.Orig[i].Len) - m.Over
	if n == 0 {
		return Records{i, i + 1}, head
	}
	if head == n+FrameHead { // the body itself
		return Records{i, i + 1}, -n
	}
	for k := i + 1; k < min(i+maxHeads, len(m.Orig)); k++ {
		if int64(m.Orig[k].Len)-m.Over == n+FrameHead {
			return Records{i, k + 1}, head
		}
	}
	if head > n+FrameHead+minHeaders {
		return Records{i, i + 1}, head - n - FrameHead
	}
	run, sum := m.Cover(m.Orig, i, n)
	return run, sum - n
}

// Cover returns the fewest records from i on that hold more than n bytes, and
// how many they hold.
func (m *Multiplex) Cover(us []*scan.Unit, i int, n int64) (Records, int64) {
	sum := int64(0)
	for k := i; k < len(us); k++ {
		sum += int64(us[k].Len) - m.Over
		if sum > n+FrameHead {
			return Records{i, k + 1}, sum
		}
	}
	return Records{i, len(us)}, sum
}

// Answers lists the records that may begin the response which the other leg
// shows at the given time.
func (m *Multiplex) Answers(at int64) []int {
	var out []int
	if m.Up {
		k := sort.Search(len(m.Reply), func(i int) bool { return m.Reply[i].At.Nanos > at+index.Causality })
		for i := k - 1; i >= 0 && len(out) < maxHeads; i-- {
			if !Control(int64(m.Reply[i].Len) - m.Over) {
				out = append(out, i)
			}
		}
		return out
	}
	k := sort.Search(len(m.Reply), func(i int) bool { return m.Reply[i].At.Nanos >= at-index.Causality })
	for i := k; i < len(m.Reply) && len(out) < maxHeads; i++ {
		if !Control(int64(m.Reply[i].Len) - m.Over) {
			out = append(out, i)
		}
	}
	return out
}
