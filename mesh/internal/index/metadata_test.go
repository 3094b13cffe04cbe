package mesh_test

import (
	"crypto/tls"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
)

// Istio's proxies tell each other who they are before the payload of raw TCP.
func TestMetadataExchange(t *testing.T) {
	meta := "\x3d\x23\x04\x67\x00\x00\x00\x0aprotobuf.."
	for _, tc := range []struct {
		name string
		talk []saying
		want [2]string
	}{
		{"in one record", []saying{asks(meta + "query"), answers(meta + "result")}, [2]string{"query", "result"}},
		{"by itself", []saying{asks(meta), answers(meta), asks("query"), answers("result")}, [2]string{"query", "result"}},
		{"in pieces", []saying{asks(meta[:3]), asks(meta[3:6]), asks(meta[6:11]), asks(meta[11:] + "que"), asks("ry"), answers("result")}, [2]string{"query", "result"}},
		{"none", []saying{asks("query"), answers("result")}, [2]string{"query", "result"}},
		{"none, like the beginning", []saying{asks("\x3d\x23"), asks("\x04!"), answers("result")}, [2]string{"\x3d\x23\x04!", "result"}},
		{"none but the beginning", []saying{asks("\x3d\x23"), answers("result")}, [2]string{"\x3d\x23", "result"}},
		{"later", []saying{asks("q"), asks(meta), answers("result")}, [2]string{"q" + meta, "result"}},
		{"too long", []saying{asks("\x3d\x23\x04\x67\xff\xff\xff\xff" + "abc"), answers("result")}, [2]string{"\x3d\x23\x04\x67\xff\xff\xff\xff" + "abc", "result"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tr pcaptest.Trace
			log := inside(t, on(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, tc.talk...)
			if got := spoken(t, stitchKeys(t, &tr, log), 0); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
