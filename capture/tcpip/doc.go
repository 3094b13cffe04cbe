// Package tcpip decodes the TCP segments and UDP datagrams in captured packets,
// gives packets other addresses, and builds packets.
//
// A [Decoder] turns one packet after another into a reused [Segment], a
// [DatagramDecoder] into a [Datagram]. Both put IP fragments together, and
// register with [Points] the interfaces that packets were seen on. A [Tuple]
// is the public form of addresses and ports, a [Key] the one packed for tables.
//
//	points := tcpip.NewPoints()
//	d := tcpip.NewDecoder(points, func(uint32) []capture.Interface { return r.Interfaces() })
//	var s tcpip.Segment
//	for p, err := range r.Packets() {
//		if err != nil {
//			return err
//		}
//		if d.Decode(p, &s) {
//			fmt.Println(s.Tuple(), s.Seq, len(s.Bytes))
//		}
//	}
//
// The package knows headers, not connections. It allocates nothing per packet
// that is no fragment, verifies no checksum, and trusts no length in a header
// before the bytes are there. Of IP it follows Ethernet to IPv4 and IPv6 with
// extension headers; tunnels inside IP are not opened.
package tcpip
