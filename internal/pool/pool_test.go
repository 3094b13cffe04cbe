package pool

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A proxy is simulated with its workers and pools, and what it does is forgotten but for
// what a capture shows.
type proxy struct {
	workers int
	pools   int             // clusters, of one endpoint
	take    func(n int) int // of n idle connections, in the order in which they became idle, which one is taken
	clients int
	asks    int     // of each client
	known   float64 // share of ties that are certain otherwise
	lengths int     // how many lengths there are: who has another is no candidate
	absent  float64 // share of clients that were not captured
	retries float64 // share of requests that are tried again, which is not known
	closes  float64 // share of connections that are closed when they are idle
}

func lifo(n int) int { return n - 1 }
func fifo(int) int   { return 0 }

const ms = 1_000_000

// A done is when a connection becomes idle, and in which pool of which worker.
type done struct {
	at           int64
	conn         int32
	worker, pool int
}

// running is a proxy that runs, and what it did.
type running struct {
	*proxy
	*rand.Rand
	w       *World
	idle    [][][]int32 // by worker and pool, in the order in which they became idle
	over    []done
	caused  []int32 // by taking: its request; -1 if that was not captured, or it was tried again
	lengths []int   // of takings
	asked   []int   // lengths of requests
}

// play lets the proxy run. It returns what was captured, and by strand whether it is true.
func (p *proxy) play(r *rand.Rand) (*World, []bool) {
	s := &running{proxy: p, Rand: r, w: new(World), idle: make([][][]int32, p.workers)}
	for i := range s.idle {
		s.idle[i] = make([][]int32, p.pools)
	}
	next, left, hidden := make([]int64, p.clients), make([]int, p.clients), make([]bool, p.clients)
	for i := range next {
		next[i], left[i], hidden[i] = int64(r.IntN(20*ms)), p.asks, p.absent > 0 && i == 0 || r.Float64() < p.absent
	}
	for {
		c := -1
		for i := range next {
			if left[i] > 0 && (c < 0 || next[i] < next[c]) {
				c = i
			}
		}
		if c < 0 {
			break
		}
		end := s.ask(c, next[c], left[c] < p.asks, !hidden[c])
		left[c]--
		next[c] = end + 100_000 + int64(r.IntN(2*ms))
	}
	return s.w, s.strands()
}

// ask serves a request of a client, and returns when that was done.
func (s *running) ask(client int, at int64, placed, captured bool) int64 {
	length, request := s.IntN(s.proxy.lengths), int32(-1)
	if captured {
		request = int32(len(s.w.Requests))
		s.w.Requests = append(s.w.Requests, Request{Client: int32(client), At: at, Placed: placed})
		s.asked = append(s.asked, length)
	}
	end := s.serve(at, client, length, request)
	if s.Float64() < s.retries {
		end = s.serve(end+ms, client, length, -1)
	}
	if captured {
		s.w.Requests[request].Over = end + 80_000
	}
	return end
}

// serve takes a connection for a request, or dials one, and returns when the answer is
// there.
func (s *running) serve(at int64, client, length int, request int32) int64 {
	s.release(at)
	worker, pool := client%s.workers, client/s.workers%s.pools
	idle := &s.idle[worker][pool]
	from := at + 60_000 + int64(s.IntN(60_000))
	var x int32
	if n := len(*idle); n > 0 {
		k := s.take(n)
		x = (*idle)[k]
		*idle = slices.Delete(*idle, k, k+1)
	} else {
		x = int32(len(s.w.Conns))
		s.w.Conns = append(s.w.Conns, Conn{Pool: int32(pool), Ready: from - 20_000, Gone: math.MaxInt64})
	}
	end := from + int64(ms+s.IntN(4*ms))
	s.over = append(s.over, done{end, x, worker, pool})
	s.w.Takings = append(s.w.Takings, Taking{Conn: x, From: from, Idle: end})
	s.caused, s.lengths = append(s.caused, request), append(s.lengths, length)
	return end
}

// release gives back what is idle by then.
func (s *running) release(until int64) {
	slices.SortFunc(s.over, func(a, b done) int { return cmp.Compare(a.at, b.at) })
	for len(s.over) > 0 && s.over[0].at <= until {
		d := s.over[0]
		s.over = s.over[1:]
		if s.Float64() < s.closes {
			s.w.Conns[d.conn].Gone = d.at + 30_000
			continue
		}
		s.idle[d.worker][d.pool] = append(s.idle[d.worker][d.pool], d.conn)
	}
}

// strands enters what may belong together by lengths and times.
func (s *running) strands() (is []bool) {
	for d, q := range s.w.Requests {
		for u, t := range s.w.Takings {
			if s.lengths[u] != s.asked[d] || t.From < q.At || t.Idle > q.Over {
				continue
			}
			caused := s.caused[u] == int32(d)
			s.w.Strands = append(s.w.Strands, Strand{Request: int32(d), Taking: int32(u), Certain: caused && s.Float64() < s.known})
			is = append(is, caused)
		}
	}
	return is
}

// count plays a proxy several times, and returns how much was open, decided and decided
// wrongly, with the errors that were to be expected.
func (p *proxy) count(runs uint64) (open, decided, wrong int, expected float64) {
	for seed := range runs {
		w, is := p.play(testRand(seed))
		v := Replay(w)
		for i, s := range w.Strands {
			if is[i] && !s.Certain {
				open++
			}
			if v.Decided[i] && v.Sure[i] >= .9 {
				decided++
				expected += 1 - v.Sure[i]
				if !is[i] {
					wrong++
				}
			}
		}
	}
	return open, decided, wrong, expected
}

// Of a proxy that takes what became idle last most is decided, with any number of workers
// and whatever becomes of connections. Of others, and where somebody is missing, little
// is. What is decided is right.
func TestReplay(t *testing.T) {
	base := proxy{workers: 2, pools: 1, take: lifo, clients: 16, asks: 40, known: .25, lengths: 2}
	with := func(f func(p *proxy)) *proxy {
		p := base
		f(&p)
		return &p
	}
	r := rand.New(rand.NewPCG(1, 1))
	for _, tc := range []struct {
		name  string
		p     *proxy
		least float64 // share of what is open that is decided
		most  float64
	}{
		{"one worker", with(func(p *proxy) { p.workers = 1 }), .9, 1},
		{"two workers", &base, .9, 1},
		{"four workers", with(func(p *proxy) { p.workers = 4 }), .9, 1},
		{"eight workers", with(func(p *proxy) { p.workers, p.clients = 8, 32 }), .9, 1},
		{"two clusters to one endpoint", with(func(p *proxy) { p.pools = 2 }), .9, 1},
		{"connections are closed", with(func(p *proxy) { p.closes = .1 }), .9, 1},
		{"what is idle longest is taken", with(func(p *proxy) { p.take = fifo }), 0, 0},
		{"any is taken", with(func(p *proxy) { p.take = r.IntN }), 0, 0},
		{"nothing is known", with(func(p *proxy) { p.known = 0 }), 0, 0},
		{"a tenth of the clients is missing", with(func(p *proxy) { p.absent = .1 }), 0, .2},
		{"some requests are tried again", with(func(p *proxy) { p.retries = .02 }), 0, .2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			open, decided, wrong, expected := tc.p.count(6)
			share := float64(decided) / float64(open)
			says := fmt.Sprintf("%d open, %d decided (%.2f), %d wrong, %.1f expected", open, decided, share, wrong, expected)
			t.Log(says)
			if share < tc.least || share > tc.most || float64(wrong) > expected/2+3 || wrong*300 > decided {
				t.Error(says)
			}
		})
	}
}

func testRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }
