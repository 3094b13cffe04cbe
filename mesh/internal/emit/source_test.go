package emit

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// sourceOf is a source of files, each of a pod of its own, whose legs are written as
// they are: to change what is written, tests change the conversations.
func sourceOf(t *testing.T, files ...string) *Source {
	t.Helper()
	s := &Source{Index: new(index.Index), Unread: make([]bool, len(files))}
	for i, name := range files {
		in, err := capture.OpenInput(t.Context(), name, &capture.Options{Input: uint32(i)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		group := []*capture.Input{in}
		pod := ""
		if i > 0 {
			pod = string(rune('a' + i))
		}
		g, _, err := index.Read(t.Context(), group, pod, []uint16{53}, false)
		if err != nil {
			t.Fatal(err)
		}
		s.Index.Add(g)
		s.Files, s.Inputs = append(s.Files, string(rune('a'+i))+".pcapng"), append(s.Inputs, in)
		s.Groups, s.GroupOf = append(s.Groups, group), append(s.GroupOf, i)
		s.LookupOf = append(s.LookupOf, make([]uint32, g.DNS.Messages.Len()))
	}
	legs := graph.Legs(s.Index, conn.Bind(s.Index, new(recorded.Entries)))
	graph.FindExchanges(s.Index, legs)
	s.Planner = &plan.Planner{Index: s.Index, Legs: legs, Files: s.Files}
	s.Conversations = s.Planner.LegConversations()
	return s
}

// traced is a source of one trace.
func traced(t *testing.T, tr *pcap.Trace) *Source {
	t.Helper()
	return sourceOf(t, pcap.WriteFile(t, "trace.pcapng", tr.PCAPNG()))
}
