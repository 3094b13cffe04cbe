package index_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
)

// Where messages are missing, acknowledgement numbers tell what answers what:
// they count records on the wire.
func TestDecryptedPairing(t *testing.T) {
	ask := func(target string) sim.Saying { return sim.Asks(sim.Request("GET", target)) }
	for name, version := range versions {
		for _, tc := range []struct {
			name string
			lost int // content length of the message that is missing
			want []string
		}{
			{"nothing missing", 0, []string{"GET /a 200", "GET /b 201", "GET /c 202"}},
			{"first response", 700, []string{"GET /a 0", "GET /b 201", "GET /c 202"}},
			{"second response", 900, []string{"GET /a 200", "GET /b 0", "GET /c 202"}},
			{"last response", 1100, []string{"GET /a 200", "GET /b 201", "GET /c 0"}},
		} {
			t.Run(name+" "+tc.name, func(t *testing.T) {
				var tr pcap.Trace
				log := sim.SpeakTLS(t, sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:8080"), version, 65000,
					ask("/a"), sim.Answers(sim.Response(200, strings.Repeat("a", 700))),
					ask("/b"), sim.Answers(sim.Response(201, strings.Repeat("b", 900))),
					ask("/c"), sim.Answers(sim.Response(202, strings.Repeat("c", 1100))))
				n := 0
				tr.Filter(func(p *pcap.Packet) bool {
					from := p.Key.Tuple().Src.Port() != 4000
					gone := from && tc.lost > 0 && len(p.Bytes) > tc.lost+50 && len(p.Bytes) < tc.lost+120 && p.Bytes[0] == 23
					if gone {
						n++
					}
					return !gone
				})
				if n != min(tc.lost, 1) {
					t.Fatalf("%d packets taken out", n)
				}
				if got := sim.ExchangeList(sim.StitchKeys(t, &tr, log)); !slices.Equal(got, tc.want) {
					t.Errorf("exchanges %q, want %q", got, tc.want)
				}
			})
		}
	}
}
