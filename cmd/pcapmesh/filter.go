package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

const filterLong = `Print a tcpdump expression with every net made valid and all else untouched.

Words are joined with blanks, as tcpdump does. Without words, or with -, the
expression is read from standard input, as from a file for tcpdump -F. A net that
cannot be made valid is left as it is and named; -v names the changes too.`

const filterExample = `  tcpdump -i eth0 "$(pcapmesh filter 'net 192.168.0.0/12 and port 80')"`

func newFilter(o *options) *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:     "filter [EXPRESSION... | -]",
		Short:   "Make every net of a tcpdump expression valid",
		Long:    filterLong,
		Example: filterExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			return rewriteFilter(cmd, args, format, o)
		},
	}
	cmd.Flags().VarP(oneOf(&format, "text", "json"), "output", "o", "text or json")
	return cmd
}

// rewriteFilter prints the expression of the command line or stdin with its nets
// made valid.
func rewriteFilter(cmd *cobra.Command, args []string, format string, o *options) error {
	expr, err := readExpression(cmd.InOrStdin(), args)
	if err != nil {
		return err
	}
	fixed, changes, err := filter.Normalise(expr)
	if err != nil {
		err = &usageError{err: err}
	}
	if o.verbose {
		printChanges(cmd.ErrOrStderr(), changes)
	}
	return errors.Join(printExpression(cmd.OutOrStdout(), fixed, changes, format), err)
}

// maxExpression bounds an expression read from stdin; libpcap's own limit on
// the program it compiles to is far below.
const maxExpression = 1 << 20

func readExpression(stdin io.Reader, args []string) (string, error) {
	if len(args) > 0 && (len(args) != 1 || args[0] != "-") {
		return strings.Join(args, " "), nil
	}
	if len(args) == 0 && isTerminal(stdin) {
		return "", usagef("pcapmesh filter 'net 192.168.0.0/12'", "no expression given")
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxExpression+1))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	if len(text) > maxExpression {
		return "", usagef("give the expression, not a capture", "standard input: expression of more than %d bytes", maxExpression)
	}
	return strings.TrimSuffix(string(text), "\n"), nil
}

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
