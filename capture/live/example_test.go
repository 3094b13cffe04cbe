//go:build linux

package live_test

import (
	"fmt"
	"log"

	"github.com/pcapmesh/pcapmesh/capture/live"
)

// The packets that come and go on an interface, for as long as there are any.
func ExampleOpen() {
	source, err := live.Open("eth0")
	if err != nil {
		log.Fatal(err)
	}
	defer source.Close()
	for {
		p, err := source.Next()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(p.Time, source.Interfaces()[p.Interface].Name, p.WireLen)
	}
}
