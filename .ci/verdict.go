// Command verdict reads what go test -json prints and shows what matters: the
// output of tests that failed, the tests that were skipped, and go test's
// closing lines. It fails if a test failed, or was skipped for want of a tool
// or of root: such a test says "needs TOOL".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// event is what go test -json prints (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// needs is how tests name a tool that they miss; with an article it is something
// else: "needs a second file".
var (
	needs   = regexp.MustCompile(`\bneeds .+`)
	article = regexp.MustCompile(`\bneeds (a|an|the) `)
)

func main() {
	if bad := read(bufio.NewScanner(os.Stdin)); bad {
		os.Exit(1)
	}
}

func read(lines *bufio.Scanner) (bad bool) {
	lines.Buffer(nil, 1<<24)
	said := make(map[[2]string]*strings.Builder) // by package and test
	var closing []string
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		key := [2]string{e.Package, e.Test}
		if said[key] == nil {
			said[key] = new(strings.Builder)
		}
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
		case "build-fail":
			bad = true
		case "output":
			said[key].WriteString(e.Output)
			if e.Test == "" && closes(e.Output) {
				closing = append(closing, e.Output)
			}
		case "fail":
			bad = true
			fmt.Print(said[key])
			delete(said, key)
		case "skip":
			bad = skipped(&e, said[key].String()) || bad
			delete(said, key)
		case "pass":
			delete(said, key)
		}
	}
	fmt.Print(strings.Join(closing, ""))
	return bad || lines.Err() != nil || len(closing) == 0
}

func closes(line string) bool {
	return strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAIL\t")
}

// skipped reports a skipped test, and whether that is a failure.
func skipped(e *event, said string) bool {
	if e.Test == "" {
		return false // a package without tests
	}
	want := needs.FindString(said)
	if want == "" || article.MatchString(want) {
		fmt.Printf("skipped: %s %s\n", e.Package, e.Test)
		return false
	}
	fmt.Printf("SKIPPED: %s %s %s; .ci/run must install it\n", e.Package, e.Test, want)
	return true
}
