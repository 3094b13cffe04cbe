package index

import "github.com/pcapmesh/pcapmesh/capture/tcpip"

// TakeDNS reads one datagram and returns what is kept of it: messages, records
// and bytes of names.
func TakeDNS(g *tcpip.Datagram) (messages, records, text int) {
	var s DNSScan
	s.take(g)
	for name := range s.names {
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

// Take reads one datagram.
func (s *DNSScan) Take(g *tcpip.Datagram) { s.take(g) }
