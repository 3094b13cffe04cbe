package reassembly_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A tape turns bytes into a conversation whose right reassembly is known: every
// payload byte is a function of its offset, so a delivered byte shows whether
// it is in its place, and seen notes which bytes any packet carried.
type tape struct {
	b   []byte
	c   *pcap.Connection
	off int64 // of the next new byte
	isn uint32
}

const message = 1 << 12 // longest stream of a tape

func (t *tape) byte() int {
	if len(t.b) == 0 {
		return 0
	}
	v := t.b[0]
	t.b = t.b[1:]
	return int(v)
}

// content returns the message's bytes [from, to).
func content(from, to int64) string {
	var s strings.Builder
	for i := from; i < to; i++ {
		s.WriteByte('a' + byte((i*i>>3+i)%26))
	}
	return s.String()
}

// send adds a packet with the bytes [from, to); lost ones are not captured.
func (t *tape) send(from, to int64, lost bool) {
	from, to = max(from, 0), min(to, message)
	if from >= to {
		return
	}
	t.c.SendAt(from, content(from, to))
	if lost {
		t.c.Lose(1)
	}
}

func (t *tape) step() {
	n := int64(t.byte()%64 + 1)
	switch op := t.byte() % 12; op {
	case 0, 1, 2:
		t.send(t.off, t.off+n, false)
		t.off += n
	case 3: // lost on the way or by the capture
		t.send(t.off, t.off+n, true)
		t.off += n
	case 4: // retransmission, perhaps longer than before
		from := t.off - int64(t.byte())
		t.send(from, from+n, false)
		t.off = max(t.off, from+n)
	case 5: // out of order: the second first
		t.send(t.off+n, t.off+2*n, false)
		t.send(t.off, t.off+n, false)
		t.off += 2 * n
	case 6:
		if t.c.Len() >= 2 {
			t.c.Swap()
		}
	case 7:
		t.c.AckReply()
	case 8:
		t.c.Reply("r")
	case 9:
		if t.c.Len() > 0 {
			t.c.Repeat()
		}
	case 10:
		t.c.Snap(t.byte() % 32)
		t.send(t.off, t.off+n, false)
		t.off += n
		t.c.Snap(-1)
	case 11: // jumps back to fill an old hole
		from := int64(t.byte()) * 16
		t.send(from, min(from+n, t.off), false)
	}
	t.off = min(t.off, message)
}

func play(b []byte) *tape {
	t := &tape{b: b, c: pcap.Conn(client, server)}
	t.isn = uint32(t.byte())<<24 | 0xfff000
	t.c.ISN(t.isn, uint32(t.byte())<<24)
	flags := t.byte()
	if flags&2 != 0 {
		t.c.Redirect("127.0.0.1:15001")
	}
	if flags&1 == 0 {
		t.c.Handshake()
	}
	for len(t.b) > 1 {
		t.step()
	}
	if flags&4 != 0 {
		t.c.FIN()
	}
	return t
}

// FuzzAssembler plays a tape: what comes out must be the message, with gaps that
// cover exactly the bytes no packet carried, and those that came only after the
// other side had acknowledged them. With little room to hold packets back, gaps
// may be more, but no byte may be in a wrong place. Both times reading again
// must give the same events.
func FuzzAssembler(f *testing.F) {
	f.Add([]byte("\xff\x00\x00" + "\x10\x00\x10\x05\x10\x03\x10\x00\x10\x07"))
	f.Add([]byte("\xff\x00\x04" + strings.Repeat("\x20\x03\x20\x00\x01\x07", 30)))
	f.Add([]byte("\xfe\x01\x05" + strings.Repeat("\x3f\x05\x05\x06\x09\x0b\x07\x10\x04\x40", 20)))
	f.Add([]byte("\xff\x00\x05\x3f\x00" + strings.Repeat("\x3f\x03", 30)))
	f.Add([]byte("\xff\xff\x02" + strings.Repeat("\x1f\x0a\x05\x10\x00\x10\x09\x10\x08", 10)))
	f.Fuzz(func(t *testing.T, b []byte) { checkTape(t, b[:min(len(b), 600)]) })
}

// TestRandomTapes plays tapes from a fixed source, longer than a fuzzer's seeds.
func TestRandomTapes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		b := make([]byte, 10+r.IntN(300))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if checkTape(t, b); t.Failed() {
			t.Fatalf("tape %q", b)
		}
	}
}

func checkTape(t *testing.T, b []byte) {
	t.Helper()
	tp := play(b)
	segs := tp.c.Segments()
	for _, o := range []*reassembly.Options{nil, {HoldBytes: 200, HoldPackets: 5}, {HoldTotal: 1100}} {
		table, rec := assemble(t, segs, o)
		for id := reassembly.HalfID(1); int(id) <= table.Len(); id++ {
			if h := table.Half(id); h.Key.SrcPort == 4000 {
				expect(segs, tp.isn).check(t, int64(int32(h.Base-tp.isn-1)), rec.text(id), o == nil)
				checkCounters(t, h, rec.text(id), segs)
			}
		}
	}
}

