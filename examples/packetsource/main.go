// Command packetsource reads a capture of any link type with pcapmesh and hands
// its packets to code written against gopacket. With -i any, tcpdump writes
// LINKTYPE_LINUX_SLL2, which gopacket's own readers take for something else.
//
//	go run ./examples/packetsource testdata/pcaps/any-sll2-any.pcap
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/gopackets"
)

func main() {
	for _, file := range os.Args[1:] {
		if err := run(os.Stdout, file); err != nil {
			log.Fatal(err)
		}
	}
}

// run prints who opens connections to whom.
func run(w io.Writer, file string) error {
	r, err := capture.Open(file, nil)
	if err != nil {
		return err
	}
	defer r.Close()
	data := gopackets.NewSource(r)
	packets := gopacket.NewPacketSource(data, data)
	for {
		p, err := packets.NextPacket()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		tcp, ok := p.TransportLayer().(*layers.TCP)
		if !ok || !tcp.SYN || tcp.ACK {
			continue
		}
		ref := p.Metadata().AncillaryData[0].(capture.Ref)
		ip := p.NetworkLayer().NetworkFlow()
		fmt.Fprintf(w, "packet %d: %v:%d > %v:%d\n", ref.Packet, ip.Src(), tcp.SrcPort, ip.Dst(), tcp.DstPort)
	}
}
