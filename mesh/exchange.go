package mesh

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// An exchange is one request and its response on a leg. One of them may be
// missing in the capture.
type exchange struct {
	leg       *workLeg
	no        int           // 0-based, in the order of requests on the leg
	req, resp *scan.Message // nil when not captured
	scan      *scan.Scan    // of the request's half
	respScan  *scan.Scan
	floor     int64          // when the exchange before it on the leg was over
	hidden    *hidden        // nil unless it cannot be read
	log       *recorded.Line // what the proxy logged of it; nil if nothing is known
}

// start returns when the exchange began, at the earliest.
func (e *exchange) start() int64 {
	if e.req != nil {
		return e.req.From.Nanos
	}
	return e.floor
}

// begun returns a time by which the exchange had begun.
func (e *exchange) begun() int64 {
	if e.req != nil {
		return e.req.From.Nanos
	}
	return e.resp.From.Nanos
}

// end returns when the exchange was over, as far as it was captured.
func (e *exchange) end() int64 {
	if e.resp != nil {
		return e.resp.To.Nanos
	}
	return e.req.To.Nanos
}

// ref returns the packet that shows the exchange.
func (e *exchange) ref() capture.Ref {
	if e.req != nil {
		return e.req.From.Ref
	}
	return e.resp.From.Ref
}

// status returns the response's status code; 0 when it was not captured.
func (e *exchange) status() int {
	if e.resp == nil {
		return 0
	}
	return int(e.resp.Status)
}

// id returns the request id that either message carries.
func (e *exchange) id() string {
	if e.req != nil && e.req.ID.Len() > 0 && !e.req.Is(scan.MsgLooseID) {
		return e.scan.Text.String(e.req.ID)
	}
	if e.resp != nil && e.resp.ID.Len() > 0 && !e.resp.Is(scan.MsgLooseID) {
		return e.respScan.Text.String(e.resp.ID)
	}
	return ""
}

func (e *exchange) method() string {
	if e.req == nil {
		return ""
	}
	return e.scan.Text.String(e.req.Method)
}

func (e *exchange) target() string {
	if e.req == nil {
		return ""
	}
	return e.scan.Text.String(e.req.Target)
}

// pairExchanges pairs the requests and responses of a leg.
//
// Order alone pairs them on a whole connection. Where messages were lost, or
// came before the capture, the acknowledgements tell: a response answers no
// request that its sender had not received the beginning of, and once a
// request shows that its sender had more of the other side than when it sent
// the one before, the response to the one before is over.
func pairExchanges(x *index.Index, l *workLeg) []exchange {
	if l.multiplexed() {
		return pairStreams(x, l)
	}
	p := index.NewPairing(x, l.conn.Pair)
	return pairInOrder(p, l)
}

// looseBytes tells whether bytes of c were seen that belong to no message, as
// far as that is certain: those of messages whose heads were lost.
func looseBytes(x *index.Index, c *conn) bool {
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

func pairInOrder(p *index.Pairing, l *workLeg) []exchange {
	var out []exchange
	emit := func(req, resp *scan.Message) {
		e := exchange{leg: l, no: len(out), req: req, resp: resp, scan: p.ReqScan, respScan: p.RespScan, floor: l.Start}
		if n := len(out); n > 0 {
			e.floor = out[n-1].end()
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
