package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/capture/filter"
	"github.com/pcapmesh/pcapmesh/internal/report"
)

const filterLong = `Print a tcpdump expression with every net made valid and all else untouched.

Words are joined with blanks, as tcpdump does. Without words, or with -, the
expression is read from standard input, as from a file for tcpdump -F. A net that
cannot be made valid is left as it is and named; -v names the changes too.

With --pod-ip it prints instead the tcpdump commands that capture in the pod what
stitch needs: inbound for what clients ask of the pod, outbound for what the pod
asks of others.`

const filterExample = `  tcpdump -i eth0 "$(pcapmesh filter 'net 192.168.0.0/12 and port 80')"
  pcapmesh filter --pod-ip 10.244.1.10 --port 8080 inbound
  pcapmesh filter --pod-ip 10.244.1.10 --port 80 --service 10.96.10.1 outbound`

func newFilter(o *options) *cobra.Command {
	format, a := "", &adviceFlags{}
	cmd := &cobra.Command{
		Use:     "filter [EXPRESSION... | -]\n  pcapmesh filter --pod-ip IP --port PORT inbound|outbound",
		Short:   "Make every net of a tcpdump expression valid, or print capture commands",
		Long:    filterLong,
		Example: filterExample,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.given() {
				return advise(cmd, a, args, format)
			}
			return rewriteFilter(cmd, args, format, o)
		},
	}
	cmd.Flags().VarP(oneOf(&format, "text", "json"), "output", "o", "`FORMAT` is text or json")
	a.register(cmd)
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
		report.Changes(cmd.ErrOrStderr(), changes)
	}
	return errors.Join(printExpression(cmd.OutOrStdout(), fixed, changes, format), err)
}

// printExpression prints an expression in the format that was asked for.
func printExpression(w io.Writer, expr string, changes []filter.Change, format string) error {
	if format == "json" {
		return report.ExpressionJSON(w, expr, changes)
	}
	return report.Expression(w, expr)
}

// maxExpression bounds an expression read from stdin; libpcap's own limit on
// the program it compiles to is far below.
const maxExpression = 1 << 20

// readExpression returns the expression of the command line, or that of stdin.
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
