package mesh

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// ChosenName adds the names to one address's and returns the one that is chosen.
func ChosenName(learned ...names.Learned) (names.Learned, bool) {
	var n naming
	for _, l := range learned {
		n.add(l.Addr, l.Name, l.Source, 1)
	}
	return n.of(learned[0].Addr)
}

// TakeDNS reads one datagram and returns what is kept of it: messages, records
// and bytes of names.
func TakeDNS(g *capture.Datagram) (messages, records, text int) {
	var s dnsScan
	s.take(g)
	for name := range s.names {
		text += len(name)
	}
	if s.messages.Len()+s.malformed != 1 {
		panic("neither read nor counted")
	}
	for i := range uint32(s.messages.Len()) {
		s.printed(s.messages.At(i).name)
	}
	return s.messages.Len(), s.records.Len(), text
}

// HostName and ServerName read names.
var (
	HostName   = hostName
	ServerName = serverName
)
