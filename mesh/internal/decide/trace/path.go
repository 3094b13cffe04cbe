package trace

import (
	"cmp"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A Path is a path as it is being traced.
type Path struct {
	*flow.Path
	ClientLeg *graph.Leg
	Own       []*graph.Exchange // nil: all of the client leg; else those that no other path claims
	Links     []*graph.Link     // in the order of Exchanges
	tunnel    *graph.Link       // how its bytes go through a tunnel; nil if not, or not for sure
	Steps     [][]Step          // by exchange and hop
}

// tracer builds paths from legs and links.
type tracer struct {
	memory  arena.Slab[Path]
	told    arena.Slab[flow.Path]
	legs    []*graph.Leg
	byEx    map[*graph.Exchange][]*graph.Link // links that lead on from an exchange
	byLeg   map[*graph.Leg][]*graph.Link      // links that lead on from a leg as a whole
	whole   map[*graph.Leg]bool               // legs claimed as a whole
	claims  map[*graph.Exchange]bool          // exchanges claimed by a client
	guessed map[*graph.Exchange]bool          // of these, what lies behind it was shown of one that is in doubt
	around  map[*graph.Leg]*graph.Link        // by a leg behind a tunnel: its tie to it
	hidden  map[seat]*graph.Exchange          // the first one met of those with a seat
	onward  map[*graph.Link]*graph.Link       // from a link to what leads on where one leg between proxies hides which
}

// A seat is where an exchange that cannot be read stands on its leg. Each pod's crossing
// makes out for itself which there are, so that one between two proxies is there twice.
type seat struct {
	leg       *graph.Leg
	req, resp [2]int64
	slot      int // of a stream, whose response need not be known
}

// one returns the exchange that stands for all with the seat of e.
func (t *tracer) one(e *graph.Exchange) *graph.Exchange {
	if e == nil || e.Outline == nil {
		return e
	}
	s := seat{leg: e.Leg, req: graph.RangeOf(e.Req), slot: e.Outline.Slot}
	if s.slot == 0 {
		s.resp = graph.RangeOf(e.Resp)
	}
	if t.hidden[s] == nil {
		t.hidden[s] = e
	}
	return t.hidden[s]
}

// Trace builds the paths, in the order of their client legs.
func Trace(x *index.Index, legs []*graph.Leg, links []*graph.Link) []*Path {
	t := tracer{legs: legs, byEx: make(map[*graph.Exchange][]*graph.Link), byLeg: make(map[*graph.Leg][]*graph.Link),
		whole: make(map[*graph.Leg]bool), claims: make(map[*graph.Exchange]bool), guessed: make(map[*graph.Exchange]bool), around: make(map[*graph.Leg]*graph.Link), hidden: make(map[seat]*graph.Exchange), onward: make(map[*graph.Link]*graph.Link)}
	for _, l := range index.Each(x, links) {
		if l.To.Role == flow.RoleControl { // tied, but each is a conversation of its own
			continue
		}
		if l.Stream != nil {
			t.claims[l.Stream] = true
		}
		if l.From.Tunnel {
			t.around[l.To] = l // a conversation of its own
			continue
		}
		if l.Down != nil {
			d := t.one(l.Down)
			t.byEx[d] = append(t.byEx[d], l)
		} else {
			t.byLeg[l.From] = append(t.byLeg[l.From], l)
		}
		if l.Caused { // its client is known, if not which exchange of it
			t.claims[t.one(l.Up)] = true
		}
		if l.Ambiguous {
			continue
		}
		if l.Up != nil {
			t.claims[t.one(l.Up)] = true
		} else if !l.To.Tunnel && (len(l.To.Exchanges) == 0 || !l.To.Readable()) { // others may have the exchanges
			t.whole[l.To] = true
		}
	}
	t.passTunnels()
	t.passHidden(x, links)
	for _, ls := range t.byEx {
		slices.SortStableFunc(ls, func(a, b *graph.Link) int { return cmp.Or(compareCopies(a, b), cmp.Compare(a.Attempt, b.Attempt)) })
	}
	paths := make([]*Path, 0, len(legs))
	for _, l := range index.Each(x, legs) {
		if p := t.path(l); p != nil {
			paths = append(paths, p)
		}
	}
	return paths
}

// path returns the path that begins with l; nil when all of l belongs to the
// paths of others.
func (t *tracer) path(l *graph.Leg) *Path {
	if t.whole[l] {
		return nil
	}
	_, p := t.memory.Add()
	p.ClientLeg = l
	_, p.Path = t.told.Add()
	p.Lead, p.Client, p.Server, p.Legs = l.ID, l.Orig.Src, l.Orig.Dst, []int{l.ID}
	t.enter(p, l)
	own := t.unclaimed(l)
	if len(own) < len(l.Exchanges) {
		if len(own) == 0 && !l.Loose && !t.hides(l) {
			return nil
		}
		if l.Readable() { // else the others cannot be left out of it
			p.Own = append([]*graph.Exchange{}, own...)
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
func (t *tracer) unclaimed(l *graph.Leg) []*graph.Exchange {
	var own []*graph.Exchange
	for i := range l.Exchanges {
		if e := &l.Exchanges[i]; !t.claims[t.one(e)] {
			own = append(own, e)
		}
	}
	return own
}

// exchange adds e and its hops to p.
func (t *tracer) exchange(p *Path, e *graph.Exchange) {
	var tr trail
	tr.begin(e.Leg, e, t.one(e))
	t.hops(&tr, e, false)
	p.addExchange(newExchange(len(p.Exchanges), e), tr)
}

func newExchange(id int, e *graph.Exchange) flow.Exchange {
	return flow.Exchange{ID: id, RequestID: e.ID(), Method: e.Method(), Target: e.Target(), Status: e.Status(), Proven: true, GRPC: e.GRPC()}
}

// hops adds the hops that lead on from e. What lies behind a guess is in the path of its
// own: no exchange stands in two.
func (t *tracer) hops(tr *trail, e *graph.Exchange, copied bool) {
	for _, l := range t.byEx[t.one(e)] {
		copied := copied || l.Copy
		tr.follow(l, t.one(l.Up), copied)
		next := l
		if k := t.onward[l]; k != nil {
			tr.follow(k, t.one(k.Up), copied)
			next = k
		}
		if next.Up != nil && (!next.Ambiguous || t.first(next)) {
			t.hops(tr, next.Up, copied)
		}
	}
	if l := t.beyond(e); l != nil {
		tr.follow(l, t.one(l.Up), copied)
	}
}

// compareCopies puts copies last.
func compareCopies(a, b *graph.Link) int {
	switch {
	case a.Copy == b.Copy:
		return 0
	case a.Copy:
		return 1
	}
	return -1
}

// first reports whether what a link in doubt leads to is of its path for sure, and no
// link before it led there.
func (t *tracer) first(l *graph.Link) bool {
	e := t.one(l.Up)
	if !l.Caused || t.guessed[e] {
		return false
	}
	t.guessed[e] = true
	return true
}

// follow adds what leads on from l as a whole: the one leg of a byte-for-byte
// proxy, encrypted legs, or the exchanges behind one.
func (t *tracer) follow(p *Path, l *graph.Leg) {
	for _, k := range t.byLeg[l] {
		p.Links = append(p.Links, k)
		if k.Up == nil {
			p.addLeg(k.To.ID)
			p.Ambiguous = p.Ambiguous || k.Ambiguous
			if !k.Ambiguous {
				t.follow(p, k.To)
				t.leave(p, k)
			}
			continue
		}
		var tr trail
		tr.begin(l, nil, nil)
		tr.follow(k, t.one(k.Up), false)
		if !k.Ambiguous {
			t.hops(&tr, k.Up, false)
		}
		p.addExchange(newExchange(len(p.Exchanges), k.Up), tr)
	}
	if len(l.Exchanges) == 0 {
		p.sortExchanges()
	}
}

// sortExchanges puts exchanges that are known from behind the proxy in the order in
// which they began there.
func (p *Path) sortExchanges() {
	began := func(x *flow.Exchange) int64 { return int64(x.Hops[len(x.Hops)-1].RequestStart) }
	order := make([]int, len(p.Exchanges))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(began(&p.Exchanges[i]), began(&p.Exchanges[j])) })
	exchanges, steps := make([]flow.Exchange, len(order)), make([][]Step, len(order))
	for k, i := range order {
		exchanges[k], steps[k] = p.Exchanges[i], p.Steps[i]
		exchanges[k].ID = k
	}
	if len(order) > 0 {
		p.Exchanges, p.Steps = exchanges, steps
	}
}

func (p *Path) addLeg(id int) {
	if !slices.Contains(p.Legs, id) {
		p.Legs = append(p.Legs, id)
	}
}

func (p *Path) addExchange(x flow.Exchange, tr trail) {
	x.Hops = tr.hops
	for i, s := range tr.steps {
		h := &x.Hops[i]
		p.addLeg(h.Leg)
		if h.Copy {
			continue // its answer is nobody's
		}
		if x.Method == "" && s.Ex != nil && !h.Ambiguous { // lost on the client's leg, or not to be read there
			learn(&x, s.Ex)
		}
		x.Proven = x.Proven && (s.Link == nil || h.Proven)
		x.Ambiguous = x.Ambiguous || h.Ambiguous
	}
	x.Proven = x.Proven && (len(x.Hops) > 1 || p.tunnel != nil && p.tunnel.Proven)
	p.Ambiguous = p.Ambiguous || x.Ambiguous
	p.Exchanges, p.Steps = append(p.Exchanges, x), append(p.Steps, tr.steps)
}

// learn takes from a later hop what the client's leg does not show.
func learn(x *flow.Exchange, e *graph.Exchange) {
	x.Method, x.Target, x.GRPC = e.Method(), e.Target(), e.GRPC()
	if x.RequestID == "" {
		x.RequestID = e.ID()
	}
	if x.Status == 0 {
		x.Status = e.Status()
	}
}

// joined reports whether a join without rivals ties legs of the path, whatever exchanges
// of them belong together.
func (p *Path) joined() bool {
	for i := range p.Steps {
		for k, s := range p.Steps[i] {
			if s.Link != nil && (!p.Exchanges[i].Hops[k].Ambiguous || s.Link.Legs > 0) {
				return true
			}
		}
	}
	return slices.ContainsFunc(p.Links, func(l *graph.Link) bool { return !l.Ambiguous })
}

// Line returns the log line of exchange i: the one of the proxy nearest the client.
func (p *Path) Line(i int) *recorded.Line {
	for k, s := range p.Steps[i] {
		if h := &p.Exchanges[i].Hops[k]; s.Ex != nil && s.Ex.Log != nil && !h.Ambiguous && !h.Copy {
			return s.Ex.Log
		}
	}
	return nil
}

// finish fills what follows from the path's legs together.
func (p *Path) finish(legs []*graph.Leg) {
	p.Direction, p.Joined = p.direction(legs), p.joined()
	p.Complete = !p.Ambiguous && (len(p.Legs) > 1 || p.Direction == flow.Direct)
	for _, id := range p.Legs {
		l := legs[id]
		p.Complete = p.Complete && !l.Midstream && l.OrigMissing+l.ReplyMissing == 0 && l.Conn.Orig != 0 && l.Conn.Reply != 0
	}
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		p.Complete = p.Complete && x.Status != 0 && (len(x.Hops) > 1 || p.Direction == flow.Direct || p.tunnel != nil)
	}
}

func (p *Path) direction(legs []*graph.Leg) flow.Direction {
	last := legs[p.Legs[len(p.Legs)-1]]
	switch p.ClientLeg.Role {
	case flow.RoleClientProxy:
		if last.Role == flow.RoleProxyServer {
			return flow.Gateway
		}
		return flow.Inbound
	case flow.RoleProxyApp:
		return flow.Inbound
	case flow.RoleAppProxy:
		if slices.ContainsFunc(p.Legs, func(id int) bool { return legs[id].Conn.Loopback && legs[id].Role == flow.RoleProxyProxy }) {
			return flow.Self
		}
		return flow.Outbound
	case flow.RoleProxyServer:
		return flow.Outbound
	case flow.RoleProxyProxy:
		if p.ClientLeg.Conn.Loopback {
			return flow.Self
		}
		return flow.Inbound
	case flow.RoleDirect, flow.RoleControl:
		return flow.Direct
	}
	return flow.DirectionUnknown
}

// Joins sums links up to one join for each pair of legs: the best. Where it is in doubt
// only which exchanges of the two legs belong together, the join is certain.
func Joins(links []*graph.Link) []flow.Join {
	type pair struct{ from, to int }
	at := make(map[pair]int)
	var joins []flow.Join
	for _, l := range links {
		k := pair{l.From.ID, l.To.ID}
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
func improve(j *flow.Join, l *graph.Link) {
	ambiguous, confidence := l.Ambiguous, l.Confidence
	if ambiguous && l.Legs > 0 {
		ambiguous, confidence = false, l.Legs
	}
	if !j.Ambiguous && (ambiguous || confidence <= j.Confidence) || j.Ambiguous && ambiguous && confidence <= j.Confidence {
		return
	}
	j.Confidence, j.Proven, j.Ambiguous, j.Evidence = confidence, l.Proven, ambiguous, l.Evidence
	if j.Rivals = nil; !ambiguous {
		return
	}
	for _, r := range l.Rivals {
		if r.Leg != l.To && !slices.Contains(j.Rivals, r.Leg.ID) {
			j.Rivals = append(j.Rivals, r.Leg.ID)
		}
	}
	slices.Sort(j.Rivals)
}

// Plain returns what is told of paths.
func Plain(paths []*Path) []*flow.Path {
	out := make([]*flow.Path, len(paths))
	for i, p := range paths {
		out[i] = p.Path
	}
	return out
}
