package mesh

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// ChosenName adds the names to one address's and returns the one that is chosen.
func ChosenName(learned ...names.Learned) (names.Learned, bool) {
	var n decide.Collector
	for _, l := range learned {
		n.Add(l.Addr, l.Name, l.Source, 1)
	}
	return n.Of(learned[0].Addr)
}

// TakeDNS reads one datagram and returns what is kept of it: messages, records
// and bytes of names.
func TakeDNS(g *capture.Datagram) (messages, records, text int) {
	var s index.DNSScan
	s.Take(g)
	for name := range s.Names {
		text += len(name)
	}
	if s.Messages.Len()+s.Malformed != 1 {
		panic("neither read nor counted")
	}
	for i := range uint32(s.Messages.Len()) {
		s.Printed(s.Messages.At(i).Name)
	}
	return s.Messages.Len(), s.Records.Len(), text
}

// HostName and ServerName read names.
var (
	HostName   = decide.HostName
	ServerName = decide.ServerName
)
