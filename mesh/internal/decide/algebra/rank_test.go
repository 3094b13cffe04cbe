package algebra

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/assign"
)

// An occasion is when a request and its response were seen.
type occasion struct{ req, resp int64 }

// among returns turn algebra over occasions that can all go together.
func among(down, up []occasion) *algebra {
	a := new(algebra)
	for _, o := range down {
		a.down = append(a.down, item{reqAt: o.req, respAt: o.resp})
	}
	for _, o := range up {
		a.up = append(a.up, item{reqAt: o.req, respAt: o.resp})
	}
	for d := range down {
		for _, u := range [2]int{d, d + 1} {
			if len(up) > 0 {
				a.add(int32(d), int32(u%len(up)))
				a.pairing.Edges[len(a.pairing.Edges)-1].P = .1
			}
		}
	}
	return a
}

// crowd returns n exchanges on both sides of a proxy that keeps the order: one
// begins each 10 µs and takes 1 ms.
func crowd(n int) (down, up []occasion) {
	for i := range int64(n) {
		at := i * 10_000
		down = append(down, occasion{req: at, resp: at + 1_000_000})
		up = append(up, occasion{req: at + 200_000, resp: at + 800_000})
	}
	return down, up
}

func shuffled(r *rand.Rand, os []occasion, of func(*occasion) *int64) {
	r.Shuffle(len(os), func(i, j int) {
		a, b := of(&os[i]), of(&os[j])
		*a, *b = *b, *a
	})
}

func TestOrdered(t *testing.T) {
	req := func(o *occasion) *int64 { return &o.req }
	resp := func(o *occasion) *int64 { return &o.resp }
	for _, tt := range []struct {
		name  string
		spoil func(r *rand.Rand, down, up []occasion) (d, u []occasion)
		least int // of 500 told at the least
		most  int
	}{
		{"in order", func(_ *rand.Rand, d, u []occasion) ([]occasion, []occasion) { return d, u }, 500, 500},
		{"responses in any order", func(r *rand.Rand, d, u []occasion) ([]occasion, []occasion) {
			shuffled(r, u, resp)
			return d, u
		}, 0, 0},
		{"all in any order", func(r *rand.Rand, d, u []occasion) ([]occasion, []occasion) {
			shuffled(r, u, req)
			shuffled(r, u, resp)
			return d, u
		}, 0, 0},
		{"one late", func(_ *rand.Rand, d, u []occasion) ([]occasion, []occasion) {
			u[250].resp += 100_000
			return d, u
		}, 480, 499},
		{"two exchanged", func(_ *rand.Rand, d, u []occasion) ([]occasion, []occasion) {
			u[100].resp, u[101].resp = u[101].resp, u[100].resp
			return d, u
		}, 498, 498},
		{"at the same time", func(_ *rand.Rand, d, u []occasion) ([]occasion, []occasion) {
			for i := range u {
				d[i].req, d[i].resp, u[i].req, u[i].resp = d[0].req, d[0].resp, u[0].req, u[0].resp
			}
			return d, u
		}, 0, 500},
		{"no responses", func(_ *rand.Rand, d, u []occasion) ([]occasion, []occasion) {
			for i := range u {
				u[i].resp = noTime
			}
			return d, u
		}, 0, 0},
		{"nothing upstream", func(_ *rand.Rand, d, _ []occasion) ([]occasion, []occasion) { return d, nil }, 0, 0},
		{"nothing downstream", func(_ *rand.Rand, _, u []occasion) ([]occasion, []occasion) { return nil, u }, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := crowd(500)
			d, u = tt.spoil(rand.New(rand.NewPCG(9, 10)), d, u)
			told := 0
			for i, o := range among(d, u).ordered().of {
				if o < 0 {
					continue
				}
				told++
				if int(o) != i {
					t.Errorf("upstream item %d goes to %d", i, o)
				}
			}
			if told < tt.least || told > tt.most {
				t.Errorf("%d are told, from %d to %d expected", told, tt.least, tt.most)
			}
		})
	}
}

// Items are counted in the order of a time; those without one have no number.
func TestQueue(t *testing.T) {
	a := &algebra{down: []item{{reqAt: 30}, {reqAt: noTime}, {reqAt: 10}, {reqAt: 20}, {reqAt: 20}}, up: []item{{reqAt: 5}, {reqAt: 4}, {reqAt: noTime}, {reqAt: 3}}}
	q := a.queue(assign.Group{Down: []int32{0, 1, 2, 3, 4}, Up: []int32{0, 1, 2, 3}}, func(it *item) int64 { return it.reqAt })
	var got []int32
	for d := range int32(5) {
		got = append(got, q.partner(d))
	}
	if want := []int32{-1, -1, 3, 1, 0}; !slices.Equal(got, want) {
		t.Errorf("partners %v, want %v", got, want)
	}
	if want := []int32{2, 3, 4, 0}; !slices.Equal(q.down, want) {
		t.Errorf("order %v, want %v", q.down, want)
	}
	if got := [4]int{q.apart(2, 3), q.apart(3, 3), q.apart(2, 0), q.apart(1, 0)}; got != [4]int{0, -1, 2, 7} {
		t.Errorf("apart by %v", got)
	}
}

