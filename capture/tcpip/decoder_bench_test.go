package tcpip_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

func BenchmarkDecode(b *testing.B) {
	h := tcpip.Header{SrcMAC: macA, DstMAC: macB, Src: client4, Dst: server4, Flags: tcpip.FlagACK, IPID: 1, HasTS: true}
	eth4 := tcpip.AppendTCP(nil, &h, pattern(80))
	h.Src, h.Dst = client6, server6
	eth6 := tcpip.AppendTCP(nil, &h, pattern(80))
	h.SrcMAC, h.DstMAC = [6]byte{}, [6]byte{}
	h.Src, h.Dst = client4, server4
	lo := tcpip.AppendTCP(nil, &h, pattern(80))
	sll2 := append(make([]byte, 20), eth4[14:]...)
	sll2[0], sll2[7] = 8, 2
	for _, bm := range []struct {
		name string
		link linktype.Type
		data []byte
	}{{"ethernet-ipv4", linktype.Ethernet, eth4}, {"ethernet-ipv6", linktype.Ethernet, eth6}, {"loopback", linktype.Ethernet, lo}, {"sll2", linktype.SLL2, sll2}} {
		b.Run(bm.name, func(b *testing.B) {
			d := tcpip.NewDecoder(tcpip.NewPoints(), func(uint32) []capture.Interface { return nil })
			p := capture.Packet{Link: bm.link, Data: bm.data, WireLen: uint32(len(bm.data))}
			var s tcpip.Segment
			b.ReportAllocs()
			for b.Loop() {
				p.Time += 100_000_000
				if !d.Decode(&p, &s) {
					b.Fatal("no segment")
				}
			}
		})
	}
}

func BenchmarkRewriteTuple(b *testing.B) {
	h := tcpip.Header{Src: client4, Dst: server4, Flags: tcpip.FlagACK, HasTS: true}
	packets := make([][]byte, 1024) // each waits for nothing that the one before wrote
	for i := range packets {
		packets[i] = tcpip.AppendTCP(nil, &h, pattern(80))[14:]
	}
	i := 0
	for b.Loop() {
		if tcpip.RewriteTuple(packets[i%len(packets)], 20, server4, client4) != nil {
			b.Fatal("not rewritten")
		}
		i++
	}
}

func BenchmarkTCPChecksum(b *testing.B) {
	seg := pattern(1500)
	b.SetBytes(int64(len(seg)))
	for b.Loop() {
		tcpip.TCPChecksum(client4.Addr(), server4.Addr(), seg)
	}
}
