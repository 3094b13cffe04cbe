package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// A usageError is a mistake in the command line: exit status 2.
type usageError struct {
	err  error
	hint string // what to do instead; may be empty
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }
func (e *usageError) Hint() string  { return e.hint }

// usagef returns a usageError with a hint.
func usagef(hint, format string, args ...any) error {
	return &usageError{err: fmt.Errorf(format, args...), hint: hint}
}

// A hintedError is an error with a remedy.
type hintedError struct {
	error
	hint string
}

func (e *hintedError) Unwrap() error { return e.error }
func (e *hintedError) Hint() string  { return e.hint }

// outputHint adds the remedy to an error about the output file.
func outputHint(err error) error {
	switch {
	case errors.Is(err, mesh.ErrOutputExists):
		return &hintedError{err, "--force replaces it, -w FILE writes another"}
	case errors.Is(err, mesh.ErrOutputIsInput):
		return &hintedError{err, "-w FILE writes another"}
	}
	return err
}

// exitInterrupted is the exit status after SIGINT and SIGTERM: what shells say of a
// command that SIGINT ended.
const exitInterrupted = 130

// exitStatus returns 2 for mistakes in the command line, exitInterrupted if the
// command was interrupted, and 1 for all else.
func exitStatus(err error) int {
	var u *usageError
	switch {
	case errors.As(err, &u):
		return 2
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return 1
}

// printError prints each of the joined errors on a line, with its hint.
func printError(w io.Writer, err error, color bool) {
	for _, e := range splitErrors(err) {
		fmt.Fprintln(w, paint("pcapmesh:", red, color), report.OneLine(e.Error()))
		if hint := hintOf(e); hint != "" {
			fmt.Fprintln(w, paint("hint:", cyan, color), report.OneLine(hint))
		}
	}
}

// splitErrors takes apart what errors.Join joined, and nothing else: an error
// that wraps two causes in one sentence stays one.
func splitErrors(err error) []error {
	if u, ok := err.(*usageError); ok && u.hint == "" {
		return splitErrors(u.err)
	}
	m, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.Contains(err.Error(), "\n") && len(m.Unwrap()) != 1 {
		return []error{err}
	}
	var out []error
	for _, e := range m.Unwrap() {
		out = append(out, splitErrors(e)...)
	}
	return out
}

// hintOf returns the outermost hint in the chain of err.
func hintOf(err error) string {
	var h interface {
		error
		Hint() string
	}
	for errors.As(err, &h) {
		if hint := h.Hint(); hint != "" {
			return hint
		}
		if err = errors.Unwrap(h); err == nil {
			break
		}
	}
	return ""
}
