package emit_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Bytes of HTTP/2 that are not what they were harm nobody: what is found of
// them has its place in the capture, and all of it can be written and read back.
func TestDamagedHTTP2(t *testing.T) {
	wholes := [][]byte{pooled().PCAPNG(), overTwo(overlapping).PCAPNG()}
	for seed := range uint64(80) {
		rnd := rand.New(rand.NewPCG(seed, 77))
		data := bytes.Clone(wholes[seed%2])
		for range 1 + rnd.IntN(200) {
			data[200+rnd.IntN(len(data)-200)] = byte(rnd.IntN(256) * rnd.IntN(2))
		}
		for _, near := range []bool{false, true} {
			r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: pcap.WriteFile(t, "trace.pcapng", data)}}, &mesh.Options{NearServer: near})
			if err != nil {
				continue // no capture any more
			}
			checkPlaces(t, r)
			if _, err := r.WriteCapture(t.Context(), io.Discard, nil); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			for i := range r.Paths {
				for _, err := range r.Follow(t.Context(), i, mesh.AllExchanges) {
					if err != nil {
						t.Errorf("seed %d: stream %d: %v", seed, i, err)
					}
				}
			}
			r.Close()
		}
	}
}

// checkPlaces checks that messages lie inside of their legs.
func checkPlaces(t *testing.T, r *mesh.Result) {
	t.Helper()
	sim.EachHop(r, func(_ *flow.Path, e *flow.Exchange, i int) {
		h := &e.Hops[i]
		l := r.Legs[h.Leg]
		if h.Request[1] > l.OrigBytes+l.OrigMissing || h.Response[1] > l.ReplyBytes+l.ReplyMissing || h.Request[0] > h.Request[1] || h.Response[0] > h.Response[1] {
			t.Errorf("leg %d of %d+%d and %d+%d bytes has %v and %v", l.ID, l.OrigBytes, l.OrigMissing, l.ReplyBytes, l.ReplyMissing, h.Request, h.Response)
		}
	})
}
