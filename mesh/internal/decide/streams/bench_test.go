package streams

import "testing"

func BenchmarkSolve(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := newWorld(1, 2)
		w.run(20, 50)
		p := w.problem()
		b.StartTimer()
		p.solve(never)
	}
}
