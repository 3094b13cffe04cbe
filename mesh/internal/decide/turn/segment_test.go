package turn

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// oneTurn returns a turn with lengths, whose request and response stand at the same
// offsets and last from one time to another.
func oneTurn(req, resp scan.Sizes, from, to, begin, end int64) graph.Exchange {
	return graph.Exchange{Outline: &graph.Outline{Req: req, Resp: resp}, Req: message(from, to, begin, begin+1), Resp: message(from, to, end-1, end)}
}

// Lengths of turns add up, from the first byte to the last; where one is not known,
// their sum is not either.
func TestJoined(t *testing.T) {
	one := func(n int64) scan.Sizes { return scan.Sizes{n} }
	noReq := func(e graph.Exchange) graph.Exchange { e.Req = nil; return e }
	noResp := func(e graph.Exchange) graph.Exchange { e.Resp = nil; return e }
	for _, tt := range []struct {
		name      string
		turns     []graph.Exchange
		req, resp scan.Sizes
		from, end int64 // of the request's bytes
		begin     int64 // of the request's time
		over      int64 // of the response's
	}{
		{"one", []graph.Exchange{oneTurn(one(10), one(20), 100, 200, 1000, 2000)}, one(10), one(20), 100, 200, 1000, 2000},
		{"two", []graph.Exchange{oneTurn(one(10), one(20), 100, 200, 1000, 2000), oneTurn(one(3), one(4), 200, 250, 3000, 4000)},
			one(13), one(24), 100, 250, 1000, 4000},
		{"three", []graph.Exchange{oneTurn(one(1), one(2), 0, 10, 1, 5), oneTurn(one(3), one(4), 10, 20, 6, 8), oneTurn(one(5), one(6), 20, 30, 9, 11)},
			one(9), one(12), 0, 30, 1, 11},
		{"the first in doubt", []graph.Exchange{oneTurn(scan.Sizes{10, 12}, one(20), 0, 9, 1, 5), oneTurn(one(3), one(4), 9, 18, 6, 9)},
			scan.Sizes{13, 15}, one(24), 0, 18, 1, 9},
		{"a later one in doubt", []graph.Exchange{oneTurn(one(10), one(20), 0, 9, 1, 5), oneTurn(scan.Sizes{3, 4}, one(4), 9, 18, 6, 9)},
			nil, one(24), 0, 18, 1, 9},
		{"a later one not known", []graph.Exchange{oneTurn(one(10), one(20), 0, 9, 1, 5), oneTurn(one(3), nil, 9, 18, 6, 9)},
			one(13), nil, 0, 18, 1, 9},
		{"the first not known", []graph.Exchange{oneTurn(nil, one(20), 0, 9, 1, 5), oneTurn(one(3), one(4), 9, 18, 6, 9)},
			nil, one(24), 0, 18, 1, 9},
		{"a request late", []graph.Exchange{noReq(oneTurn(one(0), one(20), 0, 9, 1, 5)), oneTurn(one(3), one(4), 9, 18, 6, 9)},
			one(3), one(24), 9, 18, 6, 9},
		{"no response after the first", []graph.Exchange{oneTurn(one(1), one(20), 0, 9, 1, 5), noResp(oneTurn(one(3), one(0), 9, 18, 6, 9))},
			one(4), one(20), 0, 18, 1, 5},
		{"an end that is before that of the first", []graph.Exchange{oneTurn(one(1), one(2), 0, 50, 1, 5), oneTurn(one(3), one(4), 10, 20, 6, 9)},
			one(4), one(6), 0, 50, 1, 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := Joined(tt.turns)
			if !slices.Equal(e.Outline.Req, tt.req) || !slices.Equal(e.Outline.Resp, tt.resp) {
				t.Errorf("lengths %v and %v, want %v and %v", e.Outline.Req, e.Outline.Resp, tt.req, tt.resp)
			}
			if e.Req.Start != tt.from || e.Req.End != tt.end || beginsAt(e.Req) != tt.begin || endsAt(e.Resp) != tt.over {
				t.Errorf("request [%d, %d) begins at %d, response is over at %d; want [%d, %d), %d, %d",
					e.Req.Start, e.Req.End, beginsAt(e.Req), endsAt(e.Resp), tt.from, tt.end, tt.begin, tt.over)
			}
		})
	}
}

