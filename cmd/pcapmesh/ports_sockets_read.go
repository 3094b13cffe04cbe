package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// readSockets puts the sockets that files list into one table. What could be read
// is returned with an error about the rest.
func readSockets(cmd *cobra.Command, o *options, files []string) (*sockets.Table, error) {
	var t sockets.Table
	var errs []error
	for _, name := range files {
		r, err := readSocketFile(&t, cmd.InOrStdin(), name)
		if err != nil {
			errs = append(errs, err)
		}
		if r != nil && !o.quiet {
			warnSockets(cmd.ErrOrStderr(), name, r)
		}
	}
	return &t, errors.Join(errs...)
}

// readSocketFile adds the sockets of one file; - is stdin.
func readSocketFile(t *sockets.Table, stdin io.Reader, name string) (*sockets.Reader, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		stdin = f
	}
	r := sockets.NewReader(stdin)
	for {
		s, err := r.Next()
		switch {
		case err == io.EOF:
			return r, nil
		case err != nil && name == "-":
			return r, fmt.Errorf("standard input: %w", err)
		case err != nil:
			return r, err // of an open file, it has the name
		}
		t.Add(s)
	}
}

// warnSockets says which lines could not be used.
func warnSockets(w io.Writer, name string, r *sockets.Reader) {
	n, first := r.Malformed()
	if n == 0 {
		return
	}
	var reasons []string
	for _, m := range first {
		reasons = append(reasons, m.Error())
	}
	if n > len(first) {
		reasons = append(reasons, "and so on")
	}
	fmt.Fprintf(w, "pcapmesh: %s: %d of %d lines not understood: %s\n", name, n, r.Lines(), report.OneLine(strings.Join(reasons, "; ")))
}
