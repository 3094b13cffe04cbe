package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// pathHeader is the header of the table of paths.
var pathHeader = []string{"STREAM", "DIRECTION", "CLIENT", "SERVER", "LEGS", "EXCHANGES", "SENT", "RECEIVED", "START", "DURATION", "JOINED BY"}

// Paths prints the table of paths, at most limit rows (0 = all): when there
// are more, the fullest ones. With names it names servers, if DNS in the capture
// tells their names. It returns the number of rows left out.
func Paths(w io.Writer, r *mesh.Result, limit int, names bool) (hidden int, err error) {
	column := newNameColumn(r, 4, names)
	paths, hidden := fullest(r, limit)
	var rows [][]string
	for _, p := range paths {
		rows = append(rows, column.row(pathRow(r, p), p.Server))
	}
	if len(rows) == 0 {
		return 0, nil
	}
	return hidden, Table(w, column.header(pathHeader), rows)
}

// fullest returns the limit paths with the most bytes, in their order.
func fullest(r *mesh.Result, limit int) ([]*flow.Path, int) {
	if limit <= 0 || len(r.Paths) <= limit {
		return r.Paths, 0
	}
	paths := slices.Clone(r.Paths)
	size := func(p *flow.Path) int64 { l := r.Legs[p.Lead]; return l.OrigBytes + l.ReplyBytes }
	slices.SortStableFunc(paths, func(a, b *flow.Path) int { return int(min(max(size(b)-size(a), -1), 1)) })
	paths = paths[:limit]
	slices.SortFunc(paths, func(a, b *flow.Path) int { return a.ID - b.ID })
	return paths, len(r.Paths) - limit
}

func pathRow(r *mesh.Result, p *flow.Path) []string {
	l := r.Legs[p.Lead]
	return []string{
		strconv.Itoa(p.ID), p.Direction.String(), p.Client.String(), p.Server.String(), legsText(r, p),
		strings.TrimSpace(fmt.Sprintf("%d %s", len(p.Exchanges), p.Mode)) + flagsText(r, p), size(l.OrigBytes), size(l.ReplyBytes),
		time.Unix(0, l.Start).UTC().Format("15:04:05.000"), duration(l.End - l.Start), joinedBy(r, p),
	}
}

// flagsText lists the response flags that the proxy logged of a path, with how
// often each combination.
func flagsText(r *mesh.Result, p *flow.Path) string {
	var kinds []string
	count := make(map[string]int)
	add := func(l *record.Logged) {
		if l == nil || len(l.Flags) == 0 {
			return
		}
		k := strings.Join(l.Flags, ",")
		if count[k] == 0 {
			kinds = append(kinds, k)
		}
		count[k]++
	}
	for i := range p.Exchanges {
		add(p.Exchanges[i].Logged)
	}
	add(r.Legs[p.Legs[0]].Logged)
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

func legText(l *flow.Leg, first bool) string {
	s := l.Interface
	if l.Pod != "" {
		s = l.Pod + "/" + s
	}
	if l.Protocol == "tls" || l.Protocol == "h2" || l.Protocol == "hbone" || l.Decrypted {
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

// protocol names what the connection speaks; mtls is TLS on which the client
// proves who it is, and mtls+h2 HTTP/2 that was decrypted.
func protocol(l *flow.Leg) string {
	s := l.Protocol
	switch {
	case l.Protocol == "hbone": // mTLS by definition
	case l.Protocol == "tls" && l.TLS.Mutual:
		s = "mtls"
	case l.Decrypted && l.TLS.Mutual:
		s = "mtls+" + s
	case l.Decrypted:
		s = "tls+" + s
	}
	if l.LostHeaders {
		s += ", headers lost"
	}
	return s
}

func port(a netip.AddrPort) string { return ":" + strconv.Itoa(int(a.Port())) }

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
	if len(kinds) == 0 {
		return "-"
	}
	return strings.Join(kinds, ", ")
}

func kindText(k flow.EvidenceKind, ambiguous bool) string {
	s := strings.ReplaceAll(k.String(), "-", " ")
	if ambiguous {
		s = "ambiguous"
	}
	return s
}

// size prints a number of bytes with three digits and an SI unit.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), ""
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		f, unit = f/1000, u
		if f < 999.5 {
			break
		}
	}
	if f < 99.95 {
		return fmt.Sprintf("%.1f %s", f, unit)
	}
	return fmt.Sprintf("%.0f %s", f, unit)
}

// duration prints nanoseconds in seconds.
func duration(nanos int64) string {
	return fmt.Sprintf("%.3f s", float64(nanos)/1e9)
}

var legHeader = []string{"LEG", "ROLE", "INTERFACE", "CLIENT", "DIALLED", "ANSWERED BY", "PROTOCOL", "EXCHANGES", "SENT", "RECEIVED", "START", "DURATION", "JOINED TO"}

