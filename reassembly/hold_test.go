package reassembly_test

import (
	"math"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

func TestSkip(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	c.Send("head")
	c.Send("0123")                                // skipped
	c.SendAt(12, "89ab")                          // skipped, out of order
	c.SendAt(8, "4567")                           // skipped
	c.Send(strings.Repeat("-", 1000))             // skipped
	c.Send("lost in the middle of what we skip.") // 35 bytes
	c.Lose(1)
	c.Snap(10).Send("0123456789cut off") // 17 bytes
	c.Snap(-1).Send("..tail")            // the last 4 wanted
	c.FIN()
	const skip = 12 + 1000 + 35 + 17 + 2
	segs := c.Segments()

	rec := newRecorder(t)
	rec.skip = func(at reassembly.At, p []byte) int64 {
		if at.Off == 0 {
			return skip
		}
		return 0
	}
	a := reassembly.NewAssembler(new(reassembly.Table), rec, nil)
	for i := range segs {
		a.Add(&segs[i])
	}
	a.Finish()
	want := "head" + strings.Repeat("~", 1012) + strings.Repeat(".", 35) + strings.Repeat("~", 10) + "#######" + "~~tail"
	if got := rec.text(1); got != want {
		t.Errorf("stream = %q, want %q", got, want)
	}
	if _, pages := a.Held(); pages != 1 { // "..tail", which is wanted, behind the gap
		t.Errorf("%d pages taken by packets out of order, want 1", pages)
	}
	if n := strings.Count(rec.halves[1].log.String(), "skip"); n != 6 {
		t.Errorf("%d skips, want one per segment, 6:\n%s", n, rec.halves[1].log.String())
	}
}

// TestSkipTheRest wants nothing after the first packet, so nothing is copied.
func TestSkipTheRest(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	c.Send("head")
	c.Send("lost")
	c.Lose(1)
	c.Send("body")
	c.FIN()
	rec := newRecorder(t)
	rec.skip = func(reassembly.At, []byte) int64 { return math.MaxInt64 }
	a := reassembly.NewAssembler(new(reassembly.Table), rec, nil)
	segs := c.Segments()
	for i := range segs {
		a.Add(&segs[i])
	}
	a.Finish()
	if got, want := rec.text(1), "head....~~~~"; got != want {
		t.Errorf("stream = %q, want %q", got, want)
	}
	if _, pages := a.Held(); pages != 0 {
		t.Errorf("%d pages taken, want none", pages)
	}
}

func TestSkipAgain(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	for i := range 40 {
		c.Send(strings.Repeat("ab", 300+i))
		if i%3 == 0 && i > 0 {
			c.Swap()
		}
		if i%7 == 0 {
			c.Lose(1)
			c.AckReply()
		}
	}
	table, first := assemble(t, c.Segments(), nil)
	rec := newRecorder(t)
	rec.skip = func(at reassembly.At, p []byte) int64 { return at.Off % 5000 }
	var want reassembly.HalfSet
	want.Add(1)
	a := reassembly.Again(table, &want, rec)
	segs := c.Segments()
	for i := range segs {
		a.Add(&segs[i])
	}
	a.Finish()
	got, all := rec.text(1), first.text(1)
	if len(got) != len(all) || !strings.Contains(got, "~") {
		t.Fatalf("%d bytes with some skipped, want %d", len(got), len(all))
	}
	for i := range got {
		if got[i] != all[i] && got[i] != '~' || (got[i] == '.') != (all[i] == '.') {
			t.Fatalf("byte %d = %q, want %q or skipped", i, got[i], all[i])
		}
	}
}

func TestConflict(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	c.SendAt(1000, strings.Repeat("x", 2000)) // held in several pages
	c.SendAt(500, strings.Repeat("x", 600)+strings.Repeat("y", 1200)+strings.Repeat("x", 10))
	c.SendAt(3000, strings.Repeat("z", 10)) // joins the run
	c.SendAt(2990, strings.Repeat("x", 10)+"Z")
	c.SendAt(0, strings.Repeat("x", 500))
	table, rec := assemble(t, c.Segments(), nil)
	if got, want := table.Half(1).Conflict, int64(1201); got != want {
		t.Errorf("Conflict = %d, want %d", got, want)
	}
	if got, want := rec.text(1), strings.Repeat("x", 3000)+strings.Repeat("z", 10); got != want {
		t.Errorf("stream of %d bytes is not the first ones of each", len(got))
	}
}

func TestLimitsPerHalf(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    reassembly.Options
		held int // packets held when the gap is given up
	}{
		{"packets", reassembly.Options{HoldPackets: 3}, 3},
		{"bytes", reassembly.Options{HoldBytes: 60}, 6},
		{"total", reassembly.Options{HoldTotal: 5 * 508}, 5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := pcap.Conn(client, server)
			c.Handshake()
			for i := range tt.held {
				c.SendAt(int64(5+10*i), "0123456789")
			}
			c.SendAt(0, "early") // still welcome
			c.SendAt(int64(10*tt.held+5)+7, "after")
			for i := range tt.held {
				c.SendAt(int64(10*tt.held+17+10*i), "0123456789")
			}
			c.SendAt(int64(10*tt.held+5), "too late")
			table, rec := assemble(t, c.Segments(), &tt.o)
			digits := strings.Repeat("0123456789", tt.held)
			if got, want := rec.text(1), "early"+digits+".......after"+digits; got != want {
				t.Errorf("stream = %q, want %q", got, want)
			}
			if h := table.Half(1); h.Retrans != 1 || h.Missing != 7 {
				t.Errorf("Retrans = %d, Missing = %d, want 1, 7", h.Retrans, h.Missing)
			}
		})
	}
}

