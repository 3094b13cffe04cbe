package mesh_test

import (
	"math/rand/v2"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// crowd returns n exchanges on both sides of a proxy that keeps the order: one
// begins each 10 µs and takes 1 ms.
func crowd(n int) (down, up []mesh.Occasion) {
	for i := range int64(n) {
		at := i * 10_000
		down = append(down, mesh.Occasion{Req: at, Resp: at + 1_000_000})
		up = append(up, mesh.Occasion{Req: at + 200_000, Resp: at + 800_000})
	}
	return down, up
}

func shuffled(r *rand.Rand, os []mesh.Occasion, of func(*mesh.Occasion) *int64) {
	r.Shuffle(len(os), func(i, j int) {
		a, b := of(&os[i]), of(&os[j])
		*a, *b = *b, *a
	})
}

func TestOrdered(t *testing.T) {
	req := func(o *mesh.Occasion) *int64 { return &o.Req }
	resp := func(o *mesh.Occasion) *int64 { return &o.Resp }
	for _, tt := range []struct {
		name  string
		spoil func(r *rand.Rand, down, up []mesh.Occasion) (d, u []mesh.Occasion)
		least int // of 500 told at the least
		most  int
	}{
		{"in order", func(_ *rand.Rand, d, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) { return d, u }, 500, 500},
		{"responses in any order", func(r *rand.Rand, d, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) {
			shuffled(r, u, resp)
			return d, u
		}, 0, 0},
		{"all in any order", func(r *rand.Rand, d, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) {
			shuffled(r, u, req)
			shuffled(r, u, resp)
			return d, u
		}, 0, 0},
		{"one late", func(_ *rand.Rand, d, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) {
			u[250].Resp += 100_000
			return d, u
		}, 480, 499},
		{"two exchanged", func(_ *rand.Rand, d, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) {
			u[100].Resp, u[101].Resp = u[101].Resp, u[100].Resp
			return d, u
		}, 498, 498},
		{"at the same time", func(_ *rand.Rand, d, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) {
			for i := range u {
				d[i].Req, d[i].Resp, u[i].Req, u[i].Resp = d[0].Req, d[0].Resp, u[0].Req, u[0].Resp
			}
			return d, u
		}, 0, 500},
		{"no responses", func(_ *rand.Rand, d, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) {
			for i := range u {
				u[i].Resp = mesh.NoTime
			}
			return d, u
		}, 0, 0},
		{"nothing upstream", func(_ *rand.Rand, d, _ []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) { return d, nil }, 0, 0},
		{"nothing downstream", func(_ *rand.Rand, _, u []mesh.Occasion) ([]mesh.Occasion, []mesh.Occasion) { return nil, u }, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, u := crowd(500)
			d, u = tt.spoil(rand.New(rand.NewPCG(9, 10)), d, u)
			told := 0
			for i, o := range mesh.Ordered(d, u) {
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
