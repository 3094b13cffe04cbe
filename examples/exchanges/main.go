// Command exchanges lists the requests in the captures of one pod, and where
// each spent its time: how long every hop took from the first byte of the
// request to the last of the response.
//
//	go run ./examples/exchanges testdata/pcaps/outbound-plain-vip-eth0.pcap testdata/pcaps/outbound-plain-vip-lo.pcap
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

func main() {
	if err := run(context.Background(), os.Stdout, os.Args[1:]...); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, w io.Writer, files ...string) error {
	var inputs []mesh.Input
	for _, f := range files {
		inputs = append(inputs, mesh.Input{Name: f})
	}
	r, err := mesh.Stitch(ctx, inputs, nil)
	if r == nil {
		return err
	}
	defer r.Close() // err, if there is one, says what could not be read: that comes last
	for _, p := range r.Paths {
		for _, e := range p.Exchanges {
			fmt.Fprintf(w, "%v > %v  %s %s %d\n", p.Client, p.Server, e.Method, e.Target, e.Status)
			for _, h := range e.Hops {
				fmt.Fprintf(w, "    %-12v %9v%s\n", r.Legs[h.Leg].Role, took(&h), doubt(&h))
			}
		}
	}
	return err
}

// took is how long a hop took where it was captured, 0 if that is not known.
func took(h *flow.Hop) time.Duration {
	if h.RequestStart == 0 || h.ResponseEnd == 0 {
		return 0
	}
	return time.Duration(h.ResponseEnd - h.RequestStart).Round(time.Microsecond)
}

// doubt says that another exchange fits as well.
func doubt(h *flow.Hop) string {
	if h.Ambiguous {
		return fmt.Sprintf("  one of %d that fit", 1+len(h.Rivals))
	}
	return ""
}
