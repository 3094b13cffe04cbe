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

// Run runs all passes. Each takes what those before it made; what it needs of legs
// beside that, and leaves on them, is said here.
func Run(m *Input) *Result {
	x, rs := m.Index, m.Records
	lookups, lookupOf := dns.Find(x, rs)
	legs := graph.Legs(x, m.Conns)
	mesh := m.Profile
	if mesh == nil {
		mesh = role.Recognise(legs)
	}
	role.NameProcesses(x, rs, legs, mesh)                                             // leaves OrigProcess, ReplyProcess
	roster := role.Assign(x, rs, m.Known, legs, mesh, dns.Captured(x, lookups, legs)) // needs processes; leaves Role, Views, Kept
	hbone.MarkTunnels(x, legs, mesh)                                                  // leaves Tunnel, and the protocol of tunnels
	logs := graph.NewLedger(rs.Lines, legs)                                           // needs Views
	roster.Believe(logs)                                                              // corrects Role, Views
	graph.FindExchanges(x, legs)                                                      // needs the protocol; leaves Exchanges, Loose
	links := Links(x, legs, roster, logs)                                             // leaves Hidden, Log, Spent, Across; Exchanges of legs that were tied unread
	roster.Settle(legs, links)                                                        // corrects Role, Views of what no link confirms
	f := &Result{Legs: legs, Joins: trace.Joins(links), Paths: trace.Trace(legs, links), Profile: mesh,
		Lookups: lookups, LookupOf: lookupOf, Names: learnNames(lookups, legs, logs)}
	f.account(x, rs, logs)
	return f
}
