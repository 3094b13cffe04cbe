// Package linktype knows the headers that link layers put before IP packets.
//
// A [Type] is a number of the LINKTYPE_ registry. Its methods read the header
// of a packet: where the IP header begins, whether the interface is a loopback,
// and which way the packet went. [Type.EthernetHeader] gives packets of several
// types one kind of header.
//
//	l3, typ := linktype.SLL2.Network(packet)
//	if typ == linktype.EtherIPv4 {
//		fmt.Println("from", netip.AddrFrom4([4]byte(packet[l3+12:])))
//	}
//
// What is known of a type is one row of a table, so that a new type is a row.
// Types without a row are Unknown to Network. The package knows nothing of
// files or of what is in an IP packet, and allocates nothing per packet.
package linktype
