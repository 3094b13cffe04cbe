package decide

import (
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// account says what became of all records.
func (f *Result) account(x *index.Index, rs *recorded.Records, logs *graph.Ledger) {
	for _, l := range logs.Lines {
		if l.Said {
			rs.Files[l.File].Matched++
		}
	}
	for _, b := range rs.Sockets {
		rs.Files[b.File].Matched = len(b.Found)
	}
	for _, l := range f.Legs {
		for c := range l.Sightings {
			if l.Conntrack == nil {
				l.Conntrack = c.Entry.Tracked(rs.Files)
			}
		}
		l.Logged = l.Log.Logged(rs.Files)
	}
	for _, p := range f.Paths {
		for i := range p.Exchanges {
			p.Exchanges[i].Logged = p.Line(i).Logged(rs.Files)
		}
	}
	f.Records = rs.Files
	f.Conflicts = append(entryConflicts(rs.NAT, x, rs.Files, f.Legs), rs.Conflicts...)
	for _, i := range rs.Rules {
		f.Conflicts = append(f.Conflicts, ruleConflicts(i, x, rs.Files, f.Legs, f.Joins)...)
	}
}
