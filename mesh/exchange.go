package mesh

import "github.com/pcapmesh/pcapmesh/capture"

// An exchange is one request and its response on a leg. One of them may be
// missing in the capture.
type exchange struct {
	leg       *workLeg
	no        int      // 0-based, in the order of requests on the leg
	req, resp *message // nil when not captured
	scan      *scan    // of the request's half
	respScan  *scan
	floor     int64    // when the exchange before it on the leg was over
	hidden    *hidden  // nil unless it cannot be read
	log       *logLine // what the proxy logged of it; nil if nothing is known
}

// start returns when the exchange began, at the earliest.
func (e *exchange) start() int64 {
	if e.req != nil {
		return e.req.from.nanos
	}
	return e.floor
}

// begun returns a time by which the exchange had begun.
func (e *exchange) begun() int64 {
	if e.req != nil {
		return e.req.from.nanos
	}
	return e.resp.from.nanos
}

// end returns when the exchange was over, as far as it was captured.
func (e *exchange) end() int64 {
	if e.resp != nil {
		return e.resp.to.nanos
	}
	return e.req.to.nanos
}

// ref returns the packet that shows the exchange.
func (e *exchange) ref() capture.Ref {
	if e.req != nil {
		return e.req.from.ref
	}
	return e.resp.from.ref
}

// status returns the response's status code; 0 when it was not captured.
func (e *exchange) status() int {
	if e.resp == nil {
		return 0
	}
	return int(e.resp.status)
}

// id returns the request id that either message carries.
func (e *exchange) id() string {
	if e.req != nil && e.req.id.Len() > 0 && !e.req.is(msgLooseID) {
		return e.scan.text.String(e.req.id)
	}
	if e.resp != nil && e.resp.id.Len() > 0 && !e.resp.is(msgLooseID) {
		return e.respScan.text.String(e.resp.id)
	}
	return ""
}

func (e *exchange) method() string {
	if e.req == nil {
		return ""
	}
	return e.scan.text.String(e.req.method)
}

func (e *exchange) target() string {
	if e.req == nil {
		return ""
	}
	return e.scan.text.String(e.req.target)
}

// pairExchanges pairs the requests and responses of a leg.
//
// Order alone pairs them on a whole connection. Where messages were lost, or
// came before the capture, the acknowledgements tell: a response answers no
// request that its sender had not received the beginning of, and once a
// request shows that its sender had more of the other side than when it sent
// the one before, the response to the one before is over.
func pairExchanges(x *index, l *workLeg) []exchange {
	if l.multiplexed() {
		return pairStreams(x, l)
	}
	p := newPairing(x, l.conn.pair)
	return pairInOrder(p, l)
}

func newPairing(x *index, c pair) *pairing {
	p := &pairing{x: x, c: c}
	if c.orig != 0 {
		p.reqScan = x.scanOf(c.orig)
		p.reqs = listMessages(p.reqScan, x.facts(c.orig), protoRequests)
	}
	if c.reply != 0 {
		p.respScan = x.scanOf(c.reply)
		p.resps = listMessages(p.respScan, x.facts(c.reply), protoResponses)
	}
	return p
}

// looseBytes tells whether bytes of c were seen that belong to no message, as
// far as that is certain: those of messages whose heads were lost.
func looseBytes(x *index, c *conn) bool {
	for h := range c.halves {
		r := x.facts(h)
		if r.unframed {
			return true
		}
		if r.lost == 0 && r.start || r.proto != protoRequests && r.proto != protoResponses || r.tunnel >= 0 {
			continue
		}
		covered := int64(0)
		for _, m := range listMessages(x.scanOf(h), r, r.proto) {
			from := m.before
			if m.is(msgResync) {
				from = m.start
			}
			covered += m.end - from
		}
		if covered < x.seen(h) {
			return true
		}
	}
	return false
}

// listMessages lists the messages of a half, none if it carries others.
func listMessages(s *scan, r *halfFacts, want protocol) []*message {
	if r.proto != want {
		return nil
	}
	var ms []*message
	for i := r.first; i != 0; {
		m := s.messages.At(i)
		ms = append(ms, m)
		i = m.next
	}
	return ms
}

type pairing struct {
	x                 *index
	c                 pair
	reqs, resps       []*message
	reqScan, respScan *scan
	next              int  // of reqs: the first that no response was found for yet
	adrift            bool // responses were missed: the order alone pairs no longer
}

func pairInOrder(p *pairing, l *workLeg) []exchange {
	var out []exchange
	emit := func(req, resp *message) {
		e := exchange{leg: l, no: len(out), req: req, resp: resp, scan: p.reqScan, respScan: p.respScan, floor: l.Start}
		if n := len(out); n > 0 {
			e.floor = out[n-1].end()
		}
		out = append(out, e)
	}
	for _, resp := range p.resps {
		from := p.next
		req := p.request(resp)
		for ; from < p.next && p.reqs[from] != req; from++ {
			emit(p.reqs[from], nil)
		}
		emit(req, resp)
	}
	for _, req := range p.reqs[p.next:] {
		emit(req, nil)
	}
	return out
}

// request returns the request that resp answers, nil when it was not captured
// or is not certain, and passes over those whose responses were not. Responses
// come in order.
func (p *pairing) request(resp *message) *message {
	for p.next+1 < len(p.reqs) && p.answeredBefore(p.reqs[p.next], p.reqs[p.next+1], resp) {
		p.next++
	}
	if p.next == len(p.reqs) || p.unasked(p.reqs[p.next], resp) {
		return nil
	}
	p.adrift = p.adrift || p.unsure(p.reqs[p.next], resp)
	if p.adrift && !p.anchor(resp) {
		return nil
	}
	p.next++
	return p.reqs[p.next-1]
}

// anchor looks for the request that was sent when its sender had everything
// before resp: that one it answers.
func (p *pairing) anchor(resp *message) bool {
	if p.c.reply == 0 {
		return false
	}
	for i := p.next; i < len(p.reqs); i++ {
		switch off := p.x.heard(p.c.reply, p.reqs[i].from.ack, resp.start); {
		case off == resp.start:
			p.next, p.adrift = i, false
			return true
		case off > resp.start:
			return false
		}
	}
	return false
}

// unasked tells whether the sender of resp had nothing of req yet.
func (p *pairing) unasked(req, resp *message) bool {
	if p.c.orig == 0 {
		return true
	}
	return p.x.heard(p.c.orig, resp.from.ack, req.start) <= req.start
}

// unsure tells whether resp, before which others may have been missed, may
// answer a later request than req: its sender had more than req by then.
func (p *pairing) unsure(req, resp *message) bool {
	if !resp.is(msgResync) || p.c.orig == 0 {
		return false
	}
	return p.x.heard(p.c.orig, resp.from.ack, req.end) > req.end
}

// answeredBefore tells whether the response to req was over when next was
// sent, and resp came after that.
func (p *pairing) answeredBefore(req, next, resp *message) bool {
	if p.c.reply == 0 {
		return false
	}
	a := p.x.heard(p.c.reply, req.from.ack, resp.start)
	b := p.x.heard(p.c.reply, next.from.ack, resp.start)
	return b > a && b <= resp.start
}

// offsetOf turns a raw acknowledgement number into a stream offset, taking of
// the offsets that share it modulo 2³² the one nearest to near.
func offsetOf(ack, base uint32, near int64) int64 {
	return near + int64(int32(ack-base-uint32(near)))
}
