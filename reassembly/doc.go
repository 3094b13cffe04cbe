// Package reassembly puts TCP segments back into the order of their streams.
//
// Its unit is the half: one incarnation of one directed tuple at one capture
// point. A half is assembled alone. It may be bound to the half that answers it
// while reading, when numbers show the two to belong together, and later, and
// never: a service mesh's iptables REDIRECT makes the two directions of one
// connection appear under different tuples, and which belongs to which is not
// always known here.
//
// In go the segments of a group of inputs in time order, out come events to a
// Consumer: bytes with the packet that carried them, skipped bytes, gaps of
// exact length, ends. What stays is a Table: 192 bytes per half and the half's
// id for every packet. Payload is never kept, except what came out of order,
// and that is bounded: see Options.
//
//	var t reassembly.Table
//	a := reassembly.NewAssembler(&t, consumer, nil)
//	for decoder.Decode(packet, &segment) {
//		a.Add(&segment)
//	}
//	a.Finish()
//
// To get bytes back later, Read (or Again, on segments) repeats the reading for
// chosen halves. It takes the same decisions as the first reading and delivers
// the same bytes and gaps at the same offsets.
//
// The first of overlapping bytes wins. A gap becomes final when the other side
// has acknowledged the bytes after it and some packets have followed, when the
// limits of what may be held back are reached, and at the end; what comes for
// it later is counted and dropped. The package does not judge checksums, which
// are wrong on every packet that its sender captured itself, and does not apply
// the receiver's window (only packets more than 1 GiB off are left out).
package reassembly
