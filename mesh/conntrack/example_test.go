package conntrack_test

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

// Who really answered the application's connections, and when.
func Example() {
	file, err := os.Open("../../testdata/pcaps/port-reuse-conntrack-events.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()

	n := 0
	table := conntrack.NewTable(func(s *conntrack.Span) {
		if e := &s.Entry; e.NAT() && n < 3 {
			fmt.Printf("%v to %v was answered by %v, from %d\n", e.Orig.Src, e.Orig.Dst, e.Reply.Src, s.From.Nanos)
			n++
		}
	})
	reader := conntrack.NewReader(file)
	for {
		e, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		table.Apply(e)
	}
	table.Close()
	// Output:
	// 10.244.1.10:40002 to 10.96.10.2:80 was answered by 127.0.0.1:15001, from 1795263508290581000
	// 10.244.1.10:40000 to 10.96.10.1:80 was answered by 127.0.0.1:15001, from 1795263508290653000
	// 10.244.1.10:40000 to 10.96.10.1:80 was answered by 127.0.0.1:15001, from 1795263508386231000
}