// Legs prints the table of legs, at most limit rows (0 = all). wide adds the
// captured tuples and the evidence, names is as for Paths. It returns the number
// of rows left out.
func Legs(w io.Writer, r *mesh.Result, limit int, wide, names bool) (hidden int, err error) {
	column := newNameColumn(r, 5, names)
	legs := r.Legs
	if limit > 0 && len(legs) > limit {
		hidden = len(legs) - limit
		legs = legs[:limit]
	}
	header := slices.Clone(legHeader)
	processes := slices.ContainsFunc(r.Legs, func(l *flow.Leg) bool { return l.OrigProcess != nil || l.ReplyProcess != nil })
	if processes {
		header = append(header, "PROCESSES")
	}
	if wide {
		header = append(header, "MISSING", "CLOSED BY", "EVIDENCE", "CAPTURED")
	}
	counts := exchangeCounts(r)
	var rows [][]string
	for _, l := range legs {
		rows = append(rows, column.row(legRow(r, l, counts[l.ID], processes, wide), l.Orig.Dst))
	}
	if len(rows) == 0 {
		return 0, nil
	}
	return hidden, Table(w, column.header(header), rows)
}

// exchangeCounts counts the exchanges of every leg.
func exchangeCounts(r *mesh.Result) map[int]int {
	counts := make(map[int]int)
	for _, l := range r.Legs {
		counts[l.ID] = l.ExchangeCount
	}
	return counts
}

func legRow(r *mesh.Result, l *flow.Leg, exchanges int, processes, wide bool) []string {
	where := l.Interface
	if l.Pod != "" {
		where = l.Pod + "/" + where
	}
	row := []string{
		strconv.Itoa(l.ID), l.Role.String(), where, l.Orig.Src.String(), l.Orig.Dst.String(), l.Reply.Src.String(),
		protocol(l), strconv.Itoa(exchanges), size(l.OrigBytes), size(l.ReplyBytes),
		time.Unix(0, l.Start).UTC().Format("15:04:05.000"), duration(l.End - l.Start), joinedTo(r, l),
	}
	if processes {
		row = append(row, processText(l.OrigProcess)+" > "+processText(l.ReplyProcess))
	}
	if wide {
		row = append(row, size(l.OrigMissing+l.ReplyMissing), l.ClosedBy, evidenceOf(r, l), captured(l))
	}
	return row
}

// processText names a process as ss does, name and number; of one whose name is not
// known the user.
func processText(p *record.Process) string {
	switch {
	case p == nil:
		return "?"
	case p.Name == "":
		return fmt.Sprintf("uid %d", p.UID)
	}
	return fmt.Sprintf("%s/%d", p.Name, p.PID)
}

func joinedTo(r *mesh.Result, l *flow.Leg) string {
	var to []string
	for _, j := range r.Joins {
		if j.From == l.ID {
			s := strconv.Itoa(j.To)
			if j.Ambiguous {
				s += "?"
			}
			to = append(to, s)
		}
	}
	if len(to) == 0 {
		return "-"
	}
	return strings.Join(to, ",")
}

// evidenceOf names for each join of l its kind and the packets that show it, as
// input:packet.
func evidenceOf(r *mesh.Result, l *flow.Leg) string {
	var out []string
	for _, j := range r.Joins {
		if j.From != l.ID || len(j.Evidence) == 0 {
			continue
		}
		e := &j.Evidence[0]
		s := strconv.Itoa(j.To) + " " + e.Kind.String()
		for _, p := range e.Packets {
			s += fmt.Sprintf(" %d:%d", p.Input, p.Packet)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, "; ")
}

func captured(l *flow.Leg) string {
	var ts []string
	for _, t := range l.Captured {
		ts = append(ts, t.String())
	}
	return strings.Join(ts, "; ")
}

// CSV prints the table of legs as RFC 4180 CSV, with plain numbers.
func CSV(w io.Writer, r *mesh.Result) error {
	out := csv.NewWriter(w)
	err := out.Write([]string{"leg", "role", "pod", "interface", "client", "dialled", "answered_by", "protocol", "exchanges",
		"orig_bytes", "orig_missing", "reply_bytes", "reply_missing", "start", "end", "closed_by", "joined_to"})
	for _, l := range r.Legs {
		if err != nil {
			return err
		}
		n := func(v int64) string { return strconv.FormatInt(v, 10) }
		err = out.Write([]string{strconv.Itoa(l.ID), l.Role.String(), l.Pod, l.Interface, l.Orig.Src.String(), l.Orig.Dst.String(),
			l.Reply.Src.String(), l.Protocol, strconv.Itoa(l.ExchangeCount), n(l.OrigBytes), n(l.OrigMissing), n(l.ReplyBytes), n(l.ReplyMissing),
			stamp(l.Start), stamp(l.End), l.ClosedBy, joinedTo(r, l)})
	}
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
