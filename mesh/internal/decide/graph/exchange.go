package graph

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// An Exchange is one request and its response on a leg. One of them may be
// missing in the capture.
type Exchange struct {
	Leg       *Leg
	No        int           // 0-based, in the order of requests on the leg
	Req, Resp *scan.Message // nil when not captured
	Scan      *scan.Scan    // of the request's half
	RespScan  *scan.Scan
	Floor     int64          // when the exchange before it on the leg was over
	Outline   *Outline       // nil unless it cannot be read
	Log       *recorded.Line // what the proxy logged of it; nil if nothing is known
}

// Start returns when the exchange began, at the earliest.
func (e *Exchange) Start() int64 {
	if e.Req != nil {
		return e.Req.From.Nanos
	}
	return e.Floor
}

// KnownBy returns a time by which the exchange had begun.
func (e *Exchange) KnownBy() int64 {
	if e.Req != nil {
		return e.Req.From.Nanos
	}
	return e.Resp.From.Nanos
}

// End returns when the exchange was over, as far as it was captured.
func (e *Exchange) End() int64 {
	if e.Resp != nil {
		return e.Resp.To.Nanos
	}
	return e.Req.To.Nanos
}

// Ref returns the packet that shows the exchange.
func (e *Exchange) Ref() capture.Ref {
	if e.Req != nil {
		return e.Req.From.Ref
	}
	return e.Resp.From.Ref
}

// Status returns the response's status code; 0 when it was not captured.
func (e *Exchange) Status() int {
	if e.Resp == nil {
		return 0
	}
	return int(e.Resp.Status)
}

// ID returns the request id that either message carries.
func (e *Exchange) ID() string {
	if e.Req != nil && e.Req.ID.Len() > 0 && !e.Req.Is(scan.MsgLooseID) {
		return e.Scan.Text.String(e.Req.ID)
	}
	if e.Resp != nil && e.Resp.ID.Len() > 0 && !e.Resp.Is(scan.MsgLooseID) {
		return e.RespScan.Text.String(e.Resp.ID)
	}
	return ""
}

// Method returns the request's method; "" when it is not known.
func (e *Exchange) Method() string {
	if e.Req == nil {
		return ""
	}
	return e.Scan.Text.String(e.Req.Method)
}

// Target returns the request's target; "" when it is not known.
func (e *Exchange) Target() string {
	if e.Req == nil {
		return ""
	}
	return e.Scan.Text.String(e.Req.Target)
}

// FindExchanges finds the exchanges of all legs, and which have bytes that belong to
// none.
func FindExchanges(x *index.Index, legs []*Leg) {
	for _, l := range index.Each(x, legs) {
		l.Exchanges = pairExchanges(x, l)
		l.Loose = looseBytes(x, l.Conn)
	}
}

// pairExchanges pairs the requests and responses of a leg.
//
// Order alone pairs them on a whole connection. Where messages were lost, or
// came before the capture, the acknowledgements tell: a response answers no
// request that its sender had not received the beginning of, and once a
// request shows that its sender had more of the other side than when it sent
// the one before, the response to the one before is over.
func pairExchanges(x *index.Index, l *Leg) []Exchange {
	if l.Multiplexed() {
		return PairStreams(x, l)
	}
	p := index.NewPairing(x, l.Conn.Pair)
	return pairInOrder(p, l)
}

// looseBytes reports whether bytes of c were seen that belong to no message, as
// far as that is certain: those of messages whose heads were lost.
func looseBytes(x *index.Index, c *conn.Conn) bool {
	for h := range c.Halves {
		r := x.Content(h)
		if r.Unframed {
			return true
		}
		if r.Lost == 0 && r.Start || r.Proto != scan.ProtoRequests && r.Proto != scan.ProtoResponses || r.Tunnel >= 0 {
			continue
		}
		covered := int64(0)
		for _, m := range scan.ListMessages(x.ScanOf(h), r, r.Proto) {
			from := m.Before
			if m.Is(scan.MsgResync) {
				from = m.Start
			}
			covered += m.End - from
		}
		if covered < x.Seen(h) {
			return true
		}
	}
	return false
}

