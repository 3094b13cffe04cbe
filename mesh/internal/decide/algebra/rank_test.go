package algebra

import (
	"math/rand/v2"
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