// Who cannot go together with anybody of the crowd is not counted, whenever it was; one
// more of its kind makes all numbers doubtful.
func TestOrderedApart(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(a *algebra)
		want int // are told
	}{
		{"nobody else", func(*algebra) {}, 500},
		{"one of another length", func(a *algebra) {
			a.down = append(a.down, item{reqAt: 100_000, respAt: 1_100_000})
		}, 500},
		{"one of another length on the other side", func(a *algebra) {
			a.up = append(a.up, item{reqAt: 100_000, respAt: 1_100_000})
		}, 500},
		{"two of another length", func(a *algebra) {
			a.down = append(a.down, item{reqAt: 100_000, respAt: 1_100_000})
			a.up = append(a.up, item{reqAt: 300_000, respAt: 900_000})
			a.add(500, 500)
			a.pairing.Edges[len(a.pairing.Edges)-1].P = .1
		}, 501},
		{"one that only what is impossible ties to the crowd", func(a *algebra) {
			a.down = append(a.down, item{reqAt: 100_000, respAt: 1_100_000})
			a.add(500, 10)
		}, 500},
		{"one more alike", func(a *algebra) {
			a.down = append(a.down, item{reqAt: 100_000, respAt: 1_100_000})
			a.add(500, 10)
			a.pairing.Edges[len(a.pairing.Edges)-1].P = .1
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := among(crowd(500))
			tt.make(a)
			if got := a.ordered().many(); got != tt.want {
				t.Errorf("%d are told, want %d", got, tt.want)
			}
		})
	}
	if a := among(crowd(assign.Neighbours)); a.ordered().many() != 0 {
		t.Error("too few neighbours tell")
	}
}

// many returns of how many both orders say which they are.
func (l *lineup) many() (n int) {
	for _, d := range l.of {
		if d >= 0 {
			n++
		}
	}
	return n
}

// The rate is that of the members who are known, if they are many, and else what is
// left when those are taken off that meet by chance: as many as meet one place beside.
func TestRate(t *testing.T) {
	known := func(n, wrong int) []int32 {
		sure := make([]int32, 100)
		for d := range sure {
			switch sure[d] = int32(d); {
			case d >= n:
				sure[d] = -1
			case d < wrong:
				sure[d]++
			}
		}
		return sure
	}
	for _, tt := range []struct {
		name          string
		before, after int
		sure          []int32
		want          float64 // if the proxy does one thing after the other
	}{
		{"nothing known, and none beside", 0, 0, known(0, 0), .99},
		{"nothing known, some beside", 4, 1, known(0, 0), .95},
		{"the same on the other side", 1, 4, known(0, 0), .95},
		{"few known, which say nothing", 4, 1, known(manyKnown-1, 0), 1 - 5.0/81},
		{"many known", 50, 50, known(98, 0), .99},
		{"some known to be wrong", 0, 0, known(98, 9), .9},
	} {
		a := underway(100, 10_000)
		l := &lineup{off: make([]int, 100), told: slices.Repeat([]bool{true}, 100+tt.before+tt.after), of: make([]int32, 100)}
		l.off = append(append(l.off, slices.Repeat([]int{-1}, tt.before)...), slices.Repeat([]int{1}, tt.after)...)
		tt.sure = append(tt.sure, slices.Repeat([]int32{-1}, tt.before+tt.after)...)
		for i := range l.of {
			l.of[i] = int32(i)
		}
		many := !near(l.rate(a, tt.sure), 0)
		if l.serial = true; !near(l.rate(a, tt.sure), tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, l.rate(a, tt.sure), tt.want)
		}
		if want := tt.sure[manyKnown-1] >= 0; many != want {
			t.Errorf("%s: measured with several workers %v, want %v", tt.name, many, want)
		}
	}
	if got := (&lineup{}).rate(new(algebra), nil); got > 0 {
		t.Errorf("of nothing the rate is %v", got)
	}
}

