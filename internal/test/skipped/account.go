package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// An event is what go test -json prints (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// maxLine is the longest line that is read: one line that a test prints, with
// room for what JSON makes of it.
const maxLine = 1 << 24

// An account is what is known of a run of go test.
type account struct {
	out     io.Writer
	said    map[[2]string]*strings.Builder // by package and test, of those that run
	closing []string
	reasons []string            // in the order in which they came up
	skipped map[string][]string // the tests, by reason
	failed  bool
}

// report reads events and prints the account. It reports whether no test failed,
// and, if full, whether none missed a tool.
func report(events io.Reader, full bool, out io.Writer) (passed bool, err error) {
	a := &account{out: out, said: map[[2]string]*strings.Builder{}, skipped: map[string][]string{}}
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text())
			continue
		}
		a.add(&e)
	}
	fmt.Fprint(out, strings.Join(a.closing, ""))
	missed := a.printSkipped()
	if lines.Err() == nil && len(a.closing) == 0 && !a.failed {
		return false, errors.New("go test tested nothing")
	}
	return !a.failed && !(full && missed), lines.Err()
}

func (a *account) add(e *event) {
	key := [2]string{e.Package, e.Test}
	if a.said[key] == nil {
		a.said[key] = new(strings.Builder)
	}
	switch e.Action {
	case "build-output":
		fmt.Fprint(a.out, e.Output)
	case "build-fail":
		a.failed = true
	case "output":
		switch {
		case e.Test == "" && closes(e.Output):
			a.closing = append(a.closing, e.Output)
		case !strings.HasPrefix(e.Output, "=== "): // RUN, PAUSE, CONT
			a.said[key].WriteString(e.Output)
		}
	case "fail":
		a.fail(key)
	case "skip":
		if e.Test != "" { // else the package has no tests
			a.skip(e, why(a.said[key].String()))
		}
		delete(a.said, key)
	case "pass":
		delete(a.said, key)
	}
}

// fail prints what a test said, and if a package failed what its tests said that
// came to no end: it may have been killed.
func (a *account) fail(of [2]string) {
	a.failed = true
	for _, key := range slices.SortedFunc(maps.Keys(a.said), compareKeys) {
		if key == of || of[1] == "" && key[0] == of[0] {
			fmt.Fprint(a.out, a.said[key])
			delete(a.said, key)
		}
	}
}

func compareKeys(a, b [2]string) int { return slices.Compare(a[:], b[:]) }

func closes(line string) bool {
	return strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAIL\t")
}

func (a *account) skip(e *event, why string) {
	if a.skipped[why] == nil {
		a.reasons = append(a.reasons, why)
	}
	a.skipped[why] = append(a.skipped[why], e.Package+" "+e.Test)
}

// printSkipped lists the tests that were skipped, and reports whether one of them
// missed a tool.
func (a *account) printSkipped() (missed bool) {
	for _, why := range a.reasons {
		fmt.Fprintf(a.out, "skipped: %s\n", why)
		for _, test := range a.skipped[why] {
			fmt.Fprintf(a.out, "\t%s\n", test)
		}
		missed = missed || missesTool(why)
	}
	return missed
}

var (
	// message is what a test prints with t.Log or t.Skip.
	message = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)
	// needs is how tests name a tool that they miss, or root.
	needs = regexp.MustCompile(`\bneeds (\S+)`)
)

// why finds the reason in what a test printed that was skipped: the tool that it
// names, else what it said last. A script prints more after the reason.
func why(said string) string {
	reason := "it does not say why"
	for _, m := range message.FindAllStringSubmatch(said, -1) {
		reason = m[1]
		if missesTool(reason) {
			break
		}
	}
	return reason
}

// missesTool reports whether a reason is a tool or root, and not, as with an
// article, something else: "needs a second file".
func missesTool(why string) bool {
	m := needs.FindStringSubmatch(why)
	return m != nil && m[1] != "a" && m[1] != "an" && m[1] != "the"
}
