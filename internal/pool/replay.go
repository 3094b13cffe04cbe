package pool

import (
	"cmp"
	"slices"
)

// A replay is a world while it is replayed.
type replay struct {
	w          *World
	parts      *parts
	pools      [][]int32 // by pool: its connections
	of         [][]int32 // by connection: its takings in order
	place      []int     // by taking: its place there
	fit        [][]int32 // by request: its strands
	wanted     [][]int32 // by taking: its strands
	struck     []bool    // by strand
	unlikely   []float64 // by strand that is struck by a rule: how likely it is all the same
	taking     []int32   // by request: what it is tied to, or -1
	request    []int32   // by taking
	outRequest []bool    // set aside
	outTaking  []bool
	needed     []uint8 // by request: the rules that left what it is tied to
	lean       []uint8 // by request: the rules that struck some of its strands
	rates      [rules]float64
	decided    []int32 // strands
	score      score
	foreign    []bool  // by request: some of its strands lead to another part
	shown      []shown // by request: the last strike of one of its strands
	clients    int32
	steps      int
}

// shown is which connection was struck by which rule.
type shown struct {
	rule Rule
	conn int32
}

// mostRounds is how often all requests are looked at again, at most.
const mostRounds = 30

const (
	// foreign is how likely it is that a strand belongs together all the same that
	// would join two parts.
	foreign = 1e-3
	// leastLikely is the same of what breaks another rule, at the least: how often those
	// are broken is measured on few.
	leastLikely = 2e-3
)

// mostSteps is how often it is asked, at most, whether a connection was idle; so much
// takes a second or two.
const mostSteps = 1 << 24

// tooOften is from which rate on a rule is none.
const tooOften = .1

// Replay says which strands break the rules of a pool, and which are all that is left.
func Replay(w *World) *Verdict {
	r := newReplay(w)
	for i, s := range w.Strands {
		if s.Certain && r.taking[s.Request] < 0 && r.request[s.Taking] < 0 {
			r.tie(int32(i))
		}
	}
	r.tellApart()
	r.strikeForeign()
	r.balance()
	var known []int32
	for d, u := range r.taking {
		if u >= 0 {
			known = append(known, int32(d))
		}
	}
	for _, d := range known[:min(len(known), mostTests)] {
		part := r.parts.of(w.Requests[d].Client)
		r.score.add(r.test([]int32{d}, part, part))
	}
	r.setRates()
	if r.rates[LastIdle] <= tooOften || r.rates[NoneIdle] <= tooOften {
		r.run()
	}
	return r.verdict()
}

func newReplay(w *World) *replay {
	r := &replay{w: w, of: make([][]int32, len(w.Conns)), place: make([]int, len(w.Takings)), fit: make([][]int32, len(w.Requests)),
		wanted: make([][]int32, len(w.Takings)), struck: make([]bool, len(w.Strands)), taking: make([]int32, len(w.Requests)), request: make([]int32, len(w.Takings)),
		outRequest: make([]bool, len(w.Requests)), outTaking: make([]bool, len(w.Takings)), needed: make([]uint8, len(w.Requests)), lean: make([]uint8, len(w.Requests)), shown: make([]shown, len(w.Requests)), foreign: make([]bool, len(w.Requests)), unlikely: make([]float64, len(w.Strands))}
	for d := range w.Requests {
		r.taking[d], r.shown[d].conn = -1, -1
		r.clients = max(r.clients, w.Requests[d].Client+1)
	}
	for u := range w.Takings {
		r.request[u] = -1
		r.of[w.Takings[u].Conn] = append(r.of[w.Takings[u].Conn], int32(u))
	}
	for _, list := range r.of {
		slices.SortStableFunc(list, func(a, b int32) int { return cmp.Compare(w.Takings[a].From, w.Takings[b].From) })
		for k, u := range list {
			r.place[u] = k
		}
	}
	for x := range w.Conns {
		for int(w.Conns[x].Pool) >= len(r.pools) {
			r.pools = append(r.pools, nil)
		}
		r.pools[w.Conns[x].Pool] = append(r.pools[w.Conns[x].Pool], int32(x))
	}
	for i, s := range w.Strands {
		r.fit[s.Request] = append(r.fit[s.Request], int32(i))
		r.wanted[s.Taking] = append(r.wanted[s.Taking], int32(i))
	}
	r.parts = newParts(int(r.clients) + len(w.Conns))
	return r
}

