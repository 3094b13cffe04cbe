package reassembly

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// datagrams looks for UDP datagrams among the packets that are no segments.
type datagrams struct {
	decoder *tcpip.DatagramDecoder
	give    func(*tcpip.Datagram)
	at      tcpip.Datagram // reused
}

// newDatagrams returns nil when nobody wants datagrams.
func newDatagrams(inputs []*capture.Input, readers []*capture.Reader, points *tcpip.Points, o *Options) *datagrams {
	if o == nil || o.Datagrams == nil {
		return nil
	}
	place := places(inputs)
	interfaces := func(input uint32) []capture.Interface { return readers[place[input]].Interfaces() }
	return &datagrams{decoder: tcpip.NewDatagramDecoder(points, interfaces, o.DatagramPorts...), give: o.Datagrams}
}

// offer takes a packet that is no segment.
func (g *datagrams) offer(p *capture.Packet) {
	if g != nil && g.decoder.Decode(p, &g.at) {
		g.give(&g.at)
	}
}

// count notes at the end what was met.
func (g *datagrams) count(f *Facts) {
	if g != nil {
		f.Datagrams = g.decoder.Stats()
	}
}
