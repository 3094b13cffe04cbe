package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// pathHeader is the header of the table of paths.
var pathHeader = []string{"STREAM", "DIRECTION", "CLIENT", "SERVER", "LEGS", "EXCHANGES", "SENT", "RECEIVED", "START", "DURATION", "JOINED BY"}

// Paths prints the table of paths; when there are more than it may show, those
// that carried most.
func Paths(w io.Writer, r *mesh.Result, o *TableOptions) error {
	column := newNameColumn(r, 4, o)
	paths, hidden := fullest(r, o)
	var rows [][]string
	for _, p := range paths {
		rows = append(rows, column.row(pathRow(r, p), p.Server))
	}
	return limited(w, column.header(pathHeader), rows, hidden)
}

// fullest returns the paths with the most bytes, in their order, and the number of
// the rest.
func fullest(r *mesh.Result, o *TableOptions) ([]*flow.Path, int) {
	if _, hidden := first(r.Paths, o); hidden == 0 {
		return r.Paths, 0
	}
	paths := slices.Clone(r.Paths)
	size := func(p *flow.Path) int64 { l := r.Legs[p.Lead]; return l.OrigBytes + l.ReplyBytes }
	slices.SortStableFunc(paths, func(a, b *flow.Path) int { return int(min(max(size(b)-size(a), -1), 1)) })
	paths, hidden := first(paths, o)
	slices.SortFunc(paths, func(a, b *flow.Path) int { return a.ID - b.ID })
	return paths, hidden
}

func pathRow(r *mesh.Result, p *flow.Path) []string {
	l := r.Legs[p.Lead]
	return []string{
		strconv.Itoa(p.ID), p.Direction.String(), p.Client.String(), p.Server.String(), legsText(r, p),
		strings.TrimSpace(fmt.Sprintf("%d %s", len(p.Exchanges), p.Mode)) + flagsText(r, p), size(l.OrigBytes), size(l.ReplyBytes),
		clock(int64(l.Start)), duration(int64(l.End - l.Start)), joinedBy(r, p),
	}
}

// flagsText lists the response flags that the proxy logged of a path, with how
// often each combination, and what ztunnel says went wrong.
func flagsText(r *mesh.Result, p *flow.Path) string {
	var kinds []string
	count := make(map[string]int)
	add := func(l *record.Logged) {
		if l == nil || len(l.Flags) == 0 && l.Error == "" {
			return
		}
		k := strings.Join(l.Flags, ",")
		if l.Error != "" {
			k = l.Reason()
		}
		if count[k] == 0 {
			kinds = append(kinds, k)
		}
		count[k]++
	}
	for i := range p.Exchanges {
		add(p.Exchanges[i].Logged)
	}
	add(r.Legs[p.Lead].Logged)
	s := ""
	for _, k := range kinds {
		s += fmt.Sprintf(", %d %s", count[k], k)
	}
	return s
}

// legsText names the legs of a path by what tells them in a capture.
func legsText(r *mesh.Result, p *flow.Path) string {
	var parts []string
	for i, id := range p.Legs {
		if i == 3 && len(p.Legs) > 4 {
			parts = append(parts, fmt.Sprintf("%d more", len(p.Legs)-i))
			break
		}
		parts = append(parts, legText(r.Legs[id], i == 0))
	}
	return strings.Join(parts, ", ")
}

// legText names a leg by its interface, what it speaks unless that is plain, and
// the port or address that sets it apart.
func legText(l *flow.Leg, first bool) string {
	s := place(l.Pod, l.Interface)
	if l.Protocol == flow.ProtocolTLS || l.Protocol == flow.ProtocolHTTP2 || l.Protocol == flow.ProtocolHBONE || l.Decrypted {
		s += " " + protocol(l)
	}
	switch {
	case l.Role == flow.RoleControl || l.Role == flow.RoleDirect:
		return s + " (not through the proxy)"
	case l.Orig.Dst != l.Reply.Src: // redirected
		return s + " " + port(l.Reply.Src)
	case !first && l.Orig.Src.Addr().IsLoopback():
		return s + " " + l.Orig.Src.String()
	case !first:
		return s + " from " + port(l.Orig.Src)
	}
	return s
}

// joinedBy names the kinds of evidence that tie the legs of a path.
func joinedBy(r *mesh.Result, p *flow.Path) string {
	var kinds []string
	add := func(k string) {
		if !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	told := make(map[[2]int]bool)
	for i := range p.Exchanges {
		for _, h := range p.Exchanges[i].Hops {
			if h.FromLeg >= 0 && len(h.Evidence) > 0 {
				told[[2]int{h.FromLeg, h.Leg}] = true
				add(kindText(h.Evidence[0].Kind, h.Ambiguous))
			}
		}
	}
	for _, j := range r.Joins {
		if !told[[2]int{j.From, j.To}] && slices.Contains(p.Legs, j.From) && slices.Contains(p.Legs, j.To) && len(j.Evidence) > 0 {
			add(kindText(j.Evidence[0].Kind, j.Ambiguous))
		}
	}
	if len(kinds) == 0 && r.Legs[p.Lead].Unused {
		return neverUsed
	}
	if len(kinds) == 0 {
		return "-"
	}
	return strings.Join(kinds, ", ")
}

// kindText names a kind of evidence; of a join with rivals it says only that.
func kindText(k flow.EvidenceKind, ambiguous bool) string {
	s := strings.ReplaceAll(k.String(), "-", " ")
	if ambiguous {
		s = "ambiguous"
	}
	return s
}
