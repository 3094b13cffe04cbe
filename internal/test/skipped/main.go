// Command skipped runs go test and tells what go test keeps to itself: which
// tests were skipped, and why. Of tests that failed it prints what they said, of
// the others nothing, and go test's closing lines:
//
//	go run ./internal/test/skipped [-full] [ARGUMENT OF GO TEST...]
//	go test -json ./... | go run ./internal/test/skipped [-full] -
//
// Without arguments it tests all packages. With -full a test that was skipped for
// want of a tool or of root is a failure: such a test says "needs TOOL".
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
)

func main() {
	args := os.Args[1:]
	full := len(args) > 0 && args[0] == "-full"
	if full {
		args = args[1:]
	}
	passed, err := run(args, full, os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "skipped:", err)
		os.Exit(2)
	}
	if !passed {
		os.Exit(1)
	}
}

// run accounts for what go test prints, or for what is read if that is all the
// arguments say.
func run(args []string, full bool, stdin io.Reader, out io.Writer) (passed bool, err error) {
	if slices.Equal(args, []string{"-"}) {
		return report(stdin, full, out)
	}
	if len(args) == 0 {
		args = []string{"./..."}
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	passed, err = report(events, full, out)
	io.Copy(io.Discard, events) // after an error, so that go test ends
	var failed *exec.ExitError
	if ended := cmd.Wait(); errors.As(ended, &failed) {
		passed = false
	} else {
		err = errors.Join(err, ended)
	}
	return passed, err
}
