package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// legHeader is the header of the table of legs.
var legHeader = []string{"LEG", "ROLE", "INTERFACE", "CLIENT", "DIALLED", "ANSWERED BY", "PROTOCOL", "EXCHANGES", "SENT", "RECEIVED", "START", "DURATION", "JOINED TO"}

// Legs prints the table of legs.
func Legs(w io.Writer, r *mesh.Result, o *TableOptions) error {
	t := &legTable{result: r, wide: o != nil && o.Wide}
	t.processes = slices.ContainsFunc(r.Legs, func(l *flow.Leg) bool { return l.OrigProcess != nil || l.ReplyProcess != nil })
	column := newNameColumn(r, 5, o)
	legs, hidden := first(r.Legs, o)
	var rows [][]string
	for _, l := range legs {
		rows = append(rows, column.row(t.row(l), l.Orig.Dst))
	}
	return limited(w, column.header(t.header()), rows, hidden)
}

// A legTable knows which columns the table of legs has.
type legTable struct {
	result    *mesh.Result
	processes bool // of some leg one is known
	wide      bool
}

// header returns the titles of the columns.
func (t *legTable) header() []string {
	header := slices.Clone(legHeader)
	if t.processes {
		header = append(header, "PROCESSES")
	}
	if t.wide {
		header = append(header, "MISSING", "CLOSED BY", "EVIDENCE", "CAPTURED")
	}
	return header
}

// row returns the cells of a leg.
func (t *legTable) row(l *flow.Leg) []string {
	row := []string{
		strconv.Itoa(l.ID), l.Role.String(), place(l.Pod, l.Interface), l.Orig.Src.String(), l.Orig.Dst.String(), l.Reply.Src.String(),
		protocol(l), strconv.Itoa(l.ExchangeCount), size(l.OrigBytes), size(l.ReplyBytes),
		clock(int64(l.Start)), duration(int64(l.End - l.Start)), joinedTo(t.result, l),
	}
	if t.processes {
		row = append(row, processText(l.OrigProcess)+" > "+processText(l.ReplyProcess))
	}
	if t.wide {
		row = append(row, size(l.OrigMissing+l.ReplyMissing), l.ClosedBy, evidenceOf(t.result, l), captured(l))
	}
	return row
}

// protocol names what the connection speaks; mtls is TLS on which the client
// proves who it is, and mtls+h2 HTTP/2 that was decrypted.
func protocol(l *flow.Leg) string {
	s := string(l.Protocol)
	switch {
	case l.Protocol == flow.ProtocolHBONE: // mTLS by definition
	case l.Protocol == flow.ProtocolTLS && l.TLS.Mutual:
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

// processText names a process as ss does, by name and number. One whose name is
// not known is named by its user.
func processText(p *record.Process) string {
	switch {
	case p == nil:
		return "?"
	case p.Name == "":
		return fmt.Sprintf("uid %d", p.UID)
	}
	return fmt.Sprintf("%s/%d", p.Name, p.PID)
}

// neverUsed stands where joins would, of a connection that waited in its proxy's pool.
const neverUsed = "never used"

// joinedTo lists the legs that l leads to, with a question mark after those that
// are ambiguous.
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
	if len(to) == 0 && l.Unused {
		return neverUsed
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

// captured lists the directed tuples of a leg that were seen.
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
			l.Reply.Src.String(), string(l.Protocol), strconv.Itoa(l.ExchangeCount), n(l.OrigBytes), n(l.OrigMissing), n(l.ReplyBytes), n(l.ReplyMissing),
			stamp(int64(l.Start)), stamp(int64(l.End)), l.ClosedBy, joinedTo(r, l)})
	}
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