func pairInOrder(p *index.Pairing, l *Leg) []Exchange {
	var out []Exchange
	emit := func(req, resp *scan.Message) {
		e := Exchange{Leg: l, No: len(out), Req: req, Resp: resp, Scan: p.ReqScan, RespScan: p.RespScan, Floor: int64(l.Start)}
		if n := len(out); n > 0 {
			e.Floor = out[n-1].End()
		}
		out = append(out, e)
	}
	for _, resp := range p.Resps {
		from := p.Next
		req := p.Request(resp)
		for ; from < p.Next && p.Reqs[from] != req; from++ {
			emit(p.Reqs[from], nil)
		}
		emit(req, resp)
	}
	for _, req := range p.Reqs[p.Next:] {
		emit(req, nil)
	}
	return out
}

// Final reports whether u's response may be the one that d was answered with,
// rather than a failed attempt.
func Final(d, u *Exchange) bool {
	return !d.KnowsStatus() || !u.KnowsStatus() || d.Resp.Status == u.Resp.Status
}

// KnowsStatus reports whether the status that e was answered with is known.
func (e *Exchange) KnowsStatus() bool {
	return e.Resp != nil && e.Outline == nil && (e.Resp.Status != 0 || !e.Resp.Is(scan.MsgPartial))
}

// ExchangesOf lists the exchanges of legs that can be read, in the order of
// their start.
func ExchangesOf(legs []*Leg) []*Exchange {
	n := 0
	for _, l := range legs {
		n += len(l.Exchanges)
	}
	es := make([]*Exchange, 0, n)
	for _, l := range legs {
		for i := range l.Exchanges {
			if e := &l.Exchanges[i]; e.Outline == nil {
				es = append(es, e)
			}
		}
	}
	sortByStart(es)
	return es
}

// sortByStart puts exchanges in the order of their start, and those that start
// at the same time in the order they are in. Times are looked up once for each,
// since with many exchanges they are far apart in memory.
func sortByStart(es []*Exchange) {
	type key struct {
		at int64
		i  int
		e  *Exchange
	}
	keys := make([]key, len(es))
	for i, e := range es {
		keys[i] = key{e.Start(), i, e}
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.i, b.i)) })
	for i := range keys {
		es[i] = keys[i].e
	}
}

// Probe reports whether all requests of l name kubelet as their sender.
func (l *Leg) Probe() bool {
	for i := range l.Exchanges {
		if !l.Exchanges[i].Probe() {
			return false
		}
	}
	return len(l.Exchanges) > 0
}

// Probe reports whether kubelet, or the agent in its name, sent the request.
func (e *Exchange) Probe() bool { return e.Req != nil && e.Req.Is(scan.MsgProbe) }

// Lasts returns the latest time at which e may have been going on: for ever,
// when its response was not captured.
func (e *Exchange) Lasts() int64 {
	if e.Resp == nil {
		return 1<<63 - 1
	}
	return e.Resp.To.Nanos
}

// IsHidden reports whether an exchange cannot be read.
func IsHidden(e *Exchange) bool { return e.Outline != nil }

// InLog reports whether a line of a log is of the leg, or of an exchange of it.
func (l *Leg) InLog() bool {
	return l.Log != nil || slices.ContainsFunc(l.Exchanges, func(e Exchange) bool { return e.Log != nil })
}

// AskedByEnvoy reports whether an Envoy sent some request of the leg, by what it writes
// into each: a service that it asks itself shows so, and a copy of what it sent elsewhere.
func (l *Leg) AskedByEnvoy() bool {
	return slices.ContainsFunc(l.Exchanges, func(e Exchange) bool { return e.Req != nil && e.Req.Is(scan.MsgByEnvoy) })
}

// AnsweredByEnvoy reports whether an Envoy wrote some answer of the leg.
func (l *Leg) AnsweredByEnvoy() bool {
	return slices.ContainsFunc(l.Exchanges, func(e Exchange) bool { return e.Resp != nil && e.Resp.Is(scan.MsgByEnvoy) })
}
