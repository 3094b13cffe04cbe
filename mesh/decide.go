package mesh

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

// A matter is what is decided upon: what was read, and what the caller knows.
type matter struct {
	x       *index.Index
	records *recorded.Records
	conns   []*conn.Conn
	known   *cluster.Known
	profile *profile.Profile // nil: recognised
}

// A finding is what the captures and records mean.
type finding struct {
	legs      []*graph.Leg
	joins     []flow.Join
	paths     []*trace.Path
	profile   *profile.Profile // of the mesh, as given or recognised
	records   []record.Info
	conflicts []record.Conflict
	lookups   []*dns.Lookup
	lookupOf  [][]uint32 // as from Find
	names     []names.Learned
}

// decide runs all passes. Each takes what those before it made.
func decide(m *matter) *finding {
	var f finding
	x, rs := m.x, m.records
	f.lookups, f.lookupOf = dns.Find(x, rs)
	dns.ZoneLookups(rs, f.lookups)
	f.legs = graph.Legs(x, m.conns)
	if f.profile = m.profile; f.profile == nil {
		f.profile = role.Recognise(f.legs)
	}
	for _, l := range f.legs {
		role.Processes(rs, x, l, rs.Profile(l.Pod, f.profile))
	}
	roster := role.NewRoster(x, rs, m.known, f.legs, f.profile)
	roster.Agents = dns.Captured(x, f.lookups, f.legs)
	roster.Assign(f.legs)
	hbone.MarkTunnels(x, f.legs, f.profile)
	logs := graph.NewLedger(rs.Lines, f.legs)
	roster.Believe(logs)
	for _, l := range f.legs {
		l.Exchanges = graph.PairExchanges(x, l)
		l.Loose = graph.LooseBytes(x, l.Conn)
	}
	links := joinLegs(x, f.legs, roster, logs)
	joined := make(map[*graph.Leg]bool)
	for _, l := range links {
		joined[l.From], joined[l.To] = true, true
	}
	roster.Settle(f.legs, func(l *graph.Leg) bool { return joined[l] })
	f.joins = trace.Joins(links)
	f.names = learnNames(f.lookups, f.legs, logs)
	f.paths = trace.Trace(f.legs, links)
	f.account(x, rs, logs)
	return &f
}

// account says what became of all records.
func (f *finding) account(x *index.Index, rs *recorded.Records, logs *graph.Ledger) {
	for _, l := range logs.Lines {
		if l.Said {
			rs.Files[l.File].Matched++
		}
	}
	for _, b := range rs.Sockets {
		rs.Files[b.File].Matched = len(b.Found)
	}
	for _, l := range f.legs {
		for c := range l.Sightings {
			if l.Conntrack == nil {
				l.Conntrack = c.Entry.Tracked(rs.Files)
			}
		}
		l.Logged = l.Log.Logged(rs.Files)
	}
	for _, p := range f.paths {
		for i := range p.Exchanges {
			p.Exchanges[i].Logged = p.Line(i).Logged(rs.Files)
		}
	}
	f.records = rs.Files
	f.conflicts = append(entryConflicts(rs.NAT, x, rs.Files, f.legs), rs.Conflicts...)
	for _, i := range rs.Rules {
		f.conflicts = append(f.conflicts, ruleConflicts(i, x, rs.Files, f.legs, f.joins)...)
	}
}
