package gopackets_test

import (
	"fmt"
	"log"

	"github.com/google/gopacket"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/gopackets"
)

func ExampleSource() {
	r, err := capture.Open("../../testdata/pcaps/any-sll2-any.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	src := gopackets.NewSource(r)
	packets := gopacket.NewPacketSource(src, src) // Packets would read on in a goroutine after a break
	for {
		packet, err := packets.NextPacket()
		if err != nil {
			log.Fatal(err)
		}
		if packet.TransportLayer() != nil {
			fmt.Println(packet.LinkLayer().LayerType(), packet.NetworkLayer().LayerType(), packet.TransportLayer().LayerType())
			break
		}
	}
	// Output: Linux SLL IPv4 TCP
}

// Packets that are decoded later, when others have been read.
func ExampleLinkDecoder() {
	r, err := capture.Open("../../testdata/pcaps/any-sll2-any.pcap", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	data, _, err := gopackets.NewSource(r).ReadPacketData()
	if err != nil {
		log.Fatal(err)
	}
	packet := gopacket.NewPacket(data, gopackets.LinkDecoder(r.Interfaces()[0].Link), gopacket.Lazy)
	fmt.Println(packet.LinkLayer().LayerType(), packet.Metadata().Truncated)
	// Output: Linux SLL false
}
