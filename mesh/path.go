package mesh

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A workPath is a path as it is being traced.
type workPath struct {
	*flow.Path
	client *workLeg
	own    []*exchange // nil: all of the client leg; else those that no other path claims
	links  []*link     // in the order of Exchanges
	tunnel *link       // how its bytes go through a tunnel; nil if not, or not for sure
	steps  [][]step    // by exchange and hop
}

// tracer builds paths from legs and links.
type tracer struct {
	memory arena.Slab[workPath]
	told   arena.Slab[flow.Path]
	legs   []*workLeg
	byEx   map[*exchange][]*link // links that lead on from an exchange
	byLeg  map[*workLeg][]*link  // links that lead on from a leg as a whole
	whole  map[*workLeg]bool     // legs claimed as a whole
	claims map[*exchange]bool    // exchanges claimed by a client
	around map[*workLeg]*link    // by a leg behind a tunnel: its tie to it
}

// trace builds the paths, in the order of their client legs.
func trace(legs []*workLeg, links []*link) []*workPath {
	t := tracer{legs: legs, byEx: make(map[*exchange][]*link), byLeg: make(map[*workLeg][]*link),
		whole: make(map[*workLeg]bool), claims: make(map[*exchange]bool), around: make(map[*workLeg]*link)}
	for _, l := range links {
		if l.to.Role == flow.RoleControl { // tied, but each is a conversation of its own
			continue
		}
		if l.stream != nil {
			t.claims[l.stream] = true
		}
		if l.from.tunnel {
			t.around[l.to] = l // a conversation of its own
			continue
		}
		if l.down != nil {
			t.byEx[l.down] = append(t.byEx[l.down], l)
		} else {
			t.byLeg[l.from] = append(t.byLeg[l.from], l)
		}
		if l.ambiguous {
			continue
		}
		if l.up != nil {
			t.claims[l.up] = true
		} else {
			t.whole[l.to] = !l.to.tunnel
		}
	}
	t.passTunnels()
	for _, ls := range t.byEx {
		slices.SortStableFunc(ls, func(a, b *link) int { return cmp.Compare(a.attempt, b.attempt) })
	}
	paths := make([]*workPath, 0, len(legs))
	for _, l := range legs {
		if p := t.path(l); p != nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// path returns the path that begins with l; nil when all of l belongs to the
// paths of others.
func (t *tracer) path(l *workLeg) *workPath {
	if t.whole[l] {
		return nil
	}
	_, p := t.memory.Add()
	p.client = l
	_, p.Path = t.told.Add()
	p.Lead, p.Client, p.Server, p.Legs = l.ID, l.Orig.Src, l.Orig.Dst, []int{l.ID}
	t.enter(p, l)
	own := t.unclaimed(l)
	if len(own) < len(l.exchanges) {
		if len(own) == 0 && !l.loose {
			return nil
		}
		if l.readable() { // else the others cannot be left out of it
			p.own = append([]*exchange{}, own...)
		}
	}
	for _, e := range own {
		t.exchange(p, e)
	}
	t.follow(p, l)
	p.finish(t.legs)
	return p
}

// unclaimed lists the exchanges of l that no client claims.
func (t *tracer) unclaimed(l *workLeg) []*exchange {
	var own []*exchange
	for i := range l.exchanges {
		if e := &l.exchanges[i]; !t.claims[e] {
			own = append(own, e)
		}
	}
	return own
}

// exchange adds e and its hops to p.
func (t *tracer) exchange(p *workPath, e *exchange) {
	var tr trail
	tr.begin(e.leg, e)
	t.hops(&tr, e)
	p.addExchange(newExchange(len(p.Exchanges), e), tr)
}

func newExchange(id int, e *exchange) flow.Exchange {
	return flow.Exchange{ID: id, RequestID: e.id(), Method: e.method(), Target: e.target(), Status: e.status(), Proven: true, GRPC: e.grpc()}
}

// hops adds the hops that lead on from e.
func (t *tracer) hops(tr *trail, e *exchange) {
	for _, l := range t.byEx[e] {
		tr.follow(l)
		if l.up != nil {
			t.hops(tr, l.up)
		}
	}
	if l := t.beyond(e); l != nil {
		tr.follow(l)
	}
}

// follow adds what leads on from l as a whole: the one leg of a byte-for-byte
// proxy, encrypted legs, or the exchanges behind one.
func (t *tracer) follow(p *workPath, l *workLeg) {
	for _, k := range t.byLeg[l] {
		p.links = append(p.links, k)
		if k.up == nil {
			p.addLeg(k.to.ID)
			p.Ambiguous = p.Ambiguous || k.ambiguous
			if !k.ambiguous {
				t.follow(p, k.to)
				t.leave(p, k)
			}
			continue
		}
		var tr trail
		tr.begin(l, nil)
		tr.follow(k)
		t.hops(&tr, k.up)
		p.addExchange(newExchange(len(p.Exchanges), k.up), tr)
	}
	if len(l.exchanges) == 0 {
		p.sortExchanges()
	}
}

// sortExchanges puts exchanges that are known from behind the proxy in the order in
// which they began there.
func (p *workPath) sortExchanges() {
	began := func(x *flow.Exchange) int64 { return x.Hops[len(x.Hops)-1].RequestStart }
	order := make([]int, len(p.Exchanges))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(began(&p.Exchanges[i]), began(&p.Exchanges[j])) })
	exchanges, steps := make([]flow.Exchange, len(order)), make([][]step, len(order))
	for k, i := range order {
		exchanges[k], steps[k] = p.Exchanges[i], p.steps[i]
		exchanges[k].ID = k
	}
	if len(order) > 0 {
		p.Exchanges, p.steps = exchanges, steps
	}
}

