package conntrack_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

// Whatever number of entries lives at once, each is handed out once, in the order
// in which they were first shown; the table is then empty, and as good as new.
func TestManyLive(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 129, 256, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var ports []int
			table := conntrack.NewTable(func(s *conntrack.Span) { ports = append(ports, int(s.Entry.Orig.Src.Port())) })
			for range 2 {
				ports = nil
				for i := range n {
					e := one(t, fmt.Sprintf("[NEW] udp 17 src=1.1.1.1 dst=1.1.1.2 sport=%[1]d dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=%[1]d\n", 1+i*7%n))
					table.Apply(&e)
				}
				if table.Len() != n || len(ports) != 0 {
					t.Fatalf("%d live, %d gone; want %d and none", table.Len(), len(ports), n)
				}
				table.Close()
				if table.Len() != 0 || len(ports) != n {
					t.Fatalf("%d live, %d gone; want none and %d", table.Len(), len(ports), n)
				}
				for i, port := range ports {
					if want := 1 + i*7%n; port != want {
						t.Fatalf("entry %d is of port %d, want %d", i, port, want)
					}
				}
			}
		})
	}
}

// Sixteen names that lines repeat allocate nothing.
func TestNamesAreKept(t *testing.T) {
	var in strings.Builder
	for i := range 16 {
		in.WriteString(with(fmt.Sprintf("helper=name-%d", i)))
	}
	r := conntrack.NewReader(&forever{text: []byte(in.String())})
	step := func() {
		if _, err := r.Next(); err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
}
