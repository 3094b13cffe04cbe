package report

import (
	"fmt"
	"io"
)

// TableOptions say how much of a result a table shows. The zero value, and nil,
// stand for all rows, the usual columns and no names.
type TableOptions struct {
	Limit int  // rows at the most; 0 = all
	Wide  bool // Legs: also what is missing, the evidence and the captured tuples
	Names bool // name servers that are known by name, in a column of its own
}

// first returns what a table may show of list, and the number of the rest.
func first[T any](list []T, o *TableOptions) ([]T, int) {
	if o == nil || o.Limit <= 0 || len(list) <= o.Limit {
		return list, 0
	}
	return list[:o.Limit], len(list) - o.Limit
}

// limited prints a table that was shortened by hidden rows, and nothing if there
// are no rows.
func limited(w io.Writer, header []string, rows [][]string, hidden int) error {
	if len(rows) == 0 {
		return nil
	}
	err := Table(w, header, rows)
	if hidden > 0 {
		fmt.Fprintf(w, "… %d more: --all\n", hidden)
	}
	return err
}
