package index

import "github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"

// NewPairing returns a pairing of the messages of two halves.
func NewPairing(x *Index, c Pair) *Pairing {
	p := &Pairing{x: x, c: c}
	if c.Orig != 0 {
		p.ReqScan = x.ScanOf(c.Orig)
		p.Reqs = scan.ListMessages(p.ReqScan, x.Content(c.Orig), scan.ProtoRequests)
	}
	if c.Reply != 0 {
		p.RespScan = x.ScanOf(c.Reply)
		p.Resps = scan.ListMessages(p.RespScan, x.Content(c.Reply), scan.ProtoResponses)
	}
	return p
}

// A Pairing finds out which request a response answers, from the two halves of a
// connection. It is used up: responses are asked about in their order.
type Pairing struct {
	x                 *Index
	c                 Pair
	Reqs, Resps       []*scan.Message
	ReqScan, RespScan *scan.Scan
	Next              int   // of reqs: the first that no response was found for yet
	over              int64 // where the last response that was asked about ended
	adrift            bool  // responses were missed: the order alone pairs no longer
}

// Request returns the request that resp answers, nil when it was not captured
// or is not certain, and passes over those whose responses were not. Responses
// come in order.
func (p *Pairing) Request(resp *scan.Message) *scan.Message {
	for p.Next+1 < len(p.Reqs) && p.answeredBefore(p.Reqs[p.Next], p.Reqs[p.Next+1], resp) {
		p.Next++
	}
	p.over = resp.End
	if p.Next == len(p.Reqs) || p.unasked(p.Reqs[p.Next], resp) {
		return nil
	}
	p.adrift = p.adrift || p.unsure(p.Reqs[p.Next], resp)
	if p.adrift && !p.anchor(resp) {
		return nil
	}
	p.Next++
	return p.Reqs[p.Next-1]
}

// anchor looks for the request that was sent when its sender had everything
// before resp: that one it answers.
func (p *Pairing) anchor(resp *scan.Message) bool {
	if p.c.Reply == 0 {
		return false
	}
	for i := p.Next; i < len(p.Reqs); i++ {
		switch off := p.x.heard(p.c.Reply, p.Reqs[i].From.Ack, resp.Start); {
		case off == resp.Start:
			p.Next, p.adrift = i, false
			return true
		case off > resp.Start:
			return false
		}
	}
	return false
}

// unasked reports whether the sender of resp had nothing of req yet.
func (p *Pairing) unasked(req, resp *scan.Message) bool {
	if p.c.Orig == 0 {
		return true
	}
	return p.x.heard(p.c.Orig, resp.From.Ack, req.Start) <= req.Start
}

// unsure reports whether resp, before which others may have been missed, may
// answer a later request than req: its sender had more than req by then.
func (p *Pairing) unsure(req, resp *scan.Message) bool {
	if !resp.Is(scan.MsgResync) || p.c.Orig == 0 {
		return false
	}
	return p.x.heard(p.c.Orig, resp.From.Ack, req.End) > req.End
}

// answeredBefore reports whether the response to req was over when next was
// sent, and resp came after that: between them the client has heard something
// that is of no response before, nor an interim one, which resp is the end of.
func (p *Pairing) answeredBefore(req, next, resp *scan.Message) bool {
	if p.c.Reply == 0 {
		return false
	}
	a := max(p.over, p.x.heard(p.c.Reply, req.From.Ack, resp.Start))
	b := p.x.heard(p.c.Reply, next.From.Ack, resp.Start)
	until := resp.Before
	if resp.Is(scan.MsgResync) { // what stood before was missed
		until = resp.Start
	}
	return b > a && b <= until
}

// offsetOf turns a raw acknowledgement number into a stream offset, taking of
// the offsets that share it modulo 2³² the one nearest to near.
func offsetOf(ack, base uint32, near int64) int64 {
	return near + int64(int32(ack-base-uint32(near)))
}
