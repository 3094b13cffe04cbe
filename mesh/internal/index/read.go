package index

import (
	"context"
	"slices"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Read runs pass 1 over the inputs of one pod. DNS is looked for at the given ports, and
// QUIC is counted.
// Marks are kept if there are other pods that may have seen the same packets.
func Read(ctx context.Context, inputs []*capture.Input, pod string, ports []uint16, others bool) (*Group, *reassembly.Facts, error) {
	g := &Group{Points: tcpip.NewPoints(), Table: new(reassembly.Table), DNS: new(DNSScan)}
	for _, in := range inputs {
		g.Points.Add(in.Number(), pod)
	}
	g.scan = scan.New(g.Table, g.Points)
	o := &reassembly.Options{Datagrams: g.datagrams(ports), DatagramPorts: append(slices.Clip(ports), QUICPort)}
	if others {
		g.marks = newMarks()
		o.Segments = g.marks.take
	}
	facts, err := reassembly.Index(ctx, inputs, g.Points, g.Table, g.scan, o)
	return g, facts, err
}
