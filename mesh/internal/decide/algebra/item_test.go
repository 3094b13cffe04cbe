package algebra

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// What turn algebra knows of an exchange: when its messages began and were over, as
// far as they were captured, and how long they may be.
func TestNewItem(t *testing.T) {
	type times struct{ reqAt, reqTo, respAt, respTo, from, to int64 }
	const none, ever = noTime, math.MaxInt64
	open := func(m *scan.Message) { m.Flags |= scan.MsgOpen }
	for _, tt := range []struct {
		name         string
		make         func(*graph.Exchange)
		want         times
		req, resp    string
		fresh, early bool
	}{
		{"whole", nil, times{100, 200, 300, 400, 100, 400}, "[70]", "[80]", false, false},
		{"the first", func(e *graph.Exchange) { e.No = 0 }, times{100, 200, 300, 400, 100, 400}, "[70]", "[80]", true, false},
		{"the first that was captured", func(e *graph.Exchange) { e.No = 0; e.Leg.Midstream = true }, times{100, 200, 300, 400, 100, 400}, "[70]", "[80]", false, false},
		{"a request not to its end", func(e *graph.Exchange) { e.Req.Flags = 0 }, times{100, none, 300, 400, 100, 400}, "[]", "[80]", false, false},
		{"a request that goes on", func(e *graph.Exchange) { open(e.Req) }, times{100, none, 300, 400, 100, 400}, "[70]", "[80]", false, false},
		{"a response not to its end", func(e *graph.Exchange) { e.Resp.Flags = 0 }, times{100, 200, 300, none, 100, ever}, "[70]", "[]", false, false},
		{"a response that goes on", func(e *graph.Exchange) { open(e.Resp) }, times{100, 200, 300, none, 100, ever}, "[70]", "[80]", false, false},
		{"no request", func(e *graph.Exchange) { e.Req = nil }, times{none, none, 300, 400, 50, 400}, "[]", "[80]", false, false},
		{"no response", func(e *graph.Exchange) { e.Resp = nil }, times{100, 200, none, none, 100, ever}, "[70]", "[]", false, false},
		{"hidden", func(e *graph.Exchange) { e.Outline = &graph.Outline{Req: scan.Sizes{7}, Resp: scan.Sizes{8, 9}} },
			times{100, 200, 300, 400, 100, 400}, "[7]", "[8 9]", false, false},
		{"hidden, begun earlier perhaps", func(e *graph.Exchange) { e.Outline = &graph.Outline{Req: scan.Sizes{7, 8}, ReqAt: []int64{100, 90}} },
			times{100, 200, 300, 400, 90, 400}, "[7 8]", "[]", false, false},
		{"hidden, begun at another time", func(e *graph.Exchange) { e.Outline = &graph.Outline{Req: scan.Sizes{7}, ReqAt: []int64{80}} },
			times{100, 200, 300, 400, 80, 400}, "[7]", "[]", false, false},
		{"hidden, begun later perhaps", func(e *graph.Exchange) { e.Outline = &graph.Outline{Req: scan.Sizes{7, 8}, ReqAt: []int64{110, 120}} },
			times{100, 200, 300, 400, 100, 400}, "[7 8]", "[]", false, false},
		{"hidden, a vague request", func(e *graph.Exchange) { e.Outline = &graph.Outline{Vague: [2]bool{true, false}} },
			times{none, 200, 300, 400, 50, 400}, "[]", "[]", false, true},
		{"hidden, a vague response", func(e *graph.Exchange) { e.Outline = &graph.Outline{Vague: [2]bool{false, true}} },
			times{100, 200, none, 400, 100, 400}, "[]", "[]", false, false},
		{"hidden, no request", func(e *graph.Exchange) { e.Outline, e.Req = new(graph.Outline), nil },
			times{none, none, 300, 400, 50, 400}, "[]", "[]", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &graph.Exchange{Leg: clientLeg(0), No: 1, Floor: 50, Req: spoken(70, 100, 200), Resp: spoken(80, 300, 400)}
			if tt.make != nil {
				tt.make(e)
			}
			it := newItem(e)
			if got := (times{it.reqAt, it.reqTo, it.respAt, it.respTo, it.begin(), it.over()}); got != tt.want {
				t.Errorf("times %+v, want %+v", got, tt.want)
			}
			if fmt.Sprint(it.req) != tt.req || fmt.Sprint(it.resp) != tt.resp || it.fresh != tt.fresh || it.early != tt.early {
				t.Errorf("lengths %v and %v, fresh %v, early %v; want %s, %s, %v, %v", it.req, it.resp, it.fresh, it.early, tt.req, tt.resp, tt.fresh, tt.early)
			}
		})
	}
}

// A message of several lengths began at the time of each; of one length when it was
// seen.
func TestTimesOfLengths(t *testing.T) {
	it := &item{reqAt: 1, respAt: 2, reqAts: []int64{10, 5}, respAts: []int64{20, 30}}
	var got []int64
	for i := range 3 {
		got = append(got, it.request(i), it.response(i))
	}
	got = append(got, it.lastRespAt(), earliest(it.reqAt, it.reqAts), earliest(7, nil), latest(7, nil), (&item{respAt: 9}).lastRespAt())
	if want := []int64{10, 20, 5, 30, 1, 2, 30, 5, 7, 7, 9}; !slices.Equal(got, want) {
		t.Errorf("times %v, want %v", got, want)
	}
}

// Cause and effect may be stamped in the wrong order, by Causality; what is not known
// contradicts nothing.
func TestCauseAndEffect(t *testing.T) {
	const c = index.Causality
	for _, tt := range []struct {
		name          string
		cause, effect int64
		between       int64
		after         bool
	}{
		{"in order", 10, 30, 20, false},
		{"at once", 10, 10, 0, false},
		{"as late as may be", c, 0, -c, false},
		{"too late", c + 1, 0, -c - 1, true},
		{"no cause", noTime, 10, noTime, false},
		{"no effect", 10, noTime, noTime, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := between(tt.cause, tt.effect); got != tt.between {
				t.Errorf("between them %d, want %d", got, tt.between)
			}
			if got := after(tt.cause, tt.effect); got != tt.after {
				t.Errorf("cause after effect: %v, want %v", got, tt.after)
			}
		})
	}
}
