package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/pcapmesh/pcapmesh/mesh"
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
		case in.NonTCP == in.Packets:
			fmt.Fprintf(w, "pcapmesh: %s: no TCP in %d packets\n", in.File, in.Packets)
		}
	}
	return joinErrors(errs)
}
