package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// printAdvice prints the commands with the reasons as comments, so that the
// whole can be pasted into a shell.
func printAdvice(w io.Writer, direction string, list []profile.Advice) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "# %s: run all of these at once in the pod's network namespace, as root:\n", direction)
	fmt.Fprintf(out, "# in the pod, or on its node with nsenter -t PID -n. Stop them with ctrl-C.\n")
	for _, a := range list {
		fmt.Fprintln(out)
		for _, why := range a.Why {
			fmt.Fprintf(out, "# %s: %s\n", a.Interface, why)
		}
		fmt.Fprintln(out, command(a))
	}
	fmt.Fprintf(out, "\n# then: %s\n", stitchCommand(list))
	return out.Flush()
}

func stitchCommand(list []profile.Advice) string {
	files := []string{"pcapmesh", "stitch"}
	for _, a := range list {
		files = append(files, fileOf(a))
	}
	return strings.Join(files, " ")
}

func printAdviceJSON(w io.Writer, list []profile.Advice) error {
	type capture struct {
		Interface string   `json:"interface"`
		File      string   `json:"file"`
		Filter    string   `json:"filter"`
		Command   string   `json:"command"`
		Why       []string `json:"why"`
	}
	doc := struct {
		Version  int       `json:"version"`
		Captures []capture `json:"captures"`
		Then     string    `json:"then"`
	}{1, nil, stitchCommand(list)}
	for _, a := range list {
		doc.Captures = append(doc.Captures, capture{a.Interface, fileOf(a), a.Filter, command(a), a.Why})
	}
	return json.NewEncoder(w).Encode(doc)
}
