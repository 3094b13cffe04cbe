package index_test

import (
	"crypto/tls"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
)

// Istio's proxies tell each other who they are before the payload of raw TCP.
func TestMetadataExchange(t *testing.T) {
	meta := "\x3d\x23\x04\x67\x00\x00\x00\x0aprotobuf.."
	for _, tc := range []struct {
		name string
		talk []sim.Saying
		want [2]string
	}{
		{"in one record", []sim.Saying{sim.Asks(meta + "query"), sim.Answers(meta + "result")}, [2]string{"query", "result"}},
		{"by itself", []sim.Saying{sim.Asks(meta), sim.Answers(meta), sim.Asks("query"), sim.Answers("result")}, [2]string{"query", "result"}},
		{"in pieces", []sim.Saying{sim.Asks(meta[:3]), sim.Asks(meta[3:6]), sim.Asks(meta[6:11]), sim.Asks(meta[11:] + "que"), sim.Asks("ry"), sim.Answers("result")}, [2]string{"query", "result"}},
		{"none", []sim.Saying{sim.Asks("query"), sim.Answers("result")}, [2]string{"query", "result"}},
		{"none, like the beginning", []sim.Saying{sim.Asks("\x3d\x23"), sim.Asks("\x04!"), sim.Answers("result")}, [2]string{"\x3d\x23\x04!", "result"}},
		{"none but the beginning", []sim.Saying{sim.Asks("\x3d\x23"), sim.Answers("result")}, [2]string{"\x3d\x23", "result"}},
		{"later", []sim.Saying{sim.Asks("q"), sim.Asks(meta), sim.Answers("result")}, [2]string{"q" + meta, "result"}},
		{"too long", []sim.Saying{sim.Asks("\x3d\x23\x04\x67\xff\xff\xff\xff" + "abc"), sim.Answers("result")}, [2]string{"\x3d\x23\x04\x67\xff\xff\xff\xff" + "abc", "result"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tr pcap.Trace
			log := sim.SpeakTLS(t, sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, tc.talk...)
			if got := sim.Spoken(t, sim.StitchKeys(t, &tr, log), 0); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
