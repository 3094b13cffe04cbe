package report

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// lookupJSON is an element of the member "dns", which is absent when nothing was
// looked up over UDP.
type lookupJSON struct {
	ID         int          `json:"id"`
	Role       string       `json:"role"` // app, upstream or direct
	Pod        string       `json:"pod"`
	Interface  string       `json:"interface"`
	Client     string       `json:"client"`
	Server     string       `json:"server,omitempty"`      // as the client asked it; absent when a redirect hides it
	AnsweredBy string       `json:"answered_by,omitempty"` // who really answered, or was to; absent when not captured
	Redirected bool         `json:"redirected"`
	Record     *sourceJSON  `json:"record,omitempty"` // what tells server or answered_by, if packets do not
	Captured   []tupleJSON  `json:"captured"`
	MessageID  int          `json:"message_id"`     // of the DNS header
	Name       string       `json:"name,omitempty"` // absent, as type is, when it was cut off
	Type       string       `json:"type,omitempty"`
	Queries    int          `json:"queries"` // packets, retransmissions included
	Answers    int          `json:"answers"`
	Asked      string       `json:"asked,omitempty"`    // absent when no query was captured
	Answered   string       `json:"answered,omitempty"` // absent when no answer was captured
	RCode      string       `json:"rcode,omitempty"`
	Truncated  bool         `json:"truncated,omitempty"`
	Records    []answerJSON `json:"records"`
	More       int          `json:"more_records,omitempty"` // in the answer beside records
	Packets    []packetJSON `json:"packets"`                // the first few
	UpstreamOf *int         `json:"upstream_of,omitempty"`  // the application's lookup that the agent passed on
}

type answerJSON struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	TTL     uint32 `json:"ttl"`
	Address string `json:"address,omitempty"` // of A and AAAA
	Target  string `json:"target,omitempty"`  // of CNAME and PTR
}

func newLookup(l *names.Lookup) lookupJSON {
	j := lookupJSON{ID: l.ID, Role: l.Role.String(), Pod: l.Pod, Interface: l.Interface, Client: l.Client.String(),
		Server: endText(l.Server, ""), AnsweredBy: endText(l.AnsweredBy, ""), Redirected: l.Redirected,
		MessageID: int(l.MessageID), Name: l.Name, Type: l.Type, Queries: l.Queries, Answers: l.Answers,
		Asked: stamp(l.Asked), Answered: stamp(l.Answered), RCode: l.RCode, Truncated: l.Truncated,
		Records: []answerJSON{}, More: l.MoreRecords, Packets: []packetJSON{}}
	for _, t := range l.Captured {
		j.Captured = append(j.Captured, newTuple(t))
	}
	for _, r := range l.Records {
		rec := answerJSON{Name: r.Name, Type: r.Type, TTL: r.TTL, Target: r.Target}
		if r.Addr.IsValid() {
			rec.Address = r.Addr.String()
		}
		j.Records = append(j.Records, rec)
	}
	for _, p := range l.Packets {
		j.Packets = append(j.Packets, packetJSON{p.Input, p.Packet})
	}
	if l.Record != (record.Source{}) {
		s := newSource(l.Record)
		j.Record = &s
	}
	if l.UpstreamOf >= 0 {
		j.UpstreamOf = &l.UpstreamOf
	}
	return j
}

// endText prints an endpoint, or unknown for one that is not valid.
func endText(a netip.AddrPort, unknown string) string {
	if !a.IsValid() {
		return unknown
	}
	return a.String()
}

// DNS prints in one line how many names were looked up and by whom, and nothing
// when there was no DNS over UDP.
func DNS(w io.Writer, r *mesh.Result) error {
	var roles [3]int
	passed, unanswered, unasked := make(map[int]bool), 0, 0
	for _, l := range r.Lookups {
		roles[l.Role]++
		if l.UpstreamOf >= 0 {
			passed[l.UpstreamOf] = true
		}
		if l.Answers == 0 {
			unanswered++
		}
		if l.Queries == 0 {
			unasked++
		}
	}
	var parts []string
	add := func(n int, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	add(roles[names.App], "%d of the application")
	if len(passed) > 0 {
		parts[0] += fmt.Sprintf(" (%d passed on by the agent)", len(passed))
	}
	add(roles[names.Upstream], "%d upstream")
	add(roles[names.Direct], "%d direct")
	add(unanswered, "%d unanswered")
	add(unasked, "%d without the query")
	add(r.NotDNS, "%d datagrams that are no DNS")
	if len(parts) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "dns: %d lookups: %s\n", len(r.Lookups), strings.Join(parts, ", "))
	return err
}

