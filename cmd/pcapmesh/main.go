// Pcapmesh joins TCP conversations that a service-mesh sidecar has torn apart
// in captures, and helps to take such captures.
package main

// What the command prints:
//
//   - results on stdout, everything else on stderr;
//   - errors and warnings as one line "pcapmesh: object: cause", no capitals, no
//     final period, and a line "hint: …" where a remedy is known;
//   - what could be done is printed before the error that ended it;
//   - exit status 0 done, 1 an input is unreadable or corrupt, 2 usage, 130 interrupted.

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/cancel"
	"github.com/spf13/cobra"
)

func main() {
	// A reader that went away (| head) shows as EPIPE on the next write, so that
	// commands can remove what they have not finished.
	signal.Ignore(syscall.SIGPIPE)
	// Most of the memory is slabs without pointers that stay to the end: waiting
	// until the heap has doubled would cost more memory than it saves time.
	debug.SetGCPercent(50)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // a second signal ends the process at once
		time.Sleep(patience)
		os.Exit(exitInterrupted)
	})
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// patience is how long a command may take to clean up when it was interrupted. A read
// of a pipe on standard input cannot be ended; it has nothing to clean up.
const patience = time.Second

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o := &options{color: "auto"}
	root := newRoot(o)
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(cancel.NewWriter(ctx, stdout))
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !started { // the command line was refused before a command ran
		err = &usageError{err: err, hint: "pcapmesh --help"}
	}
	if err == nil || errors.Is(err, syscall.EPIPE) {
		return 0
	}
	status := exitStatus(err)
	if status != exitInterrupted { // who interrupted knows why
		printError(stderr, err, o.colored(stderr))
	}
	return status
}
