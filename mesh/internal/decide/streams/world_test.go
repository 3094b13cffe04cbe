package streams

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/align"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

const (
	us = int64(1000)
	ms = 1000 * us
)

// A world is a proxy with several workers. Each has one connection of HTTP/2, over which go
// the requests of its clients; what it has to write when it wakes goes into one record.
type world struct {
	rnd     *rand.Rand
	es      []*graph.Exchange
	truth   []spot // by exchange
	answers []int  // record of each response
	lanes   []*lane
	out     [2][][]align.Record // by direction and lane
	nap     int64               // how long a worker sleeps, at the most
	framed  bool                // every frame has a record of its own
	alike   bool                // all requests and responses have the same lengths
}

func newWorld(seed uint64, workers int) *world {
	w := &world{rnd: rand.New(rand.NewPCG(seed, 7)), nap: 300 * us}
	for range workers {
		w.lanes = append(w.lanes, &lane{leg: &graph.Leg{Leg: &flow.Leg{}}, channels: [2]*channel{{}, {}}})
		for k := range w.out {
			w.out[k] = append(w.out[k], nil)
		}
	}
	return w
}

// A writing is a message that a worker has to write.
type writing struct {
	i    int
	at   int64
	head int64
	body int64
}

// run has clients ask one after the other, each over a worker of its own choice, and adds
// what the workers write.
func (w *world) run(clients, each int) {
	writings := [2][][]writing{make([][]writing, len(w.lanes)), make([][]writing, len(w.lanes))}
	scans := scan.New(nil, nil)
	for c := range clients {
		x := c % len(w.lanes)
		leg := &graph.Leg{Leg: &flow.Leg{Orig: tcpip.Tuple{Src: netip.AddrPortFrom(netip.MustParseAddr("10.1.0.1"), uint16(40000+c))}}}
		at := w.rnd.Int64N(5 * ms)
		for n := range each {
			e, q, a := w.ask(scans, leg, c, n, at)
			i := len(w.es)
			w.es = append(w.es, e)
			q.i, a.i = i, i
			writings[requests][x] = append(writings[requests][x], q)
			writings[responses][x] = append(writings[responses][x], a)
			at = e.Resp.From.Nanos + ms + w.rnd.Int64N(4*ms)
		}
	}
	w.truth, w.answers = make([]spot, len(w.es)), make([]int, len(w.es))
	for k := range writings {
		for x := range w.lanes {
			w.write(k, x, writings[k][x])
		}
	}
	for x, l := range w.lanes {
		for k := range l.channels {
			l.channels[k] = channelOf(w.out[k][x])
		}
	}
}

// ask makes an exchange that begins at a time.
func (w *world) ask(s *scan.Scan, leg *graph.Leg, c, n int, at int64) (*graph.Exchange, writing, writing) {
	method, target, size, answer := "GET", fmt.Sprintf("/c%d/item/%d", c, n), int64(0), 20+w.rnd.Int64N(300)
	if w.rnd.IntN(3) == 0 {
		method, size = "POST", 10+w.rnd.Int64N(200)
	}
	if w.alike {
		method, target, size, answer = "GET", "/same", 0, 50
	}
	head := 38 + huffman(target) + w.rnd.Int64N(3)
	if method == "POST" {
		head += 8
	}
	took := 500*us + w.rnd.Int64N(5*ms)
	e := &graph.Exchange{Leg: leg, No: n, Scan: s, RespScan: s, Req: spoken(at, size), Resp: spoken(at+took, answer)}
	e.Req.Method, e.Req.Target = s.Text.Keep([]byte(method)), s.Text.Keep([]byte(target))
	e.Resp.Status = 200
	return e, writing{at: at, head: head, body: size}, writing{at: at + took, head: 8 + w.rnd.Int64N(4), body: answer}
}

// spoken is a message of one packet.
func spoken(at, body int64) *scan.Message {
	m := &scan.Message{From: scan.Instant{Nanos: at}, To: scan.Instant{Nanos: at}, Flags: scan.MsgComplete}
	m.Body.Len = body
	return m
}

// write has a worker write: all that came while it slept goes into one record.
func (w *world) write(k, x int, all []writing) {
	slices.SortStableFunc(all, func(a, b writing) int { return cmp.Compare(a.at, b.at) })
	out := []align.Record{{At: -ms, Size: 500}, {At: -ms, Size: 9}}
	for i := 0; i < len(all); {
		wake := all[i].at + 50*us + w.rnd.Int64N(w.nap)
		size := int64(0)
		for ; i < len(all) && all[i].at <= wake && (size == 0 || !w.framed); i++ {
			if k == requests {
				w.truth[all[i].i] = spot{x, len(out)}
			} else {
				w.answers[all[i].i] = len(out)
				to := wake + 30*us + w.rnd.Int64N(100*us)
				resp := w.es[all[i].i].Resp
				resp.From.Nanos, resp.To.Nanos = to, to
			}
			size += frame + all[i].head
			if b := all[i].body; b > 0 && w.framed {
				out = append(out, align.Record{At: wake, Size: size})
				size = frame + b
			} else if b > 0 {
				size += frame + b
			}
		}
		out = append(out, align.Record{At: wake, Size: size})
	}
	w.out[k][x] = out
}

// channelOf is a direction with the given records.
func channelOf(rs []align.Record) *channel {
	ch := &channel{records: rs, bySize: make(map[int64][]int64)}
	for i := range rs {
		ch.records[i].Cold = i == 0
		ch.bySize[rs[i].Size] = append(ch.bySize[rs[i].Size], rs[i].At)
	}
	return ch
}

// problem is what is seen of it.
func (w *world) problem() *problem {
	p := &problem{es: w.es, lanes: w.lanes, up: true, may: func(*graph.Exchange, *lane) bool { return true }}
	p.measure()
	return p
}
