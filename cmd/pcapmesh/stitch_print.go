package main

import (
	"errors"
	"io"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// print prints a result in the format that was asked for.
func (f *stitchFlags) print(w io.Writer, r *mesh.Result) error {
	switch f.format {
	case "json":
		return report.JSON(w, r)
	case "jsonl":
		return report.JSONLines(w, r)
	}
	err := report.Paths(w, r, f.table.options())
	return errors.Join(err, report.DNS(w, r), report.Clocks(w, r), report.Records(w, r))
}

// written says what was written, and with which command to look into it.
func (f *stitchFlags) written(r *mesh.Result, sum mesh.Summary) *report.Written {
	out := &report.Written{Summary: sum, Name: f.output, Inputs: len(r.Inputs), EmbedKeys: f.embedKeys}
	if f.output == "-" {
		out.Name = "the capture"
	}
	if sum.Streams > 0 && f.output != "-" && f.view == "paths" {
		out.Next = "pcapmesh follow --stream 0 " + fileArgs(r) + f.in.records.args()
	}
	return out
}

// fileArgs repeats the inputs as arguments.
func fileArgs(r *mesh.Result) string {
	var args []string
	for _, in := range r.Inputs {
		args = append(args, in.Name)
	}
	return strings.Join(args, " ")
}