// TestTotalIsShared fills the memory for held bytes with one half: another then
// has to give its gaps up, when read alone too.
func TestTotalIsShared(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	d := c.Trace.Conn("10.0.0.9:4000", server)
	d.Handshake()
	for i := range 8 {
		c.SendAt(int64(1+i), "x")
	}
	d.SendAt(3, "def")
	d.SendAt(0, "abc")
	_, rec := assemble(t, c.Segments(), &reassembly.Options{HoldTotal: 8 * 508})
	if got, want := rec.text(3), "...def"; got != want {
		t.Errorf("stream = %q, want %q", got, want)
	}
}

// TestLongGapsLeaveRoom has one half hold back all it may: pairs that change
// places in another one lose nothing.
func TestLongGapsLeaveRoom(t *testing.T) {
	c := pcap.Conn(client, server)
	c.Handshake()
	d := c.Trace.Conn("10.0.0.9:4000", server)
	d.Handshake()
	for i := range 40 {
		c.SendAt(int64(1+i), "x")
	}
	for range 3 {
		d.Send("abc")
		d.Send("def")
		d.Swap()
	}
	_, rec := assemble(t, c.Segments(), &reassembly.Options{HoldTotal: 40 * 508})
	if got, want := rec.text(3), "abcdefabcdefabcdef"; got != want {
		t.Errorf("stream = %q, want %q", got, want)
	}
	if got, want := rec.text(1), "."+strings.Repeat("x", 40); got != want {
		t.Errorf("stream of the long gap = %q, want %q", got, want)
	}
}

// TestPermanentGap loses every other packet: time and memory must stay those of
// a few packets, whether the other side is there to acknowledge or not.
func TestPermanentGap(t *testing.T) {
	const n = 200_000
	for _, acks := range []bool{true, false} {
		a := reassembly.NewAssembler(new(reassembly.Table), sink{}, nil)
		s := tcpip.Segment{Key: tcpip.Key{SrcPort: 1, DstPort: 2}, Flags: tcpip.FlagACK, Bytes: make([]byte, 100), Wire: 100}
		r := tcpip.Segment{Key: s.Key.Reverse(), Flags: tcpip.FlagACK, Seq: 1}
		s.Ack = 1
		for i := range n {
			s.Ref.Packet++
			s.Seq = uint32(i * 200)
			a.Add(&s)
			if acks {
				s.Ref.Packet++
				r.Ref, r.Ack = s.Ref, s.Seq+100
				a.Add(&r)
			}
		}
		chunks, pages := a.Held()
		if a.Steps() > 4*n || chunks > 300 || pages > 300 {
			t.Errorf("acknowledged %v: %d steps for %d packets, %d chunks, %d pages", acks, a.Steps(), n, chunks, pages)
		}
		a.Finish()
	}
}

// TestHostileOrder sends packets with holes between them from the last to the
// first, and overlaps over all that is held: the steps per packet are bounded.
func TestHostileOrder(t *testing.T) {
	const n = 20_000
	a := reassembly.NewAssembler(new(reassembly.Table), sink{}, nil)
	s := tcpip.Segment{Key: tcpip.Key{SrcPort: 1, DstPort: 2}, Flags: tcpip.FlagSYN}
	s.Ref.Packet = 1
	a.Add(&s)
	s.Flags, s.Bytes, s.Wire = tcpip.FlagACK, make([]byte, 60000), 1
	for i := range n {
		s.Ref.Packet++
		s.Seq = uint32(2*n - 2*i)
		s.Wire = 1
		if i%100 == 99 {
			s.Wire = 60000
		}
		s.Bytes = s.Bytes[:s.Wire]
		a.Add(&s)
	}
	if per := a.Steps() / n; per > 400 {
		t.Errorf("%d steps per packet, want at most 400", per)
	}
}

