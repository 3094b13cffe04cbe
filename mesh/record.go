package mesh

import (
	"github.com/pcapmesh/pcapmesh/internal/arena"
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
