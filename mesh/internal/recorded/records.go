package recorded

import (
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Logged returns what the line adds; nil if there is none.
func (l *Line) Logged(files []record.Info) *record.Logged {
	if l == nil {
		return nil
	}
	return &record.Logged{Source: l.Source(files), Flags: l.Flags, Details: l.CodeDetails, Termination: l.Termination,
		Failure: l.Failure, Cluster: l.Cluster, Route: l.Route, Upstream: l.UpstreamHost}
}

// Tracked returns what the entry says; nil if there is none.
func (e *Entry) Tracked(files []record.Info) *record.Tracked {
	if e == nil {
		return nil
	}
	return &record.Tracked{Source: e.Source(files), Orig: e.Orig, Reply: e.Reply, State: e.State, Mark: e.Mark, Zone: e.OrigZone()}
}

// Records is all records that were read, as far as they touch the captures,
// and what became of them.
type Records struct {
	Files     []record.Info
	NAT       *Entries // of TCP
	Datagrams *Entries // of UDP
	memory    arena.Slab[Line]
	Lines     []*Line // of access logs, in the order of files, and then of their lines
	Sockets   []*Sockets
	Rules     []*Rules
	Conflicts []record.Conflict
}