// TestHostileOverlap repeats all that is held back, with every packet.
func TestHostileOverlap(t *testing.T) {
	const n = 4000
	a := reassembly.NewAssembler(new(reassembly.Table), sink{}, nil)
	s := tcpip.Segment{Key: tcpip.Key{SrcPort: 1, DstPort: 2}, Flags: tcpip.FlagSYN}
	s.Ref.Packet = 1
	a.Add(&s)
	s.Flags = tcpip.FlagACK
	all := make([]byte, n)
	for i := range n {
		for _, from := range []int{i, 0} {
			s.Ref.Packet++
			s.Seq, s.Bytes = uint32(100+from), all[from:i+1]
			s.Wire = uint32(len(s.Bytes))
			a.Add(&s)
		}
	}
	if per := a.Steps() / (2 * n); per > 100 {
		t.Errorf("%d steps per packet, want at most 100", per)
	}
}

// TestBeyondWrap sends more than 4 GiB, with a swapped pair and a lost packet at
// each wrap of the sequence numbers.
func TestBeyondWrap(t *testing.T) {
	const size = 1 << 20
	rec := &counter{}
	a := reassembly.NewAssembler(new(reassembly.Table), rec, nil)
	s := tcpip.Segment{Key: tcpip.Key{SrcPort: 1, DstPort: 2}, Flags: tcpip.FlagSYN, Seq: math.MaxUint32 - size/2}
	s.Ref.Packet = 1
	a.Add(&s)
	base := s.Seq + 1
	s.Flags, s.Bytes, s.Wire = tcpip.FlagACK, make([]byte, size), size
	r := tcpip.Segment{Key: s.Key.Reverse(), Flags: tcpip.FlagACK}
	send := func(i int64) {
		s.Ref.Packet++
		s.Seq = base + uint32(i*size)
		a.Add(&s)
		if i%4 == 3 {
			r.Ref.Packet, r.Ack = s.Ref.Packet+1, base+uint32(i*size)
			s.Ref.Packet++
			a.Add(&r)
		}
	}
	const n = 3 * 4096
	for i := int64(0); i < n; i++ {
		switch i % 4096 {
		case 0, 2560: // out of order, 2.5 GiB apart
			send(i + 1)
			send(i)
			i++
		case 10: // lost
		default:
			send(i)
		}
	}
	a.Finish()
	if rec.bytes != (n-3)*size || rec.lost != 3*size || rec.end != n*size {
		t.Errorf("%d bytes, %d lost, end %d; want %d, %d, %d", rec.bytes, rec.lost, rec.end, int64(n-3)*size, 3*size, int64(n)*size)
	}
}

// TestOldAcknowledgementsAreForgotten gives a gap up because it was
// acknowledged, and 2.5 GiB later, when that acknowledgement looks like one of
// the future, has two packets change places.
func TestOldAcknowledgementsAreForgotten(t *testing.T) {
	const size = 1 << 20
	rec := &counter{}
	a := reassembly.NewAssembler(new(reassembly.Table), rec, nil)
	s := tcpip.Segment{Key: tcpip.Key{SrcPort: 1, DstPort: 2}, Flags: tcpip.FlagSYN}
	r := tcpip.Segment{Key: s.Key.Reverse(), Flags: tcpip.FlagSYN | tcpip.FlagACK, Ack: 1}
	all := make([]byte, size)
	send := func(seq uint32, n int) {
		s.Ref.Packet++
		s.Seq, s.Bytes, s.Wire = seq, all[:n], uint32(n)
		a.Add(&s)
		s.Flags = tcpip.FlagACK
		s.Ref.Packet++
		r.Ref, r.Ack = s.Ref, max(r.Ack, seq+uint32(n))
		a.Add(&r)
		r.Flags = tcpip.FlagACK
	}
	send(0, 0)
	seq := uint32(2) // byte 1 is lost
	for range 30 {
		send(seq, 1)
		seq++
	}
	if rec.lost != 1 || rec.bytes != 30 {
		t.Fatalf("%d bytes, %d lost; want 30, 1", rec.bytes, rec.lost)
	}
	for range 2560 {
		send(seq, size)
		seq += size
	}
	send(seq+1, 1)
	send(seq, 1)
	if a.Finish(); rec.lost != 1 {
		t.Errorf("%d bytes lost, want 1", rec.lost)
	}
}

// A counter adds up what it is given.
type counter struct {
	sink
	bytes, lost, end int64
}

func (c *counter) Bytes(at reassembly.At, p []byte) int64 {
	c.bytes += int64(len(p))
	c.end = at.Off + int64(len(p))
	return 0
}

func (c *counter) Gap(at reassembly.At, n int64, _ reassembly.GapKind, _ capture.Ref) { c.lost += n }
