// Package testlegs makes of a simulated capture what the rooms that tie legs start
// from: legs with their exchanges, on the side of the proxy where they belong. Tests
// of rooms above graph use it, and nothing else, where a whole run would say less of
// the room.
package testlegs

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// Sides is the legs of one pod, in the order in which they begin.
type Sides struct {
	Index    *index.Index
	Down, Up []*graph.Leg // that came to the proxy, that it dialled
}

// Read reads a trace as one file. Legs that the interface named down shows came to
// the proxy, all others it dialled; they have the roles of inbound traffic.
func Read(tb testing.TB, tr *pcap.Trace, down string) *Sides {
	tb.Helper()
	in, err := capture.OpenInput(tb.Context(), pcap.WriteFile(tb, "trace.pcapng", tr.PCAPNG()), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close() })
	g, _, err := index.Read(tb.Context(), []*capture.Input{in}, "", nil, false)
	if err != nil {
		tb.Fatal(err)
	}
	s := &Sides{Index: new(index.Index)}
	s.Index.Add(g)
	legs := graph.Legs(s.Index, conn.Bind(s.Index, new(recorded.Entries)))
	graph.FindExchanges(s.Index, legs)
	for _, l := range legs {
		if l.Interface == down {
			l.Role = flow.RoleClientProxy
			s.Down = append(s.Down, l)
		} else {
			l.Role = flow.RoleProxyApp
			s.Up = append(s.Up, l)
		}
		l.Views = []graph.View{{Role: l.Role}}
	}
	return s
}
