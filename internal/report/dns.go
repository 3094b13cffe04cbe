package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

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

// lookupHeader is the header of the table of lookups.
var lookupHeader = []string{"LOOKUP", "ROLE", "INTERFACE", "CLIENT", "SERVER", "ANSWERED BY", "QUESTION", "ANSWER", "START", "DURATION"}

// Lookups prints the table of lookups.
func Lookups(w io.Writer, r *mesh.Result, o *TableOptions) error {
	lookups, hidden := first(r.Lookups, o)
	var rows [][]string
	for _, l := range lookups {
		rows = append(rows, lookupRow(l))
	}
	return limited(w, lookupHeader, rows, hidden)
}

func lookupRow(l *names.Lookup) []string {
	role, took := l.Role.String(), "-"
	if l.UpstreamOf >= 0 {
		role += fmt.Sprintf(" of %d", l.UpstreamOf)
	}
	start := l.Asked
	switch {
	case l.Asked == 0:
		start = l.Answered
	case l.Answered != 0:
		took = duration(int64(l.Answered - l.Asked))
	}
	return []string{strconv.Itoa(l.ID), role, place(l.Pod, l.Interface), l.Client.String(), endText(l.Server, "?"), endText(l.AnsweredBy, "?"),
		questionText(l), answerText(l), clock(int64(start)), took}
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
