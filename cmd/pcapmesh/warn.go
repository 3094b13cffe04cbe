package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// warn says what is wrong with the inputs. A capture that was cut off at its
// end is worth a warning only; anything else is an error, after all that could
// be read has been used.
func warn(w io.Writer, o *options, r *mesh.Result) error {
	var errs []error
	for _, in := range r.Inputs {
		switch {
		case in.Err != nil && !in.Truncated && !errors.Is(in.Err, mesh.ErrRepeated):
			errs = append(errs, in.Err)
		case o.quiet:
		case errors.Is(in.Err, mesh.ErrRepeated):
			fmt.Fprintf(w, "pcapmesh: %s\n", oneLine(in.Err.Error()))
		case in.Truncated:
			fmt.Fprintf(w, "pcapmesh: %s; everything before it was read\n", oneLine(in.Err.Error()))
		case in.Packets == 0:
			fmt.Fprintf(w, "pcapmesh: %s: no packets\n", in.File)
		case in.NonTCP == in.Packets && len(r.Lookups) == 0:
			fmt.Fprintf(w, "pcapmesh: %s: no TCP in %d packets\n", in.File, in.Packets)
		}
	}
	return joinErrors(errs)
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
		if in := &r.Inputs[i]; in.Secrets > 0 && in.File == "-" && !reread {
			fmt.Fprintf(cmd.ErrOrStderr(), "pcapmesh: %s holds secrets, but decrypting reads it twice; give it as a file\n", in.File)
		}
	}
}
