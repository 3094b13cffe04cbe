package decide

import (
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/dns"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/hbone"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/role"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// An Input is what is decided upon: what was read, and what the caller knows.
type Input struct {
	Index   *index.Index
	Records *recorded.Records
	Conns   []*conn.Conn
	Known   *cluster.Known
	Profile *profile.Profile // nil: recognised
}

// A Result is what the captures and records mean.
type Result struct {
	Legs      []*graph.Leg
	Joins     []flow.Join
	Paths     []*trace.Path
	Profile   *profile.Profile // of the mesh, as given or recognised
	Records   []record.Info
	Conflicts []record.Conflict
	Lookups   []*dns.Lookup
	LookupOf  [][]uint32 // as from Find
	Names     []names.Learned
}

// Run runs all passes. Every stage takes what the one before it made, so that they
// cannot be called in another order. The result is nil if nobody wants it any more:
// Index.Stop.
func Run(in *Input) *Result {
	x := in.Index
	return then(x, then(x, then(x, then(x, then(x, then(x, in, (*Input).look), in.assign), in.read), in.tie), in.settle), in.tell)
}

// then takes the next stage, unless nobody wants to know. What the stage before made
// may then be torn.
func then[A, B any](x *index.Index, made *A, next func(*A) *B) *B {
	if made == nil || x.Stopped() {
		return nil
	}
	return next(made)
}

// seen is what structure shows, before anything is decided.
type seen struct {
	legs     []*graph.Leg
	lookups  []*dns.Lookup
	lookupOf [][]uint32
	mesh     *profile.Profile
}

// look makes legs and lookups, and recognises the mesh.
func (in *Input) look() *seen {
	s := &seen{legs: graph.Legs(in.Index, in.Conns), mesh: in.Profile}
	s.lookups, s.lookupOf = dns.Find(in.Index, in.Records)
	if s.mesh == nil {
		s.mesh = role.Recognise(s.legs)
	}
	return s
}

// assigned is legs with processes, roles and views.
type assigned struct {
	*seen
	roster *role.Roster
	told   map[*recorded.Sockets]map[int]bool // lines of sockets that name processes
}

// assign gives legs their processes, and then their roles.
func (in *Input) assign(s *seen) *assigned {
	told := role.NameProcesses(in.Index, in.Records, s.legs, s.mesh)
	agents := dns.Captured(in.Index, s.lookups, s.legs)
	return &assigned{s, role.Assign(in.Index, in.Records, in.Known, s.legs, s.mesh, agents), told}
}

// legible is legs with their exchanges, and what the proxy logged of them.
type legible struct {
	*assigned
	logs *graph.Ledger
}

// read finds tunnels, whose protocol is theirs alone; the legs that log lines name,
// which correct roles; and the exchanges of all legs.
func (in *Input) read(a *assigned) *legible {
	hbone.MarkTunnels(in.Index, a.legs, a.mesh)
	logs := graph.NewLedger(in.Records.Lines, a.legs)
	a.roster.Believe(logs)
	graph.FindExchanges(in.Index, a.legs)
	return &legible{a, logs}
}

// tied is legs with links.
type tied struct {
	*legible
	links     []*graph.Link
	conflicts []record.Conflict // between logs and packets
}

// tie links the legs at every crossing.
func (in *Input) tie(l *legible) *tied {
	links, conflicts := linkLegs(in.Index, l.legs, l.roster, l.logs)
	return &tied{l, links, conflicts}
}

// settled is legs whose roles are final.
type settled struct{ *tied }

// settle corrects the roles of what no link confirms, counts exchanges, and finds what
// was never used.
func (in *Input) settle(t *tied) *settled {
	t.roster.Settle(t.legs, t.links)
	graph.CountExchanges(t.legs)
	markUnused(in.Index, t.legs, t.links)
	return &settled{t}
}

// tell says what all of it means.
func (in *Input) tell(s *settled) *Result {
	f := &Result{Legs: s.legs, Joins: trace.Joins(s.links), Paths: trace.Trace(in.Index, s.legs, s.links), Profile: s.mesh,
		Lookups: s.lookups, LookupOf: s.lookupOf}
	if in.Index.Stopped() {
		return nil
	}
	f.Names = learnNames(in.Index, s.lookups, s.legs, s.logs)
	in.account(f, s.tied)
	if in.Index.Stopped() {
		return nil
	}
	return f
}
