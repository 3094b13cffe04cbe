package mesh

import (
	"cmp"
	"slices"
)

// A Join ties two legs: From is nearer the client. In a pool it is the best of
// the joins of their exchanges.
type Join struct {
	From, To   int // leg IDs
	Confidence float64
	Proven     bool
	Ambiguous  bool
	Evidence   []Evidence
	Rivals     []int // IDs of legs that fit To's place as well, sorted
}

// Confidences. They are fractions of joins that are right, at the least, on
// captures whose truth is known.
const (
	sureProven     = 0.999 // an id or contents that no other candidate has
	sureElimined   = 0.95  // nothing else fits, by contents
	sureOnlyInTime = 0.9   // nothing else fits, by times alone
)

// A link ties an exchange, or a whole leg, to its counterpart on the server
// side of one proxy.
type link struct {
	from, to   *Leg
	down, up   *exchange // nil for whole legs
	attempt    int       // 1-based; the last one was the one that counted
	confidence float64
	proven     bool
	ambiguous  bool
	evidence   []Evidence
	rivals     []rival
}

// A rival is what fits as well.
type rival struct {
	leg *Leg
	ex  *exchange // nil for a whole leg
}

// A crossing is the legs on both sides of one proxy that may belong together.
type crossing struct {
	x        *index
	down, up []*Leg
	links    []*link
	taken    map[*exchange]bool // exchanges of either side that have a link
	busy     map[*Leg]bool      // whole legs that have one
}

// joinLegs ties legs at every proxy crossing of every pod.
func joinLegs(x *index, legs []*Leg, r *roster) []*link {
	var links []*link
	for _, pod := range podNames(legs) {
		for _, c := range crossings(x, legs, pod, r.pods[pod]) {
			c.join()
			links = append(links, c.links...)
		}
	}
	return links
}

// podNames lists the pods that legs were seen in, in the order of the legs.
func podNames(legs []*Leg) []string {
	var names []string
	for _, l := range legs {
		for _, v := range l.views {
			if !slices.Contains(names, v.pod) {
				names = append(names, v.pod)
			}
		}
	}
	return names
}

// crossings lists the crossings of a pod: one for each port of the application
// on the inbound side, one for all outbound traffic. A pod without any trace
// of interception may be a gateway: what comes in may go out.
func crossings(x *index, legs []*Leg, pod string, f *podFacts) []*crossing {
	byPort := make(map[uint16]*crossing)
	out := &crossing{x: x}
	order := []*crossing{out}
	in := func(port uint16) *crossing {
		c := byPort[port]
		if c == nil {
			c = &crossing{x: x}
			byPort[port] = c
			order = append(order, c)
		}
		return c
	}
	for _, l := range legs {
		port := l.Orig.Dst.Port()
		switch l.view(pod) {
		case RoleClientProxy:
			if f.gateway() {
				out.down = append(out.down, l)
			} else {
				in(port).down = append(in(port).down, l)
			}
		case RoleProxyApp:
			in(port).up = append(in(port).up, l)
		case RoleProxyProxy:
			in(port).down = append(in(port).down, l)
			out.up = append(out.up, l)
		case RoleAppProxy:
			out.down = append(out.down, l)
		case RoleProxyServer:
			out.up = append(out.up, l)
		case RoleControl:
			in(0).down = append(in(0).down, l)
		}
	}
	probes(in(0), order)
	return order
}

// gateway tells whether the pod forwards without interception.
func (f *podFacts) gateway() bool { return !f.meshed && !f.maybe }

// join finds the links of the crossing, from the surest kind to the weakest.
func (c *crossing) join() {
	if len(c.down) == 0 || len(c.up) == 0 {
		return
	}
	c.taken, c.busy = make(map[*exchange]bool), make(map[*Leg]bool)
	c.joinProbes()
	c.joinRetries()
	c.joinExchanges()
	c.joinStreams()
	c.joinUnread()
	c.joinRefused()
	slices.SortStableFunc(c.links, func(a, b *link) int {
		return cmp.Or(cmp.Compare(a.from.ID, b.from.ID), cmp.Compare(a.order(), b.order()), cmp.Compare(a.attempt, b.attempt))
	})
}

// order sorts links of one leg by its exchanges.
func (l *link) order() int {
	if l.down == nil {
		return -1
	}
	return l.down.no
}

func (c *crossing) add(l *link) {
	c.links = append(c.links, l)
	if l.down != nil && !l.ambiguous {
		c.taken[l.down] = true
	}
	if l.up != nil {
		c.taken[l.up] = true
	}
	if l.up == nil {
		c.busy[l.to] = true
	}
	if l.down == nil && l.up == nil {
		c.busy[l.from] = true
	}
}

// exchangesOf lists the exchanges of legs in the order of their start.
func exchangesOf(legs []*Leg) []*exchange {
	var es []*exchange
	for _, l := range legs {
		for i := range l.exchanges {
			es = append(es, &l.exchanges[i])
		}
	}
	slices.SortStableFunc(es, func(a, b *exchange) int { return cmp.Compare(a.start(), b.start()) })
	return es
}

