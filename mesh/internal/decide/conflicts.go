package decide

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// entryConflicts lists the entries that share a direction with a connection and
// say something else of the other, and are of no other connection.
func entryConflicts(x *index.Index, b *recorded.Entries, files []record.Info, legs []*graph.Leg) []record.Conflict {
	var out []record.Conflict
	told := make(map[*recorded.Entry]bool)
	for _, l := range index.Each(x, legs) {
		for c := range l.Sightings {
			if c.Orig == 0 || c.Reply == 0 {
				continue
			}
			for _, h := range [2]index.HalfNo{c.Orig, c.Reply} {
				for _, v := range b.Views[x.Half(h).Key.Tuple()] {
					if e := v.E; !e.Fits && !told[e] && conn.Alive(e, x, c) && !conn.Describes(e, x, c) {
						told[e] = true
						out = append(out, entryConflict(e, x, files, l, c))
					}
				}
			}
		}
	}
	return out
}

func entryConflict(e *recorded.Entry, x *index.Index, files []record.Info, l *graph.Leg, c *conn.Conn) record.Conflict {
	says := func(orig, reply tcpip.Tuple) string {
		if orig.Dst == reply.Src {
			return fmt.Sprintf("%s dialled %s", orig.Src, orig.Dst)
		}
		return fmt.Sprintf("%s dialled %s and %s answered", orig.Src, orig.Dst, reply.Src)
	}
	return record.Conflict{Source: e.Source(files), Leg: l.ID, Says: says(e.Orig, e.Reply), Packets: says(c.OrigTuple(x), c.ReplyTuple(x)),
		Shown: []capture.Ref{x.Half(c.Orig).First, x.Half(c.Reply).First}}
}

// ruleConflicts lists what connections show that the rules do not: redirects to
// other ports, and a proxy that serves a port which is not redirected.
func ruleConflicts(x *index.Index, i *recorded.Rules, files []record.Info, legs []*graph.Leg, joins []flow.Join) []record.Conflict {
	var out []record.Conflict
	joined := make(map[int]bool)
	for _, j := range joins {
		joined[j.From] = joined[j.From] || !j.Ambiguous
	}
	told := make(map[string]bool)
	tell := func(l *graph.Leg, says, packets string) {
		if !told[says+packets] {
			told[says+packets] = true
			out = append(out, record.Conflict{Source: record.Source{Kind: record.Rules, File: files[i.File].Name, Line: i.Line()}, Leg: l.ID, Says: says, Packets: packets,
				Shown: []capture.Ref{x.Half(l.Conn.Lead()).First}})
		}
	}
	for _, l := range index.Each(x, legs) {
		c := l.Conn
		if i.Pod != "" && c.Pod != i.Pod {
			continue
		}
		listener := l.Reply.Src.Port()
		if c.HalfFlow && l.Reply.Src.Addr().IsLoopback() && len(i.OutboundPorts) > 0 && !i.RedirectsTo(listener) {
			tell(l, "connections are redirected to port "+recorded.List(i.OutboundPorts), fmt.Sprintf("those of the application are answered at port %d", listener))
		}
		switch port := l.Orig.Dst.Port(); {
		case profile.IsBindSource(l.Orig.Src.Addr()) && i.Passes(port) && l.Role == flow.RoleProxyApp:
			tell(l, fmt.Sprintf("connections to port %d are not redirected", port), fmt.Sprintf("the proxy dials %s", l.Orig.Dst))
		case l.Role == flow.RoleClientProxy && i.Passes(port) && joined[l.ID]:
			tell(l, fmt.Sprintf("connections to port %d are not redirected", port), "the proxy serves them")
		case c.HalfFlow && l.Role == flow.RoleAppProxy && !i.Takes(l.Orig.Dst):
			tell(l, fmt.Sprintf("connections to %s are not redirected", l.Orig.Dst), fmt.Sprintf("%s answered them", l.Reply.Src))
		}
	}
	return out
}
