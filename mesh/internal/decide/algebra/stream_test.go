package algebra

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/turn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// asked gives an exchange a request line, and bodies of the given lengths.
func asked(e *graph.Exchange, method, target string, req, resp int64) *graph.Exchange {
	e.Scan = scan.New(nil, nil)
	e.Req.Method, e.Req.Target = e.Scan.Text.Keep([]byte(method)), e.Scan.Text.Keep([]byte(target))
	e.Req.Body.Len = req
	if e.Resp != nil {
		e.Resp.Body.Len = resp
	}
	return e
}

// A body has a length if all of its message was seen, and its length was told.
func TestBodyOf(t *testing.T) {
	body := func(n int64, f scan.Flags) *scan.Message {
		m := spoken(999, 0, 1)
		m.Body.Len, m.Flags = n, f
		return m
	}
	for _, tt := range []struct {
		name string
		m    *scan.Message
		want string
	}{
		{"some", body(12, scan.MsgComplete), "[12]"},
		{"none", body(0, scan.MsgComplete), "[0]"},
		{"not to its end", body(12, 0), "[]"},
		{"of unknown length", body(fingerprint.UnknownLen, scan.MsgComplete), "[]"},
		{"no message", nil, "[]"},
	} {
		if got := fmt.Sprint(bodyOf(tt.m)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A target takes what Huffman's code makes of it, unless that is longer (RFC 7541
// §5.2).
func TestTargetLen(t *testing.T) {
	for _, tt := range []struct {
		target string
		want   int64
	}{{"", 0}, {"/", 1}, {"/aaaaaaa", 6}, {"/{}<>~", 6}, {"/" + strings.Repeat("a", 80), 51}} {
		if got := targetLen(asked(exchange(proxyLeg(0), 1, 0, 2, us), "GET", tt.target, 0, 0)); got != tt.want {
			t.Errorf("%q takes %d bytes, want %d", tt.target, got, tt.want)
		}
	}
}

// Lengths of what can be read are those of bodies; of heads nothing is known yet.
func TestBodies(t *testing.T) {
	for _, up := range []bool{false, true} {
		plain := asked(exchange(proxyLeg(0), 100, 10*us, 200, 30*us), "POST", "/aaaaaaa", 7, 8)
		head := hide(exchange(clientLeg(0), 50, 10*us, 60, 30*us))
		a := &algebra{multiplexed: true}
		items := &a.up
		if up {
			a.fill([]*graph.Exchange{plain}, []*graph.Exchange{head})
			items = &a.down
		} else {
			a.fill([]*graph.Exchange{head}, []*graph.Exchange{plain})
		}
		a.bodies()
		it := (*items)[0]
		if fmt.Sprint(it.req, it.resp, it.head) != "[7] [8] 6" || len(a.edges()) != 1 {
			t.Errorf("lengths %v and %v, target %d in %d pairs; want 7, 8, 6 in one", it.req, it.resp, it.head, len(a.edges()))
		}
		heads := a.down
		if up {
			heads = a.up
		}
		if fmt.Sprint(heads[0].req) != "[50]" {
			t.Errorf("the head has %v bytes, want 50", heads[0].req)
		}
	}
}

// An exchange is compared with the heads that were nearest, on the side of its cause or
// of its effect.
func TestNearHeads(t *testing.T) {
	const c = index.Causality
	heads := func(n int, step int64, l *graph.Leg) (es []*graph.Exchange) {
		for i := range n {
			at := int64((i*7)%n) * step // in another order than that of time
			if n%7 == 0 {
				at = int64(i) * step
			}
			es = append(es, hide(exchange(l, 50, at, 60, 90000*us)))
		}
		return es
	}
	at := func(i int) int64 { return int64(i) * 100 * us }
	for _, tt := range []struct {
		name  string
		up    bool  // heads are upstream
		n     int   // heads, one in 100 µs
		at    int64 // of the exchange
		kept  bool  // of another client
		first int64 // time of the first head that it is compared with
		count int
	}{
		{"caused by those before", false, 10, at(5), false, at(0), 6},
		{"by one as late as may be", false, 10, at(5) - c, false, at(0), 6},
		{"not by one too late", false, 10, at(5) - c - 1, false, at(0), 5},
		{"by none", false, 10, at(0) - c - 1, false, 0, 0},
		{"by as many as are near", false, nearest + 10, at(nearest - 1), false, at(0), nearest},
		{"by no more", false, nearest + 10, at(nearest), false, at(1), nearest},
		{"by another client", false, 10, at(5), true, 0, 0},
		{"cause of those after", true, 10, at(5), false, at(5), 5},
		{"of one as early as may be", true, 10, at(5) + c, false, at(5), 5},
		{"not of one too early", true, 10, at(5) + c + 1, false, at(6), 4},
		{"of none", true, 10, at(9) + c + 1, false, 0, 0},
		{"of as many as are near", true, nearest + 10, at(10), false, at(10), nearest},
		{"of no more", true, nearest + 10, at(9), false, at(9), nearest},
		{"of another client", true, 10, at(5), true, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			hidden, plain := clientLeg(0), proxyLeg(0)
			if tt.up {
				hidden, plain = plain, hidden
			}
			es := []*graph.Exchange{exchange(plain, 100, tt.at, 200, 90000*us)}
			a := new(algebra)
			items, side := &a.down, 0
			if tt.up {
				hidden.Kept = tt.kept
				a.fill(es, heads(tt.n, 100*us, hidden))
				items, side = &a.up, 1
			} else {
				plain.Kept = tt.kept
				a.fill(heads(tt.n, 100*us, hidden), es)
			}
			a.nearHeads()
			var times []int64
			for _, e := range a.edges() {
				times = append(times, (*items)[e[side]].reqAt)
			}
			if len(times) != tt.count || tt.count > 0 && (times[0] != tt.first || !slices.IsSorted(times)) {
				t.Errorf("%d heads from %v on, want %d from %d", len(times), times[:min(len(times), 1)], tt.count, tt.first)
			}
		})
	}
	a := new(algebra)
	a.fill(nil, []*graph.Exchange{exchange(proxyLeg(0), 1, 0, 2, us)})
	if a.nearHeads(); len(a.edges()) != 0 {
		t.Errorf("%d pairs of nothing", len(a.edges()))
	}
}

// records returns units that begin one after the other at the given times.
func records(lengths []int32, at ...int64) (us []*scan.Unit) {
	off := int64(0)
	for i, n := range lengths {
		u := &scan.Unit{Off: off, Len: n, Kind: scan.UnitData, Until: at[i] + 5}
		u.At = scan.Instant{Nanos: at[i]}
		us = append(us, u)
		off += 5 + int64(n)
	}
	return us
}

// streams returns turn algebra between one exchange that can be read and the heads of
// one leg of HTTP/2: records of 40 and 109 bytes, and answers of 60, 309 and 70.
func streams(up bool, body, answer int64) (a *algebra, m *turn.Multiplex) {
	plain, hidden, sign, told := proxyLeg(0), clientLeg(0), int64(1), []int64{5000 * us, 5100 * us, 5200 * us}
	if up {
		plain, hidden, sign, told = clientLeg(0), proxyLeg(0), -1, []int64{5000 * us, 5300 * us, 5400 * us}
	}
	e := asked(exchange(plain, 500, 1000*us+sign*100*us, 600, 5000*us-sign*100*us), "GET", "/aaaaaaa", body, answer)
	m = &turn.Multiplex{Leg: hidden, Up: up, Orig: records([]int32{40, 109}, 1000*us, 1010*us), Reply: records([]int32{60, 309, 70}, told...)}
	head := &graph.Exchange{Leg: hidden, Req: turn.MessageOf(m.Orig[:1]), Outline: &graph.Outline{First: 0, Nth: 2}}
	head.No = 1
	a = &algebra{multiplexed: true, free: true, streamsOf: map[*graph.Leg]*turn.Multiplex{hidden: m}}
	if up {
		a.fill([]*graph.Exchange{e}, []*graph.Exchange{head})
	} else {
		a.fill([]*graph.Exchange{head}, []*graph.Exchange{e})
	}
	a.bodies()
	return a, m
}

// A stream is weighed by what its head adds to body and target, and by the records
// that may answer it, the likeliest of them.
func TestWeighStream(t *testing.T) {
	for _, up := range []bool{false, true} {
		sign := int64(1)
		if up {
			sign = -1
		}
		for _, tt := range []struct {
			name         string
			body, answer int64
			req, resp    turn.Records
			shift        [2]int64
			delay        int64 // of the response, client's less server's, at the record
		}{
			{"bodies", 100, 300, turn.Records{From: 0, To: 2}, turn.Records{From: 0, To: 2}, [2]int64{40 - 6, 369 - 300}, 100 * us},
			{"none", 0, 40, turn.Records{From: 0, To: 1}, turn.Records{From: 0, To: 1}, [2]int64{40 - 6, 60 - 40}, 100 * us},
			{"an answer of unknown length", 0, fingerprint.UnknownLen, turn.Records{From: 0, To: 1}, turn.Records{From: 0, To: 1}, [2]int64{40 - 6, odds.UnknownShift}, 100 * us},
			{"a request of unknown length", fingerprint.UnknownLen, 40, turn.Records{}, turn.Records{From: 0, To: 1}, [2]int64{odds.UnknownShift, 60 - 40}, 100 * us},
		} {
			t.Run(fmt.Sprintf("%s, upstream %v", tt.name, up), func(t *testing.T) {
				a, _ := streams(up, tt.body, tt.answer)
				if len(a.edges()) != 1 {
					t.Fatalf("%d pairs", len(a.edges()))
				}
				s := a.strand(0)
				a.weighOne(s)
				want := tt.shift
				for k := range want {
					if want[k] != odds.UnknownShift {
						want[k] *= sign
					}
				}
				if s.req != tt.req || s.resp != tt.resp || s.shift != want || s.delay != [2]int64{100 * us, tt.delay} {
					t.Errorf("records %v and %v, differences %v, delays %v; want %v, %v, %v", s.req, s.resp, s.shift, s.delay, tt.req, tt.resp, want)
				}
				weight := a.took(0, 0, &saying{}, 100*us) * a.took(1, 0, &saying{}, tt.delay)
				for k, x := range want {
					if x != odds.UnknownShift {
						weight *= a.shifts[k].Ratio(0, x, nobody)
					}
				}
				if !near(s.Weight, weight) {
					t.Errorf("weight %v, want %v", s.Weight, weight)
				}
			})
		}
	}
}

// What of a response is likelier is learned: another record may answer it.
func TestWeighStreamByLearning(t *testing.T) {
	a, _ := streams(false, 0, 40)
	for range 50 {
		a.delays[1][0].Add(300*us, 1)
		a.shifts[1].Add(a.peer(a.strand(0)), 30, 1)
	}
	s := a.strand(0)
	if a.weighOne(s); s.resp != (turn.Records{From: 2, To: 3}) || s.shift[1] != 30 || s.delay[1] != 300*us {
		t.Errorf("answered by %v with %+d bytes after %d ns, want by the third record", s.resp, s.shift[1], s.delay[1])
	}
	b, _ := streams(false, 0, 40)
	b.up[0].respAt = noTime
	s = b.strand(0)
	if b.weighOne(s); s.resp != (turn.Records{}) || s.shift[1] != odds.UnknownShift || s.Weight <= 0 {
		t.Errorf("a response that was not seen is answered by %v, weight %v", s.resp, s.Weight)
	}
	b.up[0].respAt = 9000 * us
	if b.weighOne(s); s.Weight != 0 {
		t.Errorf("a response after which nothing came weighs %v", s.Weight)
	}
}

// Heads are of one kind that have the same method, and as many before them on the leg.
func TestKindOf(t *testing.T) {
	kind := func(up bool, method string, nth int) int32 {
		a, m := streams(up, 0, 40)
		items, heads := a.up, a.down
		if up {
			items, heads = heads, items
		}
		asked(items[0].ex, method, "/", 0, 0)
		heads[0].ex.Outline.Nth = nth
		_ = m
		return a.kindOf(a.strand(0))
	}
	seen := make(map[int32]string)
	for _, method := range []string{"GET", "PUT", "POST", "TEG"} {
		for nth := range 4 {
			k, name := kind(false, method, nth), fmt.Sprint(method, " after ", nth)
			if seen[k] != "" {
				t.Errorf("%s and %s are of one kind", seen[k], name)
			}
			seen[k] = name
			if up := kind(true, method, nth); up != k {
				t.Errorf("%s is of another kind upstream", name)
			}
		}
	}
}

// What is counted of streams is counted by kind of request.
func TestLearnOfStreams(t *testing.T) {
	a, _ := streams(false, 100, 300)
	a.weighOne(a.strand(0))
	a.pairing.Edges[0].P = .5
	a.learn()
	kind, peer := a.kindOf(a.strand(0)), a.peer(a.strand(0))
	var req, resp odds.Shifts
	req.Add(kind, 34, .5)
	resp.Add(peer, 69, .5)
	if want := [2]odds.Shifts{req, resp}; !reflect.DeepEqual(a.shifts, want) {
		t.Errorf("known is %+v, want %+v", a.shifts, want)
	}
}

// So is what has no body, and takes the first record alone.
func TestLearnOfStreamsWithoutBody(t *testing.T) {
	a, _ := streams(false, 0, 300)
	a.weighOne(a.strand(0))
	a.pairing.Edges[0].P = .5
	a.learn()
	var req odds.Shifts
	if req.Add(a.kindOf(a.strand(0)), 34, .5); !reflect.DeepEqual(a.shifts[0], req) {
		t.Errorf("known is %+v, want %+v", a.shifts[0], req)
	}
}

// A record that is the body of one request for sure is hardly the head of another.
func TestDoubtBodies(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    float64 // of the strand whose body the second record is
		want float64 // what is left of that whose head it would be
	}{{"not", 0, 1}, {"perhaps", .25, .75}, {"for sure", 1, muchDoubt}} {
		t.Run(tt.name, func(t *testing.T) {
			l, other := clientLeg(0), clientLeg(1)
			head := func(l *graph.Leg, first int) *graph.Exchange {
				e := hide(exchange(l, 50, 0, 60, 9*us))
				e.Outline.First = first
				return e
			}
			a := new(algebra)
			a.fill([]*graph.Exchange{head(l, 0), head(l, 1), head(other, 1), head(l, 2)}, []*graph.Exchange{exchange(proxyLeg(0), 50, us, 60, 8*us)})
			for d := range int32(4) {
				a.add(d, 0)
				a.facts[d].req = turn.Records{From: int(d), To: int(d) + 1}
			}
			a.pairing.Edges[0].P, a.facts[0].req = tt.p, turn.Records{From: 0, To: 2}
			a.pairing.Edges[3].P = 1
			a.doubtBodies()
			if got := [4]float64{a.facts[0].order, a.facts[1].order, a.facts[2].order, a.facts[3].order}; got != [4]float64{1, tt.want, 1, 1} {
				t.Errorf("strands weigh %v, want 1, %v, 1, 1", got, tt.want)
			}
		})
	}
}

// A readable exchange may itself be a stream of HTTP/2, on either side.
func TestBothStreams(t *testing.T) {
	for _, up := range []bool{false, true} {
		for _, h2 := range []bool{false, true} {
			a, m := streams(up, 0, 0)
			s := a.strand(0)
			plain := a.up[0].ex
			if up {
				plain = a.down[0].ex
			}
			m.Leg.Protocol = flow.ProtocolHTTP1
			if h2 {
				plain.Leg.Protocol = flow.ProtocolHTTP2
			} else {
				m.Leg.Protocol = flow.ProtocolHTTP2
			}
			if got := a.bothStreams(s); got != h2 {
				t.Errorf("upstream %v: both are streams: %v, want %v", up, got, h2)
			}
			if got := a.sealedEnd(s); got.Leg != m.Leg {
				t.Errorf("upstream %v: the hidden end is on %v", up, got.Leg.Orig)
			}
		}
	}
}

// What was found to carry an exchange is its messages.
func TestComplete(t *testing.T) {
	for _, up := range []bool{false, true} {
		for _, tt := range []struct {
			name      string
			req, resp turn.Records
			want      string // bytes of request and response
		}{
			{"both", turn.Records{From: 0, To: 2}, turn.Records{From: 1, To: 3}, "[0 159] [65 454]"},
			{"no response", turn.Records{From: 1, To: 2}, turn.Records{}, "[45 159] nil"},
			{"as it was", turn.Records{}, turn.Records{}, "[0 45] nil"},
		} {
			t.Run(fmt.Sprintf("%s, upstream %v", tt.name, up), func(t *testing.T) {
				a, _ := streams(up, 0, 40)
				a.facts[0].req, a.facts[0].resp = tt.req, tt.resp
				l := exchangeLink(&a.down[0], &a.up[0])
				a.complete(l)
				e := l.Down
				if up {
					e = l.Up
				}
				got := fmt.Sprint([]int64{e.Req.Start, e.Req.End}, " nil")
				if e.Resp != nil {
					got = fmt.Sprint([]int64{e.Req.Start, e.Req.End}, []int64{e.Resp.Start, e.Resp.End})
				}
				if got != tt.want {
					t.Errorf("messages %s, want %s", got, tt.want)
				}
				if tt.req.To > 0 && !e.Req.Is(scan.MsgRequest) || e.Resp != nil && e.Resp.Is(scan.MsgRequest) {
					t.Errorf("messages %+v and %+v", e.Req, e.Resp)
				}
			})
		}
	}
}
