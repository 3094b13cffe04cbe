//go:build linux

package capture_test

import (
	"fmt"
	"log"

	"github.com/pcapmesh/pcapmesh/capture"
)

// The packets that come and go on an interface, for as long as there are any.
func ExampleOpenLive() {
	live, err := capture.OpenLive("eth0")
	if err != nil {
		log.Fatal(err)
	}
	defer live.Close()
	for {
		p, err := live.Next()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Nanos, live.Interfaces()[p.Interface].Name, p.WireLen)
	}
}
