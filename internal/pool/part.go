package pool

import "math"

// parts are groups of connections, of clients and upstream, each of which one worker has.
type parts struct {
	up    []int32   // by connection: one nearer to what stands for its part, or itself
	has   [][]int32 // by what stands for a part: which of the first parts are in it
	apart map[[2]int32]bool
}

func newParts(n int) *parts {
	p := &parts{up: make([]int32, n), has: make([][]int32, n), apart: make(map[[2]int32]bool)}
	for i := range p.up {
		p.up[i] = int32(i)
	}
	return p
}

// of returns what stands for the part of connection i.
func (p *parts) of(i int32) int32 {
	for p.up[i] != i {
		p.up[i] = p.up[p.up[i]]
		i = p.up[i]
	}
	return i
}

// unite makes two connections those of one worker.
func (p *parts) unite(i, j int32) {
	if i, j = p.of(i), p.of(j); i != j {
		p.up[j] = i
		p.has[i] = append(p.has[i], p.has[j]...)
	}
}

// toldApart reports whether two connections are certainly of two workers.
func (p *parts) toldApart(i, j int32) bool {
	if i, j = p.of(i), p.of(j); i == j {
		return false
	}
	for _, a := range p.has[i] {
		for _, b := range p.has[j] {
			if p.apart[[2]int32{a, b}] {
				return true
			}
		}
	}
	return false
}

const (
	// fewHops is how many certain ties a part has at the least to be told apart.
	fewHops = 4
	// manyParts is of how many parts, those with most ties, it is asked whether they
	// can be told apart.
	manyParts = 48
	// mostHops is how many ties of a part are looked at for that, and mostTests how
	// many of all to learn how often the rules are broken.
	mostHops, mostTests = 256, 4096
	// byChance is how likely it may be that as many ties of one worker break the rules.
	byChance = 1e-6
)

// tellApart finds out which parts are of different workers: those that break the rules
// only if they are taken as one.
func (r *replay) tellApart() {
	hops := make(map[int32][]int32)
	var order []int32
	for d, u := range r.taking {
		if u >= 0 {
			root := r.parts.of(r.w.Requests[d].Client)
			if hops[root] == nil {
				order = append(order, root)
			}
			if len(hops[root]) < mostHops {
				hops[root] = append(hops[root], int32(d))
			}
		}
	}
	var large []int32
	for _, root := range order {
		if len(hops[root]) >= fewHops && len(large) < manyParts {
			large = append(large, root)
		}
	}
	alone := make([]score, len(large))
	var all score
	for i, root := range large {
		r.parts.has[root] = []int32{int32(i)}
		alone[i] = r.test(hops[root], root, root)
		all.add(alone[i])
	}
	rate := all.rate()
	if rate > tooOften {
		return // it is no proxy that keeps the rules, or not enough is known of it
	}
	for i, a := range large {
		for j, b := range large[:i] {
			one := r.test(hops[a], a, b)
			one.add(r.test(hops[b], b, a))
			wrong := one.wrong() - alone[i].wrong() - alone[j].wrong()
			if wrong > 0 && oftener(wrong, one.right()+one.wrong(), rate) < byChance {
				r.parts.apart[[2]int32{int32(i), int32(j)}], r.parts.apart[[2]int32{int32(j), int32(i)}] = true, true
			}
		}
	}
}

// oftener returns how likely it is that of n at least k go wrong, at a rate.
func oftener(k, n int, rate float64) float64 {
	sum, p := 0.0, math.Pow(1-rate, float64(n))
	for i := 0; i < k; i++ {
		sum += p
		p *= float64(n-i) / float64(i+1) * rate / (1 - rate)
	}
	return max(1-sum, 0)
}

// A score is how often the rules held and were broken.
type score struct {
	held, broken [rules]int
	contradicted int // requests of which nothing was left
}

func (s *score) add(o score) {
	for k := range s.held {
		s.held[k] += o.held[k]
		s.broken[k] += o.broken[k]
	}
}

func (s *score) right() int { return s.held[LastIdle] + s.held[NoneIdle] }
func (s *score) wrong() int { return s.broken[LastIdle] + s.broken[NoneIdle] + s.contradicted }

// rate returns how often the rules are broken, by what was seen.
func (s *score) rate() float64 { return float64(s.wrong()+1) / float64(s.right()+s.wrong()+2) }

// of returns how often a rule is broken: what is seldom seen of one is as of both.
func (s *score) of(k Rule) float64 {
	if k == Part {
		return foreign
	}
	own := (float64(s.broken[k]) + s.rate()) / float64(s.held[k]+s.broken[k]+1)
	return max(own, s.rate())
}