// An expectation is what the packets say about each byte of the message.
type expectation struct {
	claimed []int  // 1 + index of the first packet that had it; 0 = none
	cut     []bool // that packet did not capture it
	acked   []int  // 1 + index of the first packet that acknowledged it; 0 = none
	data    int    // 1 + index of the first packet with payload
	end     int64  // after the last byte claimed, or at the FIN
	ackEnd  int64
	syn     bool
}

func expect(segs []tcpip.Segment, isn uint32) *expectation {
	e := &expectation{claimed: make([]int, message), cut: make([]bool, message), acked: make([]int, message)}
	for i := range segs {
		s := &segs[i]
		if s.Key.SrcPort != 4000 {
			e.ack(i+1, int64(int32(s.Ack-isn-1)))
			continue
		}
		e.syn = e.syn || s.Flags&tcpip.FlagSYN != 0
		e.claim(i+1, s, int64(int32(s.Seq-isn-1)))
	}
	return e
}

func (e *expectation) ack(packet int, to int64) {
	e.ackEnd = max(e.ackEnd, to)
	for off := range min(to, message) {
		if e.acked[off] == 0 {
			e.acked[off] = packet
		}
	}
}

func (e *expectation) claim(packet int, s *tcpip.Segment, off int64) {
	if s.Wire != 0 && e.data == 0 {
		e.data = packet
	}
	for k := range int64(s.Wire) {
		if e.claimed[off+k] == 0 {
			e.claimed[off+k], e.cut[off+k] = packet, k >= int64(len(s.Bytes))
		}
	}
	if s.Wire != 0 || s.Flags&tcpip.FlagFIN != 0 {
		e.end = max(e.end, off+int64(s.Wire))
	}
}

// mayBeLost reports whether the byte may be given up before the packet that
// claims it: because it was acknowledged before.
func (e *expectation) mayBeLost(off int64) bool {
	return e.acked[off] != 0 && e.acked[off] < e.claimed[off]
}

// mayBeBefore reports whether the byte may lie before the base of a half without
// SYN: because the base was fixed before it came.
func (e *expectation) mayBeBefore(off int64) bool {
	return !e.syn && (e.mayBeLost(off) || e.claimed[off]-e.data >= 7)
}

// check holds a stream that begins at offset base of the message against e.
// exact says that nothing was given up for want of room.
func (e *expectation) check(t *testing.T, base int64, got string, exact bool) {
	t.Helper()
	end := base + int64(len(got))
	if exact && end != e.end && end != max(e.end, e.ackEnd) && e.data != 0 {
		t.Fatalf("stream ends at %d, want %d or %d", end, e.end, e.ackEnd)
	}
	for off := range int64(message) {
		inside := base <= off && off < end
		switch {
		case !inside && exact && e.claimed[off] != 0 && !e.mayBeBefore(off):
			t.Fatalf("byte %d of packet %d is not in the stream", off, e.claimed[off])
		case inside:
			e.checkByte(t, off, got[off-base], exact)
		}
	}
}

func (e *expectation) checkByte(t *testing.T, off int64, c byte, exact bool) {
	t.Helper()
	switch c {
	case '.':
		if exact && e.claimed[off] != 0 && !e.mayBeLost(off) {
			t.Fatalf("byte %d of packet %d is lost", off, e.claimed[off])
		}
	case '#':
		if exact && !e.cut[off] && !e.mayBeLost(off) {
			t.Fatalf("byte %d is cut, but packet %d has it", off, e.claimed[off])
		}
	default:
		if c != content(off, off+1)[0] {
			t.Fatalf("byte %d is %q, want %q", off, c, content(off, off+1))
		}
		if e.claimed[off] == 0 || exact && e.cut[off] && !e.mayBeLost(off) {
			t.Fatalf("byte %d delivered, though packet %d does not have it", off, e.claimed[off])
		}
	}
}

// checkCounters holds the half's counters against the stream.
func checkCounters(t *testing.T, h *reassembly.Half, got string, segs []tcpip.Segment) {
	t.Helper()
	missing := int64(strings.Count(got, ".") + strings.Count(got, "#"))
	if h.Missing != missing || h.Bytes != int64(len(got))-missing {
		t.Fatalf("half has %d bytes, %d missing; stream %q", h.Bytes, h.Missing, got)
	}
	if h.Conflict != 0 {
		t.Fatalf("%d conflicting bytes where none differ", h.Conflict)
	}
	packets := uint32(0)
	for i := range segs {
		if segs[i].Key == h.Key {
			packets++
		}
	}
	if h.Packets != packets {
		t.Fatalf("half has %d packets, want %d", h.Packets, packets)
	}
}
