package mesh

import (
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// logged returns what the line adds; nil if there is none.
func (l *logLine) logged(files []record.Info) *record.Logged {
	if l == nil {
		return nil
	}
	return &record.Logged{Source: l.source(files), Flags: l.Flags, Details: l.CodeDetails, Termination: l.Termination,
		Failure: l.Failure, Cluster: l.Cluster, Route: l.Route, Upstream: l.UpstreamHost}
}

// tracked returns what the entry says; nil if there is none.
func (e *natEntry) tracked(files []record.Info) *record.Tracked {
	if e == nil {
		return nil
	}
	return &record.Tracked{Source: e.source(files), Orig: e.Orig, Reply: e.Reply, State: e.State, Mark: e.Mark, Zone: e.OrigZone()}
}

// records is all records that were read, as far as they touch the captures,
// and what became of them.
type records struct {
	files     []record.Info
	nat       *natBook // of TCP
	datagrams *natBook // of UDP
	memory    arena.Slab[logLine]
	lines     []*logLine // of access logs, in the order of files, and then of their lines
	sockets   []*socketBook
	rules     []*interception
	conflicts []record.Conflict
}

// account says what became of all records.
func (f *finding) account(x *index.Index, rs *records, logs *ledger) {
	for _, l := range logs.lines {
		if l.said {
			rs.files[l.file].Matched++
		}
	}
	for _, b := range rs.sockets {
		rs.files[b.file].Matched = len(b.found)
	}
	for _, l := range f.legs {
		for c := range l.sightings {
			if l.Conntrack == nil {
				l.Conntrack = c.entry.tracked(rs.files)
			}
		}
		l.Logged = l.log.logged(rs.files)
	}
	for _, p := range f.paths {
		for i := range p.Exchanges {
			p.Exchanges[i].Logged = p.line(i).logged(rs.files)
		}
	}
	f.records = rs.files
	f.conflicts = append(entryConflicts(rs.nat, x, rs.files, f.legs), rs.conflicts...)
	for _, i := range rs.rules {
		f.conflicts = append(f.conflicts, ruleConflicts(i, x, rs.files, f.legs, f.joins)...)
	}
}
