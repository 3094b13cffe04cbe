package algebra

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// An occasion is when a request and its response were seen.
type occasion struct{ req, resp int64 }

// ordered returns for each upstream item the downstream item that the orders of
// requests and responses give it, or -1.
func ordered(down, up []occasion) []int32 {
	a := new(algebra)
	for _, o := range down {
		a.down = append(a.down, item{reqAt: o.req, respAt: o.resp})
	}
	for _, o := range up {
		a.up = append(a.up, item{reqAt: o.req, respAt: o.resp})
	}
	return a.ordered()
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
			for i, o := range ordered(d, u) {
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

// Most of the neighbours must agree: of up to 32 before and as many after.
func TestConfirmed(t *testing.T) {
	agree := func(n int, at ...int) []bool {
		list := make([]bool, n)
		for _, k := range at {
			list[k] = true
		}
		return list
	}
	first := func(n int) (at []int) {
		for k := range n {
			at = append(at, k)
		}
		return at
	}
	for _, tt := range []struct {
		name  string
		agree []bool
		k     int
		want  bool
	}{
		{"alone", agree(1, 0), 0, true},
		{"half of two", agree(2, 0), 0, false},
		{"of 65 33", agree(65, first(33)...), 32, true},
		{"of 65 32", agree(65, first(32)...), 32, false},
		{"those before the neighbours do not count", agree(70, first(33)...), 33, false},
		{"at the beginning 17 of 33", agree(100, first(17)...), 0, true},
		{"at the beginning 16 of 33", agree(100, first(16)...), 0, false},
		{"the last of the neighbours counts", agree(100, append(first(16), 32)...), 0, true},
		{"those after the neighbours do not count", agree(34, append(first(16), 33)...), 0, false},
		{"at the end", agree(33, first(17)...), 32, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := confirmed(tt.agree, tt.k); got != tt.want {
				t.Errorf("confirmed %v, want %v", got, tt.want)
			}
		})
	}
}

// Items are counted in the order of a time; those without one have no number.
func TestQueue(t *testing.T) {
	a := &algebra{down: []item{{reqAt: 30}, {reqAt: noTime}, {reqAt: 10}, {reqAt: 20}, {reqAt: 20}}, up: []item{{reqAt: 5}, {reqAt: 4}, {reqAt: noTime}, {reqAt: 3}}}
	q := a.queue(func(it *item) int64 { return it.reqAt })
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
}
