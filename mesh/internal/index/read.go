package index

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Read runs pass 1 over the inputs of one pod. DNS is looked for at the given ports.
func Read(inputs []*capture.Input, pod string, ports []uint16) (*Group, *reassembly.Facts, error) {
	g := &Group{Points: tcpip.NewPoints(), Table: new(reassembly.Table), DNS: new(DNSScan)}
	for _, in := range inputs {
		g.Points.Add(in.Number(), pod)
	}
	g.Scan = scan.New(g.Table, g.Points)
	facts, err := reassembly.Index(inputs, g.Points, g.Table, g.Scan, &reassembly.Options{Datagrams: g.DNS.Take, DatagramPorts: ports})
	return g, facts, err
}
