package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

func printChanges(w io.Writer, changes []filter.Change) {
	for _, c := range changes {
		why := "not in a form that tcpdump reads"
		if c.Bits.IsValid() {
			why = "bits set behind the prefix: " + c.Bits.String()
		}
		fmt.Fprintf(w, "net %s is now net %s (%s)\n", oneLine(c.From), oneLine(c.To), why)
	}
	if len(changes) == 0 {
		fmt.Fprintln(w, "no net had to be changed")
	}
}

func printExpression(w io.Writer, expr string, changes []filter.Change, format string) error {
	if format != "json" {
		_, err := fmt.Fprintln(w, expr)
		return err
	}
	type change struct {
		Offset int    `json:"offset"`
		From   string `json:"from"`
		To     string `json:"to"`
		Bits   string `json:"bits,omitempty"` // bits that were cleared
	}
	doc := struct {
		Version    int      `json:"version"`
		Expression string   `json:"expression"`
		Changes    []change `json:"changes"`
	}{1, expr, []change{}}
	for _, c := range changes {
		j := change{Offset: c.Offset, From: c.From, To: c.To}
		if c.Bits.IsValid() {
			j.Bits = c.Bits.String()
		}
		doc.Changes = append(doc.Changes, j)
	}
	return json.NewEncoder(w).Encode(doc)
}
