package main

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// flowsFlags are the flags of flows.
type flowsFlags struct {
	in     inputFlags
	table  tableFlags
	format string
}

func newFlows(o *options) *cobra.Command {
	f := &flowsFlags{}
	cmd := &cobra.Command{
		Use:   "flows FILE...",
		Short: "Show the legs in captures, their roles and how they are joined",
		Example: `  pcapmesh flows eth0.pcap lo.pcap
  pcapmesh flows -o json eth0.pcap lo.pcap | jq '.joins[] | select(.ambiguous)'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, partial, err := f.in.stitch(cmd, o, args, mesh.Options{})
			if err != nil {
				return err
			}
			defer r.Close()
			if err := f.print(cmd.OutOrStdout(), r); err != nil {
				return err
			}
			return partial
		},
	}
	f.in.register(cmd)
	f.table.register(cmd.Flags(), "print no names beside addresses")
	cmd.Flags().VarP(oneOf(&f.format, "table", "wide", "json", "jsonl", "csv"), "output", "o", "table, wide, json, jsonl or csv")
	return cmd
}

// print prints a result in the format that was asked for.
func (f *flowsFlags) print(w io.Writer, r *mesh.Result) error {
	switch f.format {
	case "json":
		return report.JSON(w, r)
	case "jsonl":
		return report.JSONLines(w, r)
	case "csv":
		return report.CSV(w, r)
	}
	table := f.table.options()
	table.Wide = f.format == "wide"
	err := report.Legs(w, r, table)
	if table.Wide && err == nil {
		err = report.Lookups(w, r, table)
	}
	return errors.Join(err, report.DNS(w, r), report.Clocks(w, r), report.Records(w, r))
}
