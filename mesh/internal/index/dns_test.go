package index_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// FuzzDNSMessage checks that what is kept of a datagram is bounded, whatever it
// holds.
func FuzzDNSMessage(f *testing.F) {
	f.Add(sim.DNSQuery(7, "svc"), uint16(0))
	f.Add(sim.DNSAnswer(7, "svc/AAAA", "cdn", "fd00::1"), uint16(100))
	f.Add(sim.DNSAnswer(7, "svc")[:20], uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, cut uint16) {
		messages, records, text := index.TakeDNS(&tcpip.Datagram{Bytes: data, Wire: uint32(len(data)) + uint32(cut)})
		if messages > 1 || records > 32 || text > (2+2*records)*2*255 {
			t.Errorf("%d messages, %d records and %d bytes of names kept of %d", messages, records, text, len(data))
		}
	})
}
