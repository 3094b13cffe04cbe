package mesh

import (
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Deciding can be stopped wherever it asks: nothing is decided then, and nothing
// breaks. It asks now and then.
func TestStoppedAnywhere(t *testing.T) {
	const dir = "../testdata/pcaps/"
	for _, tt := range []struct {
		scenario string
		asks     int // at least
	}{{"mtls-http", 100}, {"retry-503", 20}, {"dns-capture", 10}, {"ambient", 10}, {"any-sll2", 10}} {
		t.Run(tt.scenario, func(t *testing.T) {
			var inputs []Input
			names, err := filepath.Glob(dir + tt.scenario + "-[ael]*.pcap*")
			if err != nil || len(names) == 0 {
				t.Fatal("no captures", err)
			}
			for _, n := range names {
				inputs = append(inputs, Input{Name: n})
			}
			o := &Options{}
			if tt.scenario == "retry-503" {
				o.Records = record.Files{AccessLogs: []record.File{{Name: dir + "retry-503-access.log"}}, Conntrack: []record.File{{Name: dir + "retry-503-conntrack.txt"}}}
			}
			r, err := Stitch(t.Context(), inputs, o)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			in := &decide.Input{Index: r.x, Records: r.records, Conns: r.conns, Known: new(cluster.Known)}
			asked, stop := 0, 0
			r.x.Stop = func() bool { asked++; return stop > 0 && asked >= stop }
			decide.Run(in)
			all := asked
			if all < tt.asks {
				t.Errorf("asked %d times whether to stop, want %d at least", all, tt.asks)
			}
			for stop = 1; stop <= all; stop += 1 + all/60 {
				if asked = 0; decide.Run(in) != nil {
					t.Fatalf("stopped when it asked for the %dth time of %d, it came to a result", stop, all)
				}
			}
		})
	}
}
