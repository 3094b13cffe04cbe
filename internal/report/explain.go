package report

import (
	"fmt"
	"io"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
)

// ExplainOptions say how much of the way through rules is printed.
type ExplainOptions struct {
	Rules bool // also the rules that applied
}

// Explanation prints what rules do with conversations: the way of each as a line,
// the rules that applied if asked for, and what captures show of it.
func Explanation(w io.Writer, list []rules.Flow, o ExplainOptions) error {
	for i := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := explainOne(w, &list[i], o); err != nil {
			return err
		}
	}
	return nil
}

// explainOne prints what rules do with one conversation.
func explainOne(w io.Writer, f *rules.Flow, o ExplainOptions) error {
	if f.Name != "" {
		fmt.Fprintln(w, f.Name)
	}
	if _, err := fmt.Fprintln(w, printable(f.Path())); err != nil {
		return err
	}
	for _, p := range f.Parts {
		if p.Reason != "" {
			fmt.Fprintln(w, printable(p.Reason))
		}
	}
	if o.Rules {
		if err := taken(w, f); err != nil {
			return err
		}
	}
	return sights(w, f)
}

// taken prints the rules that applied.
func taken(w io.Writer, f *rules.Flow) error {
	var rows [][]string
	for _, p := range f.Parts {
		for _, s := range p.Steps {
			n := "policy"
			if s.Rule > 0 {
				n = fmt.Sprint(s.Rule)
			}
			rows = append(rows, []string{s.Hook, s.Table, s.Chain, n, s.Text})
		}
	}
	if rows == nil {
		return nil
	}
	fmt.Fprintln(w)
	return Table(w, []string{"HOOK", "TABLE", "CHAIN", "RULE", "TEXT"}, rows)
}

// sights prints what captures show, and says where nothing is to be seen.
func sights(w io.Writer, f *rules.Flow) error {
	var rows [][]string
	for _, p := range f.Parts {
		seen := p.Sights()
		for i := range seen {
			s := &seen[i]
			note := ""
			if s.Torn() {
				note = "half-flows"
			}
			rows = append(rows, []string{s.Interface, s.Request.String(), tupleOrNone(s.Reply), note})
		}
	}
	for _, face := range []string{"eth0", "lo"} {
		if !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == face }) {
			rows = append(rows, []string{face, "nothing", "nothing", ""})
		}
	}
	fmt.Fprintln(w)
	return Table(w, []string{"CAPTURE ON", "SHOWS REQUESTS", "AND REPLIES", ""}, rows)
}

// tupleOrNone prints a tuple, or nothing for none.
func tupleOrNone(t tcpip.Tuple) string {
	if t == (tcpip.Tuple{}) {
		return "nothing"
	}
	return t.String()
}