// What turns are joined to leaves the turns as they are, and of nothing nothing
// comes.
func TestJoinedIsACopy(t *testing.T) {
	turns := []graph.Exchange{oneTurn(scan.Sizes{10}, scan.Sizes{20}, 0, 9, 1, 5), oneTurn(scan.Sizes{3}, scan.Sizes{4}, 9, 18, 6, 9)}
	turns[0].Resp, turns[1].Resp = nil, nil
	e := Joined(turns)
	if e.Resp != nil {
		t.Errorf("response %+v, of which nothing was captured", e.Resp)
	}
	if turns[0].Outline.Req[0] != 10 || turns[0].Req.End != 9 || turns[0].Outline == e.Outline || turns[0].Req == e.Req {
		t.Errorf("joining changed the turn: %+v, request %+v", turns[0].Outline, turns[0].Req)
	}
	if e.Req.End != 18 || e.Outline.Req[0] != 13 {
		t.Errorf("joined to %d bytes until %d, want 13 until 18", e.Outline.Req[0], e.Req.End)
	}
}

// Of runs that overlap the most probable one stays, of equals the first; those that
// only touch do not overlap.
func TestDisjoint(t *testing.T) {
	run := func(from, to int, p float64) Run { return Run{From: from, To: to, P: p} }
	for _, tt := range []struct {
		name string
		runs []Run
		want []Run
	}{
		{"none", nil, nil},
		{"one", []Run{run(2, 4, .6)}, []Run{run(2, 4, .6)}},
		{"touching", []Run{run(2, 4, .6), run(0, 2, .5), run(4, 5, .9)}, []Run{run(0, 2, .5), run(2, 4, .6), run(4, 5, .9)}},
		{"touching, the likeliest first", []Run{run(0, 2, .9), run(2, 4, .6), run(4, 5, .5)}, []Run{run(0, 2, .9), run(2, 4, .6), run(4, 5, .5)}},
		{"the likelier", []Run{run(0, 3, .6), run(2, 4, .7)}, []Run{run(2, 4, .7)}},
		{"of equals the first", []Run{run(2, 4, .7), run(0, 3, .7)}, []Run{run(0, 3, .7)}},
		{"one inside the other", []Run{run(0, 9, .6), run(3, 4, .5)}, []Run{run(0, 9, .6)}},
		{"a likely one between two", []Run{run(0, 2, .6), run(1, 4, .9), run(3, 5, .8)}, []Run{run(1, 4, .9)}},
		{"two beside a less likely one", []Run{run(0, 2, .8), run(1, 4, .7), run(3, 5, .9)}, []Run{run(0, 2, .8), run(3, 5, .9)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Disjoint(slices.Clone(tt.runs)); !slices.Equal(got, tt.want) {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// Runs become one exchange each; all others stay, and all are numbered again. None
// began before the one before it was over.
func TestMerge(t *testing.T) {
	turns := func() (es []graph.Exchange) {
		for i := range int64(6) {
			es = append(es, oneTurn(scan.Sizes{1 << i}, scan.Sizes{100 << i}, i*10, i*10+10, i*100, i*100+50))
		}
		return es
	}
	for _, tt := range []struct {
		name   string
		runs   []Run
		req    []int64 // lengths of requests
		floors []int64
	}{
		{"none", nil, []int64{1, 2, 4, 8, 16, 32}, []int64{0, 50, 150, 250, 350, 450}},
		{"the first", []Run{{From: 0, To: 2}}, []int64{3, 4, 8, 16, 32}, []int64{0, 150, 250, 350, 450}},
		{"the last", []Run{{From: 4, To: 6}}, []int64{1, 2, 4, 8, 48}, []int64{0, 50, 150, 250, 350}},
		{"two", []Run{{From: 1, To: 3}, {From: 3, To: 5}}, []int64{1, 6, 24, 32}, []int64{0, 50, 250, 450}},
		{"all", []Run{{From: 0, To: 6}}, []int64{63}, []int64{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			es := Merge(turns(), tt.runs)
			var req, floors []int64
			for i := range es {
				req, floors = append(req, es[i].Outline.Req[0]), append(floors, es[i].Floor)
				if es[i].No != i {
					t.Errorf("exchange %d has number %d", i, es[i].No)
				}
			}
			if !slices.Equal(req, tt.req) || !slices.Equal(floors, tt.floors) {
				t.Errorf("requests %v with floors %v, want %v and %v", req, floors, tt.req, tt.floors)
			}
		})
	}
}
