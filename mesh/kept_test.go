package mesh_test

import (
	"runtime"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// Who keeps a leg keeps what is told of it, and not what it was decided with.
func TestKeptLegHoldsLittle(t *testing.T) {
	before := inUse()
	leg, held := oneLeg(t, before)
	if held < 4<<20 {
		t.Fatalf("the result holds %d bytes: this capture is too small to tell", held)
	}
	if kept := inUse() - before; kept > 1<<20 {
		t.Errorf("one leg holds %d bytes after Close, want less than 1 MiB (of %d)", kept, held)
	}
	runtime.KeepAlive(leg)
}

// oneLeg returns one leg of a capture, and how many bytes its result held.
func oneLeg(t *testing.T, before int64) (leg *flow.Leg, held int64) {
	t.Helper()
	const dir = "../testdata/pcaps/"
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: dir + "mtls-saturated-eth0.pcap.gz"}, {Name: dir + "mtls-saturated-lo.pcap.gz"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	held = inUse() - before
	leg = r.Legs[len(r.Legs)/2]
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return leg, held
}

// inUse returns how many bytes of the heap are in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