var lookupHeader = []string{"LOOKUP", "ROLE", "INTERFACE", "CLIENT", "SERVER", "ANSWERED BY", "QUESTION", "ANSWER", "START", "DURATION"}

// Lookups prints the table of lookups, at most limit rows (0 = all). It returns
// the number of rows left out.
func Lookups(w io.Writer, r *mesh.Result, limit int) (hidden int, err error) {
	lookups := r.Lookups
	if limit > 0 && len(lookups) > limit {
		hidden = len(lookups) - limit
		lookups = lookups[:limit]
	}
	var rows [][]string
	for _, l := range lookups {
		rows = append(rows, lookupRow(l))
	}
	if len(rows) == 0 {
		return 0, nil
	}
	return hidden, Table(w, lookupHeader, rows)
}

func lookupRow(l *names.Lookup) []string {
	where, role, took := l.Interface, l.Role.String(), "-"
	if l.Pod != "" {
		where = l.Pod + "/" + where
	}
	if l.UpstreamOf >= 0 {
		role += fmt.Sprintf(" of %d", l.UpstreamOf)
	}
	start := l.Asked
	switch {
	case l.Asked == 0:
		start = l.Answered
	case l.Answered != 0:
		took = duration(l.Answered - l.Asked)
	}
	return []string{strconv.Itoa(l.ID), role, where, l.Client.String(), endText(l.Server, "?"), endText(l.AnsweredBy, "?"),
		questionText(l), answerText(l), time.Unix(0, start).UTC().Format("15:04:05.000"), took}
}

// questionText says what was asked, and how often if more than once.
func questionText(l *names.Lookup) string {
	s := strings.TrimSpace(l.Type + " " + l.Name)
	if s == "" {
		s = "?"
	}
	if l.Queries > 1 {
		s += fmt.Sprintf(" (sent %d times)", l.Queries)
	}
	return s
}

// answerText is the response code unless all is well, and what the records lead
// to.
func answerText(l *names.Lookup) string {
	if l.Answers == 0 {
		return "-"
	}
	var ends []string
	for _, r := range l.Records {
		switch {
		case r.Addr.IsValid():
			ends = append(ends, r.Addr.String())
		case r.Target == "":
			ends = append(ends, r.Type)
		case r.Type != "CNAME":
			ends = append(ends, r.Target)
		}
	}
	if n := len(ends) + l.MoreRecords; n > 4 {
		ends = append(ends[:min(3, len(ends))], fmt.Sprintf("%d more", n-min(3, len(ends))))
	}
	if l.RCode != "NOERROR" || len(ends) == 0 {
		ends = slices.Insert(ends, 0, l.RCode)
	}
	if l.Truncated {
		ends = append(ends, "truncated")
	}
	return strings.Join(ends, ", ")
}

// A nameColumn adds the names of endpoints to a table, if any were learned: from
// DNS answers, TLS server names, requests or access logs.
type nameColumn struct {
	at    int // of the column
	names map[netip.Addr]string
}

// newNameColumn returns a column at the given place; without names none is
// wanted.
func newNameColumn(r *mesh.Result, at int, names bool) *nameColumn {
	c := &nameColumn{at: at}
	if !names || len(r.Names) == 0 {
		return c
	}
	c.names = make(map[netip.Addr]string)
	for _, n := range r.Names {
		c.names[n.Addr] = n.Name
	}
	return c
}

func (c *nameColumn) header(header []string) []string {
	if c.names == nil {
		return header
	}
	return slices.Insert(slices.Clone(header), c.at, "NAME")
}

// row adds what a is called to a row.
func (c *nameColumn) row(row []string, a netip.AddrPort) []string {
	if c.names == nil {
		return row
	}
	name := c.names[a.Addr()]
	if name == "" {
		name = "-"
	}
	return slices.Insert(row, c.at, name)
}