// upstream returns the number of an upstream connection among those of both sides.
func (r *replay) upstream(x int32) int32 { return r.clients + x }

// setRates takes over how often each rule is broken.
func (r *replay) setRates() {
	for k := range r.rates {
		r.rates[k] = r.score.of(Rule(k))
	}
}

// tie takes strand i as true: what else its ends may have been, they were not.
func (r *replay) tie(i int32) {
	s := r.w.Strands[i]
	d, u := s.Request, s.Taking
	r.taking[d], r.request[u] = u, d
	r.parts.unite(r.w.Requests[d].Client, r.upstream(r.w.Takings[u].Conn))
	for _, k := range r.fit[d] {
		if k != i {
			r.struck[k] = true
		}
	}
	for _, k := range r.wanted[u] {
		if k != i && !r.struck[k] {
			r.struck[k] = true
			r.lean[r.w.Strands[k].Request] |= r.needed[d]
		}
	}
}

// run strikes what breaks a rule, in the order of requests, and ties what is left alone,
// until nothing changes.
func (r *replay) run() {
	order := make([]int32, 0, len(r.w.Requests))
	for d := range r.w.Requests {
		if r.taking[d] < 0 && !r.outRequest[d] {
			order = append(order, int32(d))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(r.w.Requests[a].At, r.w.Requests[b].At) })
	for range mostRounds {
		changed := false
		order = slices.DeleteFunc(order, func(d int32) bool {
			if r.taking[d] >= 0 || r.outRequest[d] || r.steps > mostSteps || r.w.Stop != nil && r.w.Stop() {
				return true
			}
			changed = r.consider(d) || changed
			return r.taking[d] >= 0
		})
		if !changed {
			return
		}
	}
}

// consider strikes what request d cannot be, and ties it to what is left alone. It
// reports whether anything changed.
func (r *replay) consider(d int32) (changed bool) {
	if !r.w.Requests[d].Placed {
		return false
	}
	var open, kept []int32
	for _, i := range r.fit[d] {
		if !r.struck[i] {
			open = append(open, i)
		}
	}
	var used uint8
	if r.foreign[d] {
		used |= 1 << Part
	}
	for _, i := range open {
		u := r.w.Strands[i].Taking
		if rule := r.strikes(d, u); rule != byNothing && r.rates[rule] <= tooOften {
			used |= 1 << rule
			if rule != Part {
				r.shown[d] = shown{rule, r.w.Takings[u].Conn}
			}
			continue
		}
		kept = append(kept, i)
	}
	if len(kept) == 0 {
		r.contradict(d)
		return len(open) > 0
	}
	for _, i := range open {
		if !slices.Contains(kept, i) {
			r.strike(i, r.score.rate())
		}
	}
	r.lean[d] |= used
	if len(kept) == 1 && r.alone(kept[0]) {
		r.needed[d] = r.lean[d]
		r.decided = append(r.decided, kept[0])
		r.tie(kept[0])
		return true
	}
	return len(kept) < len(open)
}

// strike takes strand i out, which is as likely as a rule is broken.
func (r *replay) strike(i int32, rate float64) {
	r.struck[i], r.unlikely[i] = true, max(rate, leastLikely)
}

