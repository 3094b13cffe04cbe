package hbone

import (
	"fmt"
	"slices"
	"testing"
)

// What ztunnel reads at once grows with what went through.
func TestSplit(t *testing.T) {
	const first = 128 << 10
	for _, tt := range []struct {
		name    string
		n, past int64
		full    [2]int
		rest    int64
		ok      bool
	}{
		{"less than a read", 1023, 0, [2]int{}, 1023, false},
		{"a read, of which nothing is left to tell it by", 1024, 0, [2]int{1, 0}, 0, false},
		{"a byte more", 1025, 0, [2]int{1, 0}, 1, true},
		{"40 kB", 40000, 0, [2]int{39, 0}, 64, true},
		{"to where reads grow", first + 100, 0, [2]int{128, 0}, 100, true},
		{"beyond", first + 2*16320 + 5, 0, [2]int{128, 2}, 5, true},
		{"after some", 3000, first - 2000, [2]int{2, 0}, 952, true},
		{"after more than that", 3000, first, [2]int{}, 3000, false},
		{"long after", 40000, first, [2]int{0, 2}, 7360, true},
		{"after so much that a read is many records", 40000, 10_000_000, [2]int{}, 0, false},
		{"more records than are looked for", first + 300*16320, 0, [2]int{128, 257}, 0, false},
	} {
		full, rest, ok := split(tt.n, tt.past)
		if ok != tt.ok || full != tt.full && tt.ok || ok && rest != tt.rest {
			t.Errorf("%s: %v and %d, %v; want %v and %d, %v", tt.name, full, rest, ok, tt.full, tt.rest, tt.ok)
		}
	}
}

// Full records and a rest are found among those of others; an application that writes twice
// may have the rest in two.
func TestPieces(t *testing.T) {
	const full = 1024 + 9
	for _, tt := range []struct {
		name    string
		n       int64
		records []int64
		gone    []int
		onward  bool
		want    string // records, the one that tells, and how many it could have been
	}{
		{"in a row", 2500, []int64{full, full, 452 + 9}, nil, false, "[0 1 2] 2 1"},
		{"with an end of the stream", 2500, []int64{full, full, 452 + 18}, nil, false, "[0 1 2] 2 1"},
		{"among others", 2500, []int64{full, 20, full, 300, 452 + 9, 7}, nil, true, "[0 2 4] 4 1"},
		{"too few full ones", 2500, []int64{full, 20, 452 + 9}, nil, false, "[] 0 0"},
		{"full ones only behind", 2500, []int64{452 + 9, full, full}, nil, false, "[] 0 0"},
		{"a full one is another's", 2500, []int64{full, full, 452 + 9}, []int{0}, false, "[] 0 0"},
		{"the rest is another's", 2500, []int64{full, full, 452 + 9}, []int{2}, false, "[] 0 0"},
		{"the first of two, on to the tunnel", 1500, []int64{full, 485, full, 485}, nil, true, "[0 1] 1 1"},
		{"the last of two, from it", 1500, []int64{full, 485, full, 485}, nil, false, "[2 3] 3 1"},
		{"the first has nothing before it", 1500, []int64{485, full, 485}, nil, true, "[1 2] 2 1"},
		{"a rest in two", 2500, []int64{full, full, 449 + 9, 3 + 9}, nil, false, "[0 1 2 3] 2 16"},
		{"a rest in two, among others", 2500, []int64{full, full, 449 + 9, 50, 3 + 9, 9}, nil, false, "[0 1 2 4] 2 16"},
		{"a rest in two, of which the first took more", 1100, []int64{1000 + 9, 100 + 9}, nil, false, "[0 1] 0 16"},
		{"the two are too far apart", 2500, slices.Concat([]int64{full, full, 449 + 9}, slices.Repeat([]int64{2000}, nearBy), []int64{3 + 9}), nil, false, "[] 0 0"},
		{"as far as they may be", 2500, slices.Concat([]int64{full, full, 449 + 9}, slices.Repeat([]int64{2000}, nearBy-1), []int64{3 + 9}), nil, false, "[0 1 2 10] 2 16"},
		{"not cut", 900, []int64{909}, nil, false, "[] 0 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tunnelWith(true, run(tt.records...), nil)
			for _, k := range tt.gone {
				m.records[0][k].gone = true
			}
			p := m.pieces(0, tt.n, 0, 0, len(tt.records), tt.onward)
			if got := fmt.Sprint(p.records, p.key, p.ways); got != tt.want {
				t.Errorf("found %s, want %s", got, tt.want)
			}
		})
	}
}

// Answers that go through two tunnels at once, in records that look alike but for the
// rest, are told apart by it, once it was learned that rests are found.
func TestPiecesTell(t *testing.T) {
	var tunnels [2]*tunnel
	var cs []*inner
	for i := range tunnels {
		tunnels[i] = tunnelWith(true, nil, nil)
	}
	const ms = int64(1_000_000)
	for i := range 30 { // three at once in each tunnel
		n, at := int64(3000+37*i*(i+3)%5000), int64(i)*5*ms
		c := &inner{leg: between(at, at+40*ms), in: -1, bursts: []burst{{false, 219, at, at}, {true, n, at + 20*ms, at + 21*ms}}}
		cs = append(cs, c)
	}
	type sent struct {
		n, at int64
	}
	for d := range 2 {
		var all [2][]sent
		for i, c := range cs {
			b := c.bursts[d]
			at := b.at + int64(1-2*d)*100
			for k := range b.n / 1024 {
				all[i%2] = append(all[i%2], sent{1033, at - (9-k)*1000})
			}
			all[i%2] = append(all[i%2], sent{b.n%1024 + 9, at})
		}
		for i, m := range tunnels {
			slices.SortStableFunc(all[i], func(a, b sent) int { return int(a.at - b.at) })
			for _, s := range all[i] {
				m.put(d, record{n: s.n, at: s.at})
			}
		}
	}
	u := tied(t, false, tunnels[:], cs...)
	u.join()
	right := 0
	for _, l := range u.links {
		switch {
		case l.Ambiguous:
		case l.To.ID != 100+l.From.ID%2:
			t.Errorf("connection %d is in tunnel %d", l.From.ID, l.To.ID)
		default:
			right++
		}
	}
	if right < 29 {
		t.Errorf("%d of 30 right", right)
	}
}

// How rare it is that a connection is not found whole in its tunnel is learned.
func TestLearn(t *testing.T) {
	u := tied(t, false, []*tunnel{carrying(100, 200, 300, 400)}, said(100, 200), said(300, 401), said(100, 200))
	if u.learn(); fmt.Sprintf("%.3f", u.missing) != "-0.916" { // log of 2/5
		t.Errorf("learned %.3f", u.missing)
	}
	u.inner[1].leg.Midstream = true
	if u.learn(); fmt.Sprintf("%.3f", u.missing) != "-1.386" { // log of 1/4
		t.Errorf("learned %.3f of those that are whole", u.missing)
	}
}
