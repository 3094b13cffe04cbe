package capture_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
)

func BenchmarkDecode(b *testing.B) {
	h := capture.Header{SrcMAC: macA, DstMAC: macB, Src: client4, Dst: server4, Flags: capture.FlagACK, IPID: 1, HasTS: true}
	eth4 := capture.AppendTCP(nil, &h, pattern(80))
	h.Src, h.Dst = client6, server6
	eth6 := capture.AppendTCP(nil, &h, pattern(80))
	h.SrcMAC, h.DstMAC = [6]byte{}, [6]byte{}
	h.Src, h.Dst = client4, server4
	lo := capture.AppendTCP(nil, &h, pattern(80))
	sll2 := append(make([]byte, 20), eth4[14:]...)
	sll2[0], sll2[7] = 8, 2
	for _, bm := range []struct {
		name string
		link capture.LinkType
		data []byte
	}{{"ethernet-ipv4", capture.LinkEthernet, eth4}, {"ethernet-ipv6", capture.LinkEthernet, eth6}, {"loopback", capture.LinkEthernet, lo}, {"sll2", capture.LinkSLL2, sll2}} {
		b.Run(bm.name, func(b *testing.B) {
			d := capture.NewDecoder(capture.NewPoints(), func(uint32) []capture.Interface { return nil })
			p := capture.Packet{Link: bm.link, Data: bm.data, WireLen: uint32(len(bm.data))}
			var s capture.Segment
			b.ReportAllocs()
			for b.Loop() {
				p.Nanos += 100_000_000
				if !d.Decode(&p, &s) {
					b.Fatal("no segment")
				}
			}
		})
	}
}

func BenchmarkRewriteTuple(b *testing.B) {
	h := capture.Header{Src: client4, Dst: server4, Flags: capture.FlagACK, HasTS: true}
	packets := make([][]byte, 1024) // each waits for nothing that the one before wrote
	for i := range packets {
		packets[i] = capture.AppendTCP(nil, &h, pattern(80))[14:]
	}
	i := 0
	for b.Loop() {
		if capture.RewriteTuple(packets[i%len(packets)], 20, server4, client4) != nil {
			b.Fatal("not rewritten")
		}
		i++
	}
}

func BenchmarkTCPChecksum(b *testing.B) {
	seg := pattern(1500)
	b.SetBytes(int64(len(seg)))
	for b.Loop() {
		capture.TCPChecksum(client4.Addr(), server4.Addr(), seg)
	}
}
