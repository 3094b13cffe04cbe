//go:build linux

package capture_test

import (
	"fmt"
	"log"

	"github.com/pcapmesh/pcapmesh/capture"
)

// The segments that come and go on an interface, for as long as there are any.
func ExampleOpenLive() {
	live, err := capture.OpenLive("eth0")
	if err != nil {
		log.Fatal(err)
	}
	defer live.Close()
	d := capture.NewDecoder(capture.NewPoints(), func(uint32) []capture.Interface { return live.Interfaces() })
	var s capture.Segment
	for {
		p, err := live.Next()
		if err != nil {
			log.Fatal(err)
		}
		if d.Decode(p, &s) && !s.Dup {
			fmt.Println(s.Tuple(), s.Wire)
		}
	}
}
