// Command stitch ties the legs in the captures of one pod together and writes
// a capture in which every conversation is one TCP stream:
//
//	go run ./examples/stitch testdata/pcaps/inbound-plain-eth0.pcap testdata/pcaps/inbound-plain-lo.pcap
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/pcapmesh/pcapmesh/mesh"
)

func main() {
	if err := run(context.Background(), os.Stdout, "stitched.pcapng", os.Args[1:]...); err != nil {
		log.Fatal(err)
	}
}

// run stitches the named captures into out and says to w what is tied, and why.
func run(ctx context.Context, w io.Writer, out string, files ...string) error {
	var inputs []mesh.Input
	for _, f := range files {
		inputs = append(inputs, mesh.Input{Name: f})
	}
	r, err := mesh.Stitch(ctx, inputs, &mesh.Options{Reread: true})
	if r == nil {
		return err
	}
	defer r.Close()
	if err != nil {
		fmt.Fprintf(w, "read only in part: %v\n", err) // what could be read counts
	}
	for _, j := range r.Joins {
		if j.Ambiguous {
			continue // fits other legs as well; j.Rivals names them
		}
		from, to := r.Legs[j.From], r.Legs[j.To]
		fmt.Fprintf(w, "%v (%v) and %v (%v): %v\n", from.Orig, from.Role, to.Orig, to.Role, j.Evidence[0].Kind)
	}
	sum, err := r.WriteFile(ctx, out, nil)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%d streams, %d of them joined\n", sum.Streams, sum.Joined)
	return err
}
