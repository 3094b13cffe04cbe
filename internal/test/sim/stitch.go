package sim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Stitch reads a trace as one pcapng file.
func Stitch(tb testing.TB, tr *pcap.Trace) *mesh.Result {
	tb.Helper()
	name := pcap.WriteFile(tb, "trace.pcapng", tr.PCAPNG())
	r, err := mesh.Stitch(tb.Context(), []mesh.Input{{Name: name}}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// LegList describes the legs of a result, one string each.
func LegList(r *mesh.Result) []string {
	var out []string
	for _, l := range r.Legs {
		out = append(out, fmt.Sprintf("%s %s, %d+%d packets", l.Role, l.Orig, l.OrigPackets, l.ReplyPackets))
	}
	return out
}

// ExchangeList describes the exchanges of the first path, one string each.
func ExchangeList(r *mesh.Result) []string {
	var out []string
	for _, e := range r.Paths[0].Exchanges {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %d", e.Method, e.Target, e.Status)))
	}
	return out
}

// EachHop calls f for each hop of each exchange.
func EachHop(r *mesh.Result, f func(p *flow.Path, e *flow.Exchange, i int)) {
	for _, p := range r.Paths {
		for k := range p.Exchanges {
			for i := range p.Exchanges[k].Hops {
				f(p, &p.Exchanges[k], i)
			}
		}
	}
}
