package reassembly_test

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// volume counts what is sent. What it does not want to hear of Discard hears.
type volume struct {
	reassembly.Discard
	bytes map[reassembly.HalfID]int64
}

func (v *volume) Bytes(at reassembly.At, p []byte) int64 {
	v.bytes[at.Half] += int64(len(p))
	return 0
}

// A capture that comes through a pipe, as from "tcpdump -w -", with both directions of
// every connection.
func Example_pipe() {
	pipe, tcpdump := io.Pipe()
	go func() { // stands for tcpdump
		f, err := os.Open("../testdata/pcaps/inbound-plain-eth0.pcap")
		if err == nil {
			_, err = io.Copy(tcpdump, f)
			f.Close()
		}
		tcpdump.CloseWithError(err)
	}()

	r, err := capture.NewReader(pipe, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	points := tcpip.NewPoints()
	decoder := tcpip.NewDecoder(points, func(uint32) []capture.Interface { return r.Interfaces() })
	var table reassembly.Table
	v := &volume{bytes: make(map[reassembly.HalfID]int64)}
	assembler := reassembly.NewAssembler(&table, v, nil)
	var segment tcpip.Segment
	for p, err := range r.Packets() {
		if err != nil {
			log.Fatal(err) // what came before has been heard
		}
		if decoder.Decode(p, &segment) {
			assembler.Add(&segment)
		}
	}
	assembler.Finish()

	n := 0
	for orig, reply := range table.Connections() {
		if n++; n > 3 || orig == 0 || reply == 0 {
			continue
		}
		h := table.Half(orig)
		fmt.Printf("%v: %d bytes, answered with %d\n", h.Key.Tuple(), v.bytes[orig], v.bytes[reply])
	}
	// Output:
	// 192.0.2.10:49748 > 10.244.2.20:8080: 403 bytes, answered with 6344
	// 192.0.2.10:49750 > 10.244.2.20:8080: 676 bytes, answered with 4767
	// 192.0.2.10:49766 > 10.244.2.20:8080: 2697 bytes, answered with 7765
}
