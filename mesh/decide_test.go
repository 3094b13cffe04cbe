package mesh

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/trace"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Deciding changes nothing that it is given: the same index, records and connections
// give the same result once more.
func TestDecidingTwiceIsTheSame(t *testing.T) {
	const dir = "../testdata/pcaps/"
	for _, scenario := range []string{"retry-503", "capture-gaps", "upstream-refused", "dns-capture"} {
		t.Run(scenario, func(t *testing.T) {
			file := func(what string) []record.File { return []record.File{{Name: dir + scenario + what}} }
			records := record.Files{Conntrack: file("-conntrack.txt"), Rules: file("-iptables.txt"), Sockets: file("-ss.txt")}
			if scenario != "dns-capture" {
				records.AccessLogs = file("-access.log")
			}
			r, err := Stitch(t.Context(), []Input{{Name: dir + scenario + "-eth0.pcap"}, {Name: dir + scenario + "-lo.pcap"}}, &Options{Records: records})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			in := &decide.Input{Index: r.x, Records: r.records, Conns: r.conns, Known: new(cluster.Known)}
			for range 2 {
				again := decide.Run(in)
				want, got := *r, Result{Legs: graph.Plain(again.Legs), Joins: again.Joins, Records: again.Records, Conflicts: again.Conflicts, Names: again.Names}
				all := cmp.Exporter(func(reflect.Type) bool { return true }) // addresses hide what they are
				if diff := cmp.Diff([]any{want.Legs, want.Joins, want.Records, want.Conflicts, want.Names},
					[]any{got.Legs, got.Joins, got.Records, got.Conflicts, got.Names}, all); diff != "" {
					t.Fatalf("deciding again (- first, + again):\n%s", diff)
				}
				if n := len(trace.Plain(again.Paths)); n != len(r.Paths) {
					t.Fatalf("%d paths, then %d", len(r.Paths), n)
				}
			}
		})
	}
}
