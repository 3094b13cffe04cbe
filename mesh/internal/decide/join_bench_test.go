package mesh_test

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// BenchmarkTurnAlgebra joins the legs of 10,000 connections that are open at
// the same time, with 20 turns on each, or 40. Reading the captures is not
// measured.
func BenchmarkTurnAlgebra(b *testing.B) {
	for _, bb := range []struct {
		name  string
		o     sealedOptions
		least float64 // share of exchanges or connections that must be tied for sure
	}{
		{"tcp", sealedOptions{conns: 10000, calls: 10, tcp: true, identities: 3}, 0.995},
		{"http", sealedOptions{conns: 10000, calls: 10, identities: 3, pool: 2000}, 0.99},
		{"http40", sealedOptions{conns: 10000, calls: 20, identities: 3, pool: 2000}, 0.99},
	} {
		b.Run(bb.name, func(b *testing.B) {
			bb.o.ramp, bb.o.think, bb.o.serve = time.Second, time.Second, 10*time.Millisecond
			began := time.Now()
			w := playSealed(1, bb.o)
			b.Logf("simulated %d packets in %v, %d exchanges, %d upstreams", w.tr.Len(), time.Since(began), w.asked, len(w.ups))
			r := w.stitch(b, "eth0", "lo")
			b.Logf("with reading %v", time.Since(began))
			s := w.judge(r)
			b.Log(s)
			x := mesh.NewLinker(r)
			*r, *w = mesh.Result{}, sealedWorld{}
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				l := x.Again()
				runtime.GC()
				heap := watchHeap()
				b.StartTimer()
				l.Link()
				b.StopTimer()
				base, peak := heap()
				b.ReportMetric(float64(base)/(1<<20), "MiB-before")
				b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
				b.StartTimer()
			}
			if float64(s.right) < bb.least*float64(s.all) || len(s.wrong)*100 > s.all {
				b.Errorf("%v, at least %.1f %% expected", s, 100*bb.least)
			}
		})
	}
}

// watchHeap looks at the heap until the function it returns is called, which
// tells the bytes in use at first and at most.
func watchHeap() func() (base, peak uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	base := read()
	peak, stop, done := base, make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				peak = max(peak, read())
				return
			case <-time.After(time.Millisecond):
				peak = max(peak, read())
			}
		}
	}()
	return func() (uint64, uint64) {
		close(stop)
		<-done
		return base, peak
	}
}
