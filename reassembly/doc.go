// Package reassembly puts TCP segments back into the order of their streams.
//
// Its unit is the half: one incarnation of one directed tuple at one capture
// point. A half is assembled alone. It is bound to the half that answers it while
// reading, if numbers show the two to belong together.
//
// In go the segments of a group of inputs in time order, out come events to a
// Consumer: bytes with the packet that carried them, skipped bytes, gaps of
// exact length, ends. What stays is a Table: 192 bytes per half and the half's
// id for every packet. Payload is never kept, except what came out of order,
// and that is bounded: see Options.
//
//	var t reassembly.Table
//	var s tcpip.Segment
//	a := reassembly.NewAssembler(&t, consumer, nil)
//	for p, err := range r.Packets() {
//		if err != nil {
//			return err
//		}
//		if decoder.Decode(p, &s) {
//			a.Add(&s)
//		}
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
//
// # Halves
//
// iptables REDIRECT shows the two directions of one connection under different tuples:
// POD:p > 127.0.0.1:15001 one way, SERVICE:80 > POD:p the other. An assembler whose unit
// is the connection cannot bind them afterwards. So the unit is the half, a half is
// assembled alone, and it may be bound to its answer while reading, or later by who
// knows more, or never; results do not depend on when. Package mesh knows more.
//
// What would need the other direction is said by numbers instead: every chunk carries
// its segment's raw acknowledgement number. It tells how much of the other side its
// sender had received, which orders requests and responses from one half alone.
//
// # Gaps
//
// A gap is final when the other side has acknowledged what lies behind it and some
// packets have followed, or when a limit of what may be held back is reached. After
// that, late bytes are counted and dropped. Held data stands in runs, so that a
// permanent gap costs neither quadratic time nor unbounded memory, and a part of the
// room is kept for halves that hold little, so that one long gap does not turn every
// swapped pair of others into a gap. Gaps are events and counters, never a list: with a
// snapshot length of 96 every packet has one.
//
// # Captures that begin in mid-connection
//
// No SYN is needed anywhere. A half starts at the first number seen, and its base is
// fixed after the first acknowledgement from the other side or eight packets, so that a
// swapped first pair loses nothing. Which half is the client's cannot be said without a
// SYN: Bind and Table.Connections then put the one in front that was seen first.
package reassembly
