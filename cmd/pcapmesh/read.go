package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// stitch reads the named captures and prints warnings about them. What could
// not be read of them is the second error; the first is final.
func (f *inputFlags) stitch(cmd *cobra.Command, o *options, files []string, opts mesh.Options) (r *mesh.Result, partial, err error) {
	inputs, err := f.inputs(files)
	if err != nil {
		return nil, nil, err
	}
	if opts.Pods, err = f.knownPods(); err != nil {
		return nil, nil, err
	}
	if opts.Networks, err = f.networks.networks(); err != nil {
		return nil, nil, err
	}
	opts.Profile = profile.Named(f.mesh) // nil for auto
	if opts.Records, err = f.records.records(podNames(inputs)); err != nil {
		return nil, nil, err
	}
	opts.KeyLogs = f.keyLogs
	opts.Reread = opts.Reread || len(f.keyLogs) > 0
	bar := newProgress(cmd.ErrOrStderr(), o.quiet, inputs)
	opts.Progress = bar.update
	r, err = mesh.Stitch(cmd.Context(), inputs, &opts)
	bar.finish()
	if r == nil {
		return nil, nil, err
	}
	if !o.quiet {
		f.warnKeys(cmd, r, opts.Reread)
		warnRecords(cmd.ErrOrStderr(), r)
		warn(cmd.ErrOrStderr(), r)
	}
	return r, err, nil
}

// warn says what of the inputs is odd but no error. That is one, which comes after all
// that could be read has been used, is for the end.
func warn(w io.Writer, r *mesh.Result) {
	for _, in := range r.Inputs {
		switch {
		case errors.Is(in.Err, mesh.ErrRepeated):
			fmt.Fprintf(w, "pcapmesh: %s\n", report.OneLine(in.Err.Error()))
		case in.Truncated:
			fmt.Fprintf(w, "pcapmesh: %s; everything before it was read\n", report.OneLine(in.Err.Error()))
		case in.Err != nil:
		case in.Packets == 0:
			fmt.Fprintf(w, "pcapmesh: %s: no packets\n", in.Name)
		case in.NonTCP == in.Packets && len(r.Lookups) == 0:
			fmt.Fprintf(w, "pcapmesh: %s: no TCP in %d packets\n", in.Name, in.Packets)
		}
		if in.QUIC > 0 {
			fmt.Fprintf(w, "pcapmesh: %s: %d packets of QUIC (UDP port 443) are not followed; switch HTTP/3 off to see these requests as TCP\n", in.Name, in.QUIC)
		}
	}
}

// warnKeys says that secrets were of no use.
func (f *inputFlags) warnKeys(cmd *cobra.Command, r *mesh.Result, reread bool) {
	if slices.ContainsFunc(r.Legs, func(l *flow.Leg) bool { return l.Decrypted }) {
		return
	}
	if len(f.keyLogs) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "pcapmesh: the key logs decrypt no connection of the captures: of none are both hello messages captured, the secrets of both directions logged, and the cipher suite supported")
		return
	}
	for i := range r.Inputs {
		if in := &r.Inputs[i]; in.Secrets > 0 && in.Name == "-" && !reread {
			fmt.Fprintf(cmd.ErrOrStderr(), "pcapmesh: %s holds secrets, but decrypting reads it twice; give it as a file\n", in.Name)
		}
	}
}

// warnRecords says what of the records could not be read or used, and what
// contradicts the packets.
func warnRecords(w io.Writer, r *mesh.Result) {
	for i := range r.Records {
		for _, s := range report.RecordFaults(&r.Records[i]) {
			fmt.Fprintf(w, "pcapmesh: %s\n", report.OneLine(s))
		}
	}
	for i := range r.Conflicts {
		if i == maxConflicts {
			fmt.Fprintf(w, "pcapmesh: %d more records contradict the packets: -o json lists them\n", len(r.Conflicts)-i)
			break
		}
		fmt.Fprintf(w, "pcapmesh: %s\n", report.OneLine(report.Conflict(&r.Conflicts[i])))
	}
}

// maxConflicts is how many contradictions are printed.
const maxConflicts = 10