// served plays clients that ask again and again through a proxy with some workers, each
// of which has its own of them and does one thing after the other. A request costs half a
// millisecond and up to jitter more, an answer a fifth of that; the application takes 2 ms
// and up to jitter more.
func served(seed uint64, workers int, jitter int64) (down, up []occasion) {
	const clients, calls = 32, 40
	r := rand.New(rand.NewPCG(seed, 3))
	type job struct {
		at     int64 // when it came in
		client int
		no     int // of the occasion; -1 = a new request
	}
	free, left := make([]int64, workers), [clients]int{}
	var jobs []job
	for c := range clients {
		jobs, left[c] = append(jobs, job{r.Int64N(1_000_000), c, -1}), calls
	}
	for len(jobs) > 0 {
		next := 0
		for i, j := range jobs { // the one whose worker can begin it first, of one worker the one that came first
			a, b := max(j.at, free[j.client%workers]), max(jobs[next].at, free[jobs[next].client%workers])
			if a < b || a == b && j.at < jobs[next].at {
				next = i
			}
		}
		j := jobs[next]
		jobs = slices.Delete(jobs, next, next+1)
		w := j.client % workers
		begin := max(j.at, free[w])
		if j.no < 0 {
			free[w] = begin + 500_000 + r.Int64N(jitter+1)
			down, up = append(down, occasion{req: j.at}), append(up, occasion{req: free[w]})
			jobs = append(jobs, job{free[w] + 2_000_000 + r.Int64N(jitter+1), j.client, len(down) - 1})
			up[len(up)-1].resp = jobs[len(jobs)-1].at
			continue
		}
		free[w] = begin + 100_000
		down[j.no].resp = free[w]
		if left[j.client]--; left[j.client] > 0 {
			jobs = append(jobs, job{free[w] + 100_000, j.client, -1})
		}
	}
	return down, up
}

// A proxy that does one thing after the other is believed, and what it is believed is
// right. Two workers overtake each other on both ways alike, so that both orders agree on
// what is wrong: that is measured, and nothing is claimed.
func TestLineUpOfWorkers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		workers int
		jitter  int64
		claimed bool
	}{
		{"one", 1, 200_000, true},
		{"two", 2, 200_000, false},
		{"two that take nearly the same time", 2, 50_000, false},
		{"three", 3, 100_000, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(5) {
				a := among(served(seed, tt.workers, tt.jitter))
				k := &tier{a: a, sure: slices.Repeat([]int32{-1}, len(a.down)), used: make([]bool, len(a.up)), only: make(map[int32]bool)}
				k.lineUp()
				wrong := 0
				for i := range k.only {
					if s := a.strand(i); s.D != s.U {
						wrong++
					}
				}
				if claimed := len(k.only) > len(a.down)/2; claimed != tt.claimed || wrong > 0 {
					l := a.ordered()
					t.Errorf("seed %d: %d of %d claimed, %d wrong, of %d told", seed, len(k.only), len(a.down), wrong, l.many())
				}
			}
		})
	}
}

// How often the order is right is counted of pairs that are known otherwise and that a
// neighbour could have changed partners with.
func TestRateOfSwaps(t *testing.T) {
	const n = 40
	for _, tt := range []struct {
		name     string
		every    int64 // ns between exchanges, which take a millisecond
		turn     bool  // every fourth and the next change partners
		known    int   // every how manieth is
		n, right int
	}{
		{"in order", 10_000, false, 1, n, n},
		{"every other is known", 10_000, false, 2, 0, 0}, // and so no neighbour of any
		{"one after the other", 2_000_000, false, 1, 0, 0},
		{"turned round", 10_000, true, 1, n, n / 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := underway(n, tt.every)
			known := make([]int32, n)
			for i := range int32(n) {
				u := i
				if tt.turn && i%4 < 2 {
					u ^= 1
				}
				if known[i] = -1; int(i)%tt.known == 0 {
					known[i] = u
				}
			}
			of := &lineup{of: make([]int32, n)}
			for i := range of.of {
				of.of[i] = int32(i)
			}
			want := 0.0
			if tt.n > 0 {
				want = float64(tt.right+1) / float64(tt.n+2)
			}
			if got := of.rate(a, known); got != want {
				t.Errorf("the orders are right in %v, want %v", got, want)
			}
		})
	}
}

// underway returns n exchanges of as many clients that take a millisecond, one begun every
// so many nanoseconds.
func underway(n int, every int64) *algebra {
	a := new(algebra)
	for i := range int64(n) {
		at := i * every
		a.down = append(a.down, newItem(exchange(clientLeg(int(i)), 100, at, 200, at+1_000_000)))
		a.up = append(a.up, newItem(exchange(proxyLeg(int(i)), 100, at+400_000, 200, at+600_000)))
	}
	a.byBegin()
	return a
}