// joinRetries ties the attempts of one exchange: upstream exchanges that carry
// its request id one after another.
func (c *crossing) joinRetries() {
	down := newShelf(exchangesOf(c.down))
	groups := make(map[*exchange][]*exchange)
	for _, u := range exchangesOf(c.up) {
		if ds := down.sameID(u); len(ds) == 1 {
			groups[ds[0]] = append(groups[ds[0]], u)
		}
	}
	for _, d := range down.all {
		us := groups[d]
		if len(us) < 2 || !sequential(us) || !final(d, us[len(us)-1]) {
			continue
		}
		for i, u := range us {
			r := compare(d, u)
			c.add(&link{from: d.leg, to: u.leg, down: d, up: u, attempt: i + 1,
				confidence: sureProven, proven: true, evidence: explain(d, u, &r, true)})
		}
	}
}

// sequential tells whether each exchange was over before the next began.
func sequential(us []*exchange) bool {
	for i, u := range us[1:] {
		if us[i].resp == nil || us[i].resp.from.nanos > u.start()+causality {
			return false
		}
	}
	return true
}

// A candidate is a downstream exchange that an upstream one may belong to.
type candidate struct {
	d    int // index into the shelf
	like resemblance
}

// joinExchanges ties the exchanges that are left, by ids, contents and order.
func (c *crossing) joinExchanges() {
	down := newShelf(c.open(exchangesOf(c.down)))
	ups := c.open(exchangesOf(c.up))
	cands := make([][]candidate, len(ups))
	for i, u := range ups {
		cands[i] = down.candidates(u)
	}
	dropRenamed(cands)
	pruneDowns(cands, len(down.all))
	for i := range cands {
		cands[i] = fittest(cands[i])
	}
	pruneUps(cands, len(down.all))
	edges, attempts := splitAttempts(down, ups, cands)
	a := assign(len(down.all), edges)
	for u := range ups {
		if a.forced[u] {
			c.addForced(down, ups, cands, a, u)
		}
	}
	for d := range down.all {
		c.addAmbiguous(down, ups, a, d)
	}
	for u, ds := range attempts {
		c.addAttempt(down, ups[u], ds)
	}
}

// open filters out exchanges that have a link.
func (c *crossing) open(es []*exchange) []*exchange {
	return slices.DeleteFunc(es, func(e *exchange) bool { return c.taken[e] })
}

// splitAttempts parts the candidates by whether the upstream response can be
// the one the client got, or only that of a failed attempt.
func splitAttempts(down *shelf, ups []*exchange, cands [][]candidate) (edges, attempts [][]int) {
	edges, attempts = make([][]int, len(ups)), make([][]int, len(ups))
	for u, cs := range cands {
		for _, k := range cs {
			if final(down.all[k.d], ups[u]) {
				edges[u] = append(edges[u], k.d)
			} else {
				attempts[u] = append(attempts[u], k.d)
			}
		}
	}
	return edges, attempts
}

func (c *crossing) addForced(down *shelf, ups []*exchange, cands [][]candidate, a *assignment, u int) {
	d := a.ofUp[u]
	i := slices.IndexFunc(cands[u], func(k candidate) bool { return k.d == d })
	like := &cands[u][i].like
	sole := len(a.up[u]) == 1 && len(a.down[d]) == 1
	l := &link{from: down.all[d].leg, to: ups[u].leg, down: down.all[d], up: ups[u], attempt: 1,
		confidence: sureElimined, proven: sole && !like.cut, evidence: explain(down.all[d], ups[u], like, sole)}
	if l.proven {
		l.confidence = sureProven
	}
	c.add(l)
}

// addAmbiguous names for a downstream exchange all upstream ones that may be
// its own: the first as best guess, the others as rivals.
func (c *crossing) addAmbiguous(down *shelf, ups []*exchange, a *assignment, d int) {
	if u := a.ofDown[d]; len(a.down[d]) == 0 || u >= 0 && a.forced[u] {
		return
	}
	var may []*exchange
	best := a.ofDown[d]
	for _, u := range a.down[d] {
		if a.forced[u] {
			continue
		}
		if best < 0 {
			best = u
		}
		if u != best {
			may = append(may, ups[u])
		}
	}
	if best < 0 {
		return
	}
	e, u := down.all[d], ups[best]
	l := &link{from: e.leg, to: u.leg, down: e, up: u, attempt: 1, ambiguous: true, confidence: 1 / float64(len(may)+1)}
	for _, m := range may {
		l.rivals = append(l.rivals, rival{m.leg, m})
	}
	like := compare(e, u)
	l.evidence = explain(e, u, &like, true)
	c.add(l)
}

// addAttempt ties a failed upstream exchange to the one exchange that was
// answered otherwise later.
func (c *crossing) addAttempt(down *shelf, u *exchange, ds []int) {
	if len(ds) != 1 || c.taken[u] {
		return
	}
	d := down.all[ds[0]]
	for _, l := range c.links {
		if l.down == d && l.up != nil && !l.ambiguous && l.up.start() >= u.end()-causality {
			like := compare(d, u)
			n := l.attempt
			l.attempt++
			c.add(&link{from: d.leg, to: u.leg, down: d, up: u, attempt: n, confidence: sureElimined,
				evidence: explain(d, u, &like, true)})
			return
		}
	}
}
