package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

func (f *stitchFlags) print(w io.Writer, r *mesh.Result) error {
	switch f.format {
	case "json":
		return report.JSON(w, r)
	case "jsonl":
		return report.JSONLines(w, r)
	}
	hidden, err := report.Paths(w, r, f.rows(), !f.noNames)
	if hidden > 0 {
		fmt.Fprintf(w, "… %d more: --all\n", hidden)
	}
	return errors.Join(err, report.DNS(w, r), report.Records(w, r))
}

func (f *stitchFlags) rows() int {
	if f.all {
		return 0
	}
	return f.limit
}

// summary says in one line what was written and what to do with it.
func (f *stitchFlags) summary(r *mesh.Result, sum mesh.Summary) string {
	name := f.output
	if name == "-" {
		name = "the capture"
	}
	s := fmt.Sprintf("wrote %s: %s (%d joined, %d as captured), %s of %s.", name,
		count(sum.Streams, "stream"), sum.Joined, sum.Streams-sum.Joined, count(sum.Packets+sum.DNS+sum.Other, "packet"), count(len(r.Inputs), "input"))
	if f.embedKeys {
		s += fmt.Sprintf(" Secrets of %s are in it.", count(sum.Secrets, "connection"))
	}
	if sum.Streams > 0 && f.output != "-" && f.view == "paths" {
		s += " Open it in Wireshark, or: pcapmesh follow --stream 0 " + fileArgs(r) + f.in.records.args()
	}
	return s
}

// fileArgs repeats the inputs as arguments.
func fileArgs(r *mesh.Result) string {
	var args []string
	for _, in := range r.Inputs {
		args = append(args, in.File)
	}
	return strings.Join(args, " ")
}

// count prints a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
