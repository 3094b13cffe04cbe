package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

// Expression prints a filter expression.
func Expression(w io.Writer, expr string) error {
	_, err := fmt.Fprintln(w, expr)
	return err
}

// Changes prints what was changed in an expression, and why. What w refuses is
// lost: they are remarks.
func Changes(w io.Writer, changes []filter.Change) {
	for _, c := range changes {
		why := "not in a form that tcpdump reads"
		if c.Bits.IsValid() {
			why = "bits set behind the prefix: " + c.Bits.String()
		}
		fmt.Fprintf(w, "net %s is now net %s (%s)\n", OneLine(c.From), OneLine(c.To), why)
	}
	if len(changes) == 0 {
		fmt.Fprintln(w, "no net had to be changed")
	}
}

// An expressionJSON is the object that "filter -o json" prints, version 1.
type expressionJSON struct {
	Version    int          `json:"version"`
	Expression string       `json:"expression"`
	Changes    []changeJSON `json:"changes"`
}

// A changeJSON is an element of the member "changes": a net that was rewritten.
type changeJSON struct {
	Offset int    `json:"offset"` // in the expression as it was given, in bytes
	From   string `json:"from"`
	To     string `json:"to"`
	Bits   string `json:"bits,omitempty"` // bits that were cleared
}

// ExpressionJSON writes an expression, and what was changed in it, as one object.
func ExpressionJSON(w io.Writer, expr string, changes []filter.Change) error {
	doc := expressionJSON{1, expr, []changeJSON{}}
	for _, c := range changes {
		j := changeJSON{Offset: c.Offset, From: c.From, To: c.To}
		if c.Bits.IsValid() {
			j.Bits = c.Bits.String()
		}
		doc.Changes = append(doc.Changes, j)
	}
	return json.NewEncoder(w).Encode(doc)
}
