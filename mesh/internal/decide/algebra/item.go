package algebra

import (
	"math"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// An item is an exchange as turn algebra sees it: lengths and times.
type item struct {
	ex              *graph.Exchange
	of              *turn.Multiplex // the leg of HTTP/2 that it may be a stream of; nil for turns
	peer            int32           // who the encrypted leg belongs to
	fresh           bool            // the first one on its connection
	req, resp       scan.Sizes
	framed          [2]int64 // bytes that frame the chunks of the request and the response
	head            int64    // of a request that HTTP/2 may carry: length of its target there
	reqAt, reqTo    int64    // nanoseconds; noTime when not captured
	respAt, respTo  int64
	reqAts, respAts []int64 // of each of the lengths; nil: the same of all
	early           bool    // it may have begun before what was seen of it
	from, to        int64   // when it began, at the earliest, and was over, at the latest
}

// noTime stands for a time that is not known.
const noTime = math.MinInt64

// newItem measures an exchange.
func newItem(e *graph.Exchange) item {
	it := item{ex: e, reqAt: noTime, reqTo: noTime, respAt: noTime, respTo: noTime, fresh: e.No == 0 && !e.Leg.Midstream,
		framed: [2]int64{framing(e, e.Req), framing(e, e.Resp)}}
	if m := e.Req; m != nil {
		it.reqAt, it.req = m.From.Nanos, m.Length()
		if m.Ended() {
			it.reqTo = m.To.Nanos
		}
	}
	if m := e.Resp; m != nil {
		it.respAt, it.resp = m.From.Nanos, m.Length()
		if m.Ended() {
			it.respTo = m.To.Nanos
		}
	}
	if h := e.Outline; h != nil {
		it.req, it.resp, it.reqAts, it.respAts = h.Req, h.Resp, h.ReqAt, h.RespAt
		if h.Vague[0] {
			it.reqAt = noTime
		}
		if h.Vague[0] || e.Req == nil {
			it.early = true
		}
		if h.Vague[1] {
			it.respAt = noTime
		}
	}
	it.from, it.to = e.Start(), it.respTo
	if it.respTo == noTime {
		it.to = math.MaxInt64
	}
	if len(it.reqAts) > 0 {
		it.from = min(it.from, slices.Min(it.reqAts))
	}
	if it.early {
		it.from = e.Floor
	}
	return it
}

// begin returns when the exchange began, at the earliest.
func (it *item) begin() int64 { return it.from }

// over returns when the exchange was over, at the latest.
func (it *item) over() int64 { return it.to }

// request returns when the request began if it has length i of those possible.
func (it *item) request(i int) int64 {
	if i < len(it.reqAts) {
		return it.reqAts[i]
	}
	return it.reqAt
}

// response returns when the response began if it has length i of those possible.
func (it *item) response(i int) int64 {
	if i < len(it.respAts) {
		return it.respAts[i]
	}
	return it.respAt
}

// lastRespAt returns the latest time at which the response may have begun.
func (it *item) lastRespAt() int64 { return latest(it.respAt, it.respAts) }

// earliest and latest return when a message may have begun that began at one
// time, or at others if there are any.
func earliest(at int64, others []int64) int64 {
	if len(others) == 0 {
		return at
	}
	return slices.Min(others)
}

func latest(at int64, others []int64) int64 {
	if len(others) == 0 {
		return at
	}
	return slices.Max(others)
}

// between returns the time from cause to effect; noTime if that is not known.
func between(cause, effect int64) int64 {
	if cause == noTime || effect == noTime {
		return noTime
	}
	return effect - cause
}

// after reports whether cause comes after its effect, if both times are known.
func after(cause, effect int64) bool {
	return cause != noTime && effect != noTime && effect < cause-index.Causality
}
