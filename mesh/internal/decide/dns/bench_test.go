package dns_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// BenchmarkLookups reads and pairs 500,000 redirected queries with their answers,
// a million packets, and writes them. "same" asks for one name from a few ports
// over and over, "names" for 5,000 names.
func BenchmarkLookups(b *testing.B) {
	for _, bb := range []struct {
		name  string
		names int
		ports int
	}{{"names", 5000, 20_000}, {"same", 1, 10}} {
		b.Run(bb.name, func(b *testing.B) {
			const lookups = 500_000
			var d sim.DNSTrace
			for i := range lookups {
				app := fmt.Sprintf("%s:%d", sim.Pod, 40000+i%bb.ports)
				name := fmt.Sprintf("svc-%d.default.svc.cluster.local", i%bb.names)
				d.Add("lo", float64(i)*0.05, app, sim.Agent, sim.DNSQuery(uint16(i), name))
				d.Add("lo", float64(i)*0.05+0.02, sim.Resolver, app, sim.DNSAnswer(uint16(i), name, "10.96.10.1"))
			}
			file := pcap.WriteFile(b, "dns.pcapng", pcap.UDPFile(d.Datagrams))
			d = sim.DNSTrace{}
			for b.Loop() {
				r, err := mesh.Stitch(b.Context(), []mesh.Input{{Name: file}}, &mesh.Options{Reread: true})
				if err != nil {
					b.Fatal(err)
				}
				if len(r.Lookups) != lookups {
					b.Fatalf("%d lookups, want %d", len(r.Lookups), lookups)
				}
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/lookups, "heap-B/lookup")
				sum, err := r.WriteCapture(b.Context(), io.Discard, nil)
				if err != nil || sum.DNS != 2*lookups {
					b.Fatalf("%d packets written, want %d: %v", sum.DNS, 2*lookups, err)
				}
				r.Close()
			}
		})
	}
}