func (p *workPath) addLeg(id int) {
	if !slices.Contains(p.Legs, id) {
		p.Legs = append(p.Legs, id)
	}
}

func (p *workPath) addExchange(x flow.Exchange, tr trail) {
	x.Hops = tr.hops
	for i, s := range tr.steps {
		h := &x.Hops[i]
		if x.Method == "" && s.ex != nil && !h.Ambiguous { // lost on the client's leg, or not to be read there
			learn(&x, s.ex)
		}
		p.addLeg(h.Leg)
		x.Proven = x.Proven && (s.link == nil || h.Proven)
		x.Ambiguous = x.Ambiguous || h.Ambiguous
	}
	x.Proven = x.Proven && (len(x.Hops) > 1 || p.tunnel != nil && p.tunnel.proven)
	p.Ambiguous = p.Ambiguous || x.Ambiguous
	p.Exchanges, p.steps = append(p.Exchanges, x), append(p.steps, tr.steps)
}

// learn takes from a later hop what the client's leg does not show.
func learn(x *flow.Exchange, e *exchange) {
	x.Method, x.Target, x.GRPC = e.method(), e.target(), e.grpc()
	if x.RequestID == "" {
		x.RequestID = e.id()
	}
	if x.Status == 0 {
		x.Status = e.status()
	}
}

// joined tells whether a join without rivals ties legs of the path.
func (p *workPath) joined() bool {
	for i := range p.steps {
		for k, s := range p.steps[i] {
			if s.link != nil && !p.Exchanges[i].Hops[k].Ambiguous {
				return true
			}
		}
	}
	return slices.ContainsFunc(p.links, func(l *link) bool { return !l.ambiguous })
}

// line returns the log line of exchange i: the one of the proxy nearest the client.
func (p *workPath) line(i int) *recorded.Line {
	for k, s := range p.steps[i] {
		if s.ex != nil && s.ex.log != nil && !p.Exchanges[i].Hops[k].Ambiguous {
			return s.ex.log
		}
	}
	return nil
}

// finish fills what follows from the path's legs together.
func (p *workPath) finish(legs []*workLeg) {
	p.Direction, p.Joined = p.direction(legs), p.joined()
	p.Complete = !p.Ambiguous && (len(p.Legs) > 1 || p.Direction == flow.Direct)
	for _, id := range p.Legs {
		l := legs[id]
		p.Complete = p.Complete && !l.Midstream && l.OrigMissing+l.ReplyMissing == 0 && l.conn.Orig != 0 && l.conn.Reply != 0
	}
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		p.Complete = p.Complete && x.Status != 0 && (len(x.Hops) > 1 || p.Direction == flow.Direct || p.tunnel != nil)
	}
}

func (p *workPath) direction(legs []*workLeg) flow.Direction {
	last := legs[p.Legs[len(p.Legs)-1]]
	switch p.client.Role {
	case flow.RoleClientProxy:
		if last.Role == flow.RoleProxyServer {
			return flow.Gateway
		}
		return flow.Inbound
	case flow.RoleProxyApp:
		return flow.Inbound
	case flow.RoleAppProxy:
		if slices.ContainsFunc(p.Legs, func(id int) bool { return legs[id].conn.loopback && legs[id].Role == flow.RoleProxyProxy }) {
			return flow.Self
		}
		return flow.Outbound
	case flow.RoleProxyServer:
		return flow.Outbound
	case flow.RoleProxyProxy:
		if p.client.conn.loopback {
			return flow.Self
		}
		return flow.Inbound
	case flow.RoleDirect, flow.RoleControl:
		return flow.Direct
	}
	return flow.DirectionUnknown
}

// joinsOf sums links up to one join for each pair of legs: the best.
func joinsOf(links []*link) []flow.Join {
	type pair struct{ from, to int }
	at := make(map[pair]int)
	var joins []flow.Join
	for _, l := range links {
		k := pair{l.from.ID, l.to.ID}
		i, ok := at[k]
		if !ok {
			i = len(joins)
			at[k] = i
			joins = append(joins, flow.Join{From: k.from, To: k.to, Ambiguous: true})
		}
		improve(&joins[i], l)
	}
	slices.SortStableFunc(joins, func(a, b flow.Join) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return joins
}

// improve takes over l if it is a better reason than the one before.
func improve(j *flow.Join, l *link) {
	if !j.Ambiguous && (l.ambiguous || l.confidence <= j.Confidence) || j.Ambiguous && l.ambiguous && l.confidence <= j.Confidence {
		return
	}
	j.Confidence, j.Proven, j.Ambiguous, j.Evidence = l.confidence, l.proven, l.ambiguous, l.evidence
	j.Rivals = nil
	for _, r := range l.rivals {
		if r.leg != l.to && !slices.Contains(j.Rivals, r.leg.ID) {
			j.Rivals = append(j.Rivals, r.leg.ID)
		}
	}
	slices.Sort(j.Rivals)
}

// plainPaths returns what is told of paths.
func plainPaths(paths []*workPath) []*flow.Path {
	out := make([]*flow.Path, len(paths))
	for i, p := range paths {
		out[i] = p.Path
	}
	return out
}
