package pcap

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// Len returns the number of packets so far.
func (t *Trace) Len() int { return len(t.packets) }

// Last returns the packet added n before the last; 0 is the last.
func (t *Trace) Last(n int) *Packet { return t.packets[len(t.packets)-1-n] }

// Lose removes the last n packets, as if the capture had missed them.
func (t *Trace) Lose(n int) { t.packets = t.packets[:len(t.packets)-n] }

// Swap exchanges the last two packets; capture times stay in order.
func (t *Trace) Swap() {
	p, q := t.Last(1), t.Last(0)
	p.Time, q.Time = q.Time, p.Time
	k := len(t.packets)
	t.packets[k-2], t.packets[k-1] = q, p
}

// Repeat adds a copy of the last packet, as a retransmission.
func (t *Trace) Repeat() *Packet {
	p := *t.Last(0)
	p.Time++
	t.now = t.now.Add(1)
	t.packets = append(t.packets, &p)
	return &p
}

// Dup adds a copy of the last packet that is marked as the second copy of a
// loopback packet.
func (t *Trace) Dup() { t.Repeat().Dup = true }

// DropFirst removes the first n packets, so that the capture starts in the
// middle.
func (t *Trace) DropFirst(n int) { t.packets = t.packets[n:] }

// Filter keeps the packets for which keep is true.
func (t *Trace) Filter(keep func(*Packet) bool) {
	kept := t.packets[:0]
	for _, p := range t.packets {
		if keep(p) {
			kept = append(kept, p)
		}
	}
	t.packets = kept
}

// Segments returns the packets as the segments of one input, numbered from 1.
// They share nothing with a decoder and stay valid.
func (t *Trace) Segments() []tcpip.Segment {
	out := make([]tcpip.Segment, len(t.packets))
	for i, p := range t.packets {
		out[i] = p.Segment
		out[i].Ref = capture.Ref{Packet: uint32(i + 1)}
		out[i].Bytes = p.captured()
	}
	return out
}

// captured returns the payload as far as the snapshot length lets it.
func (p *Packet) captured() []byte {
	if p.Cut >= 0 && p.Cut < len(p.Bytes) {
		return p.Bytes[:p.Cut]
	}
	return p.Bytes
}
