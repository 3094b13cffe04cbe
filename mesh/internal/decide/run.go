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
	X       *index.Index
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

// Run runs all passes. Each takes what those before it made.
func Run(m *Input) *Result {
	var f Result
	x, rs := m.X, m.Records
	f.Lookups, f.LookupOf = dns.Find(x, rs)
	dns.ZoneLookups(rs, f.Lookups)
	f.Legs = graph.Legs(x, m.Conns)
	if f.Profile = m.Profile; f.Profile == nil {
		f.Profile = role.Recognise(f.Legs)
	}
	for _, l := range f.Legs {
		role.Processes(rs, x, l, rs.Profile(l.Pod, f.Profile))
	}
	roster := role.NewRoster(x, rs, m.Known, f.Legs, f.Profile)
	roster.Agents = dns.Captured(x, f.Lookups, f.Legs)
	roster.Assign(f.Legs)
	hbone.MarkTunnels(x, f.Legs, f.Profile)
	logs := graph.NewLedger(rs.Lines, f.Legs)
	roster.Believe(logs)
	for _, l := range f.Legs {
		l.Exchanges = graph.PairExchanges(x, l)
		l.Loose = graph.LooseBytes(x, l.Conn)
	}
	links := Links(x, f.Legs, roster, logs)
	joined := make(map[*graph.Leg]bool)
	for _, l := range links {
		joined[l.From], joined[l.To] = true, true
	}
	roster.Settle(f.Legs, func(l *graph.Leg) bool { return joined[l] })
	f.Joins = trace.Joins(links)
	f.Names = learnNames(f.Lookups, f.Legs, logs)
	f.Paths = trace.Trace(f.Legs, links)
	f.account(x, rs, logs)
	return &f
}
