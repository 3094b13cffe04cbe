// Pcapmesh joins TCP conversations that a service-mesh sidecar has torn apart
// in captures, and helps to take such captures.
package main

// What the command prints:
//
//   - results on stdout, everything else on stderr;
//   - errors and warnings as one line "pcapmesh: object: cause", no capitals, no
//     final period, and a line "hint: …" where a remedy is known;
//   - what could be done is printed before the error that ended it;
//   - exit status 0 done, 1 an input is unreadable or corrupt, 2 usage.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	// A reader that went away (| head) shows as EPIPE on the next write, so that
	// commands can remove what they have not finished.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run executes one command line and returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o := &options{color: "auto"}
	root := newRoot(o)
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err != nil && !started { // the command line was refused before a command ran
		err = &usageError{err: err, hint: "pcapmesh --help"}
	}
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return 0
	}
	printError(stderr, err, o.colored(stderr))
	return exitStatus(err)
}

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

func exitStatus(err error) int {
	var u *usageError
	if errors.As(err, &u) {
		return 2
	}
	return 1
}

// printError prints each of the joined errors on a line, with its hint.
func printError(w io.Writer, err error, color bool) {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		for _, e := range many.Unwrap() {
			printError(w, e, color)
		}
		return
	}
	fmt.Fprintln(w, paint("pcapmesh:", red, color), oneLine(err.Error()))
	var h interface{ Hint() string }
	for errors.As(err, &h) {
		if hint := h.Hint(); hint != "" {
			fmt.Fprintln(w, paint("hint:", cyan, color), oneLine(hint))
			return
		}
		if err = errors.Unwrap(h.(error)); err == nil {
			return
		}
	}
}

// oneLine shows text that came from outside on one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