// strikeForeign strikes what would join two parts that are told apart. That holds also
// where nothing else can be told: packets may be missing, but no worker uses the
// connections of another.
func (r *replay) strikeForeign() {
	if len(r.parts.apart) == 0 {
		return
	}
	for i, s := range r.w.Strands {
		if !r.struck[i] && r.taking[s.Request] < 0 && r.parts.toldApart(r.w.Requests[s.Request].Client, r.upstream(r.w.Takings[s.Taking].Conn)) {
			r.struck[i], r.unlikely[i], r.foreign[s.Request] = true, foreign, true
		}
	}
}

// strikes returns the rule by which request d is not taking u.
func (r *replay) strikes(d, u int32) Rule {
	if r.outTaking[u] {
		return byNothing
	}
	x := r.upstream(r.w.Takings[u].Conn)
	if r.parts.toldApart(r.w.Requests[d].Client, x) { // by what was tied since
		return Part
	}
	part := r.parts.of(x)
	broken, _ := r.breaks(d, u, part, part)
	return broken
}

// alone reports whether strand i, the only one of its request, is not the only one of
// another request too, and may be decided.
func (r *replay) alone(i int32) bool {
	s := r.w.Strands[i]
	if r.outTaking[s.Taking] || r.request[s.Taking] >= 0 {
		return false
	}
	for _, k := range r.wanted[s.Taking] {
		if k == i || r.struck[k] {
			continue
		}
		n := 0
		for _, j := range r.fit[r.w.Strands[k].Request] {
			if !r.struck[j] {
				n++
			}
		}
		if n == 1 {
			return false
		}
	}
	return true
}

// contradict gives up on a request of which nothing is left: some rule was broken, there
// or at a decision before.
func (r *replay) contradict(d int32) {
	r.outRequest[d] = true
	r.score.contradicted++
	for _, i := range r.fit[d] {
		if r.request[r.w.Strands[i].Taking] < 0 {
			r.struck[i], r.unlikely[i] = false, 0
		}
	}
}

// verdict says what was found.
func (r *replay) verdict() *Verdict {
	r.setRates()
	v := &Verdict{Unlikely: r.unlikely, Decided: make([]bool, len(r.w.Strands)), Sure: make([]float64, len(r.w.Strands)), Because: make([]Reason, len(r.w.Strands)),
		Right: r.score.right(), Wrong: r.score.wrong()}
	for _, i := range r.decided {
		d := r.w.Strands[i].Request
		v.Decided[i], v.Sure[i], v.Because[i] = true, r.sure(r.needed[d]), r.reason(i)
	}
	v.Silent = len(r.decided) == 0 && !slices.ContainsFunc(r.unlikely, func(p float64) bool { return p > 0 })
	return v
}

// sure returns how likely a decision is right for which some rules were needed. That two
// connections are of different workers follows from the others.
func (r *replay) sure(needed uint8) float64 {
	sure := 1.0
	for _, k := range [...]Rule{LastIdle, NoneIdle} {
		if needed&(1<<k) != 0 {
			sure *= 1 - r.rates[k]
		}
	}
	return min(sure, 1-r.score.rate())
}

// reason tells why strand i was left alone.
func (r *replay) reason(i int32) Reason {
	s := r.w.Strands[i]
	x := r.w.Takings[s.Taking].Conn
	why := Reason{Rule: Part, Idle: 1, Own: r.before(x, r.place[s.Taking]), Other: -1}
	if k := r.shown[s.Request]; k.conn >= 0 {
		why.Rule, why.Other = k.rule, r.before(k.conn, r.at(k.conn, r.w.Requests[s.Request].At))
	}
	part := r.parts.of(r.upstream(x))
	for _, y := range r.pools[r.w.Conns[x].Pool] {
		if y != x && r.parts.of(r.upstream(y)) == part {
			if _, _, ok := r.idle(y, s.Request); ok {
				why.Idle++
			}
		}
	}
	return why
}

// before returns the taking of a connection before that at place k; -1 if there is none.
func (r *replay) before(x int32, k int) int32 {
	if k == 0 {
		return -1
	}
	return r.of[x][k-1]
}
