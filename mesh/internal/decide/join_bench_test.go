package decide_test

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/role"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// BenchmarkTurnAlgebra joins the legs of 10,000 connections that are open at
// the same time, with 20 turns on each, or 40. Reading the captures is not
// measured.
func BenchmarkTurnAlgebra(b *testing.B) {
	for _, bb := range []struct {
		name  string
		o     sim.SealedOptions
		least float64 // share of exchanges or connections that must be tied for sure
	}{
		{"tcp", sim.SealedOptions{Conns: 10000, Calls: 10, TCP: true, Identities: 3}, 0.995},
		{"http", sim.SealedOptions{Conns: 10000, Calls: 10, Identities: 3, Pool: 2000}, 0.99},
		{"http40", sim.SealedOptions{Conns: 10000, Calls: 20, Identities: 3, Pool: 2000}, 0.99},
	} {
		b.Run(bb.name, func(b *testing.B) {
			bb.o.Ramp, bb.o.Think, bb.o.Serve = time.Second, time.Second, 10*time.Millisecond
			began := time.Now()
			w := sim.PlaySealed(1, bb.o)
			b.Logf("simulated %d packets in %v, %d exchanges, %d upstreams", w.Trace.Len(), time.Since(began), w.Asked, len(w.Ups))
			r := w.Stitch(b, "eth0", "lo")
			b.Logf("with reading %v", time.Since(began))
			s := w.Judge(r)
			b.Log(s)
			l := readAgain(b, r)
			*r, *w = mesh.Result{}, sim.SealedWorld{}
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				l.again()
				runtime.GC()
				heap := watchHeap()
				b.StartTimer()
				decide.JoinLegs(l.x, l.legs, l.roster, graph.NewLedger(nil, nil))
				b.StopTimer()
				base, peak := heap()
				b.ReportMetric(float64(base)/(1<<20), "MiB-before")
				b.ReportMetric(float64(peak)/(1<<20), "MiB-peak")
				b.StartTimer()
			}
			if float64(s.Right) < bb.least*float64(s.All) || len(s.Wrong)*100 > s.All {
				b.Errorf("%v, at least %.1f %% expected", s, 100*bb.least)
			}
		})
	}
}

// A linker is what is decided before legs are joined.
type linker struct {
	x      *index.Index
	rs     *recorded.Records
	legs   []*graph.Leg
	roster *role.Roster
}

// readAgain reads the inputs of a result as far as they are indexed.
func readAgain(b *testing.B, r *mesh.Result) *linker {
	b.Helper()
	var files record.Files
	rs, err := recorded.ReadRules(b.Context(), &files)
	if err != nil {
		b.Fatal(err)
	}
	var inputs []*capture.Input
	for i, info := range r.Inputs {
		in, err := capture.OpenInput(b.Context(), info.Name, &capture.Options{Input: uint32(i)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { in.Close() })
		inputs = append(inputs, in)
	}
	x := &index.Index{Ports: index.ResolverPorts(nil)}
	g, _, err := index.Read(b.Context(), inputs, "", x.Ports, false)
	if err != nil {
		b.Fatal(err)
	}
	x.Add(g)
	if err := rs.Read(b.Context(), &files, x); err != nil {
		b.Fatal(err)
	}
	if err := index.Reread(b.Context(), x, [][]*capture.Input{inputs}, conn.Pairs(conn.Bind(x, rs.NAT))); err != nil {
		b.Fatal(err)
	}
	return &linker{x: x, rs: rs}
}

// again goes back to where no leg is joined.
func (l *linker) again() {
	l.legs = graph.Legs(l.x, conn.Bind(l.x, l.rs.NAT))
	l.roster = role.Assign(l.x, l.rs, new(cluster.Known), l.legs, profile.Istio(), nil)
	graph.FindExchanges(l.x, l.legs)
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
