package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Advice prints the commands that take captures, with the reasons as comments, so
// that the whole can be pasted into a shell.
func Advice(w io.Writer, direction string, list []profile.Advice) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# %s: run all of these at once in the pod's network namespace, as root:\n", direction)
	fmt.Fprintf(out, "# in the pod, or on its node with nsenter -t PID -n. Stop them with ctrl-C.\n")
	for _, a := range list {
		fmt.Fprintln(out)
		for _, why := range a.Why {
			fmt.Fprintf(out, "# %s: %s\n", a.Interface, why)
		}
		fmt.Fprintln(out, tcpdumpCommand(a))
	}
	fmt.Fprintf(out, "\n# then: %s\n", stitchCommand(list))
	return out.Flush()
}

// tcpdumpCommand returns the command that takes a capture, for a shell.
func tcpdumpCommand(a profile.Advice) string {
	return fmt.Sprintf("tcpdump -i %s -s 0 -U -w %s '%s'", a.Interface, fileOf(a), a.Filter)
}

// stitchCommand returns the command that reads the captures.
func stitchCommand(list []profile.Advice) string {
	files := []string{"pcapmesh", "stitch"}
	for _, a := range list {
		files = append(files, fileOf(a))
	}
	return strings.Join(files, " ")
}

// fileOf returns the name of the file that a capture is written to.
func fileOf(a profile.Advice) string { return a.Interface + ".pcap" }

// An adviceJSON is the object that "filter --pod-ip IP -o json" prints, version 1.
type adviceJSON struct {
	Version  int           `json:"version"`
	Captures []captureJSON `json:"captures"`
	Then     string        `json:"then"` // the command that reads the captures
}

// A captureJSON is an element of the member "captures": a capture to take.
type captureJSON struct {
	Interface string   `json:"interface"`
	File      string   `json:"file"`
	Filter    string   `json:"filter"`
	Command   string   `json:"command"`
	Why       []string `json:"why"`
}

// AdviceJSON writes what Advice prints as one object.
func AdviceJSON(w io.Writer, list []profile.Advice) error {
	doc := adviceJSON{1, nil, stitchCommand(list)}
	for _, a := range list {
		doc.Captures = append(doc.Captures, captureJSON{a.Interface, fileOf(a), a.Filter, tcpdumpCommand(a), a.Why})
	}
	return json.NewEncoder(w).Encode(doc)
}
