package scan_test

import (
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// record makes a TLS record of n bytes.
func record(kind byte, n int) string {
	return string([]byte{kind, 3, 3, byte(n >> 8), byte(n)}) + strings.Repeat("s", n)
}

// The first bytes of a half decide what reads it.
func TestProto(t *testing.T) {
	hello := func(major, minor byte, n int) string {
		return string([]byte{22, major, minor, byte(n >> 8), byte(n)})
	}
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	for _, tt := range []struct {
		name       string
		start, mid string // sent from the first byte on, or from the middle
		want       scan.Proto
	}{
		{"nothing", "", "", scan.ProtoNone},
		{"text", "hello, who is there?", "hello, who is there?", scan.ProtoTCP},
		{"requests", getA, getA, scan.ProtoRequests},
		{"responses", bare, bare, scan.ProtoResponses},
		{"a client's HTTP/2", preface, preface, scan.ProtoH2Requests},
		{"a server's HTTP/2", settings, "", scan.ProtoH2Responses},
		{"TLS 1.2", hello(3, 3, 1), "", scan.ProtoTLS},
		{"the oldest version", hello(3, 0, 1), "", scan.ProtoTLS},
		{"the newest version", hello(3, 4, 1), "", scan.ProtoTLS},
		{"a version too new", hello(3, 5, 1), hello(3, 5, 1), scan.ProtoTCP},
		{"another major version", hello(2, 3, 1), hello(2, 3, 1), scan.ProtoTCP},
		{"an empty record", hello(3, 3, 0), hello(3, 3, 0), scan.ProtoTCP},
		{"the longest record", hello(3, 3, 1<<14+256), "", scan.ProtoTLS},
		{"a record too long for a handshake", hello(3, 3, 1<<14+257), "", scan.ProtoTCP},
		{"four bytes", hello(3, 3, 1)[:4], hello(3, 3, 1)[:4], scan.ProtoTCP},
		{"data begins no TLS", record(23, 8), "", scan.ProtoTCP},
		{"data is TLS from the middle", "", record(23, 8), scan.ProtoTLS},
		{"so it is if it begins later", "", "ss" + record(23, 8) + record(23, 8), scan.ProtoTLS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.start != "" || tt.mid == "" {
				alone().sendSome(tt.start).proto(t, tt.want)
			}
			if tt.mid != "" {
				midway().sendSome(tt.mid).proto(t, tt.want)
				alone().lose(9).sendSome(tt.mid).proto(t, tt.want) // the first bytes are missing: this is the middle too
			}
		})
	}
}

// sendSome sends what is not empty.
func (h *half) sendSome(p string) *half {
	if p != "" {
		h.send(p)
	}
	return h
}

// In the middle of a connection bytes that say nothing are what the other side
// speaks.
func TestProtoOfPartner(t *testing.T) {
	for _, tt := range []struct {
		name       string
		other      string
		start, mid scan.Proto
	}{
		{"TLS", record(22, 100), scan.ProtoTCP, scan.ProtoTLS},
		{"text", "who is there?", scan.ProtoTCP, scan.ProtoTCP},
		{"requests", getA, scan.ProtoTCP, scan.ProtoTCP},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, syn := range []bool{true, false} {
				want := tt.mid
				if syn {
					want = tt.start
				}
				s := scan.New(nil, nil)
				open(s, 1, true).send(tt.other)
				h := open(s, 2, syn)
				s.Bind(1, 2)
				h.send("\x01\x02\x03\x04").proto(t, want)
				h = open(s, 3, syn)
				h.send("\x01\x02\x03\x04").proto(t, scan.ProtoTCP) // nobody's partner
			}
		})
	}
}

func TestBindBothWays(t *testing.T) {
	for _, order := range [][2]reassembly.HalfID{{1, 2}, {2, 1}} {
		s := scan.New(nil, nil)
		open(s, 2, true).send(record(22, 100))
		h := open(s, 1, false)
		s.Bind(order[0], order[1])
		h.send("\x01\x02\x03\x04").proto(t, scan.ProtoTLS)
	}
}

// sum is the fingerprint of a stream.
func sum(parts ...string) fingerprint.Print {
	var s fingerprint.Sampler
	s.Reset(fingerprint.UnknownLen)
	for _, p := range parts {
		if hole := strings.Count(p, "?"); hole > 0 {
			s.Gap(int64(hole))
		} else {
			s.Write([]byte(p))
		}
	}
	return s.Sum()
}

// A half that is no HTTP has a fingerprint of the whole stream, holes in their
// places.
func TestPrint(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 8) // two windows
	cut := sum(long)
	cut.Cut()
	for _, tt := range []struct {
		name string
		h    *half
		want fingerprint.Print
	}{
		{"nothing sent", alone().fin(), fingerprint.Print{}},
		{"text", alone().send("0123", "456789").fin(), sum("0123456789")},
		{"text, reset", alone().send("0123").close(reassembly.EndRST), sum("0123")},
		{"text, left open", alone().send("0123").close(reassembly.EndOpen), sum("0123")},
		{"a hole before it", alone().lose(70).send(long).fin(), sum(strings.Repeat("?", 70), long)},
		{"a hole in it", alone().send(long).lose(20).send(long).fin(), sum(long, strings.Repeat("?", 20), long)},
		{"a packet cut off", alone().send(long).cut(20).send(long).fin(), sum(long, strings.Repeat("?", 20), long)},
		{"TLS", alone().send(record(22, 200), record(23, 300)).fin(), sum(record(22, 200) + record(23, 300))},
		{"TLS with a hole", alone().send(record(22, 200)).lose(3).send(record(23, 300)).fin(), sum(record(22, 200), "???", record(23, 300))},
		{"a request in its first packet tells more than a fingerprint", alone().send(getA + getB).fin(), printOf(getA+getB, true)},
		{"a request in its second packet", alone().send("GET /0123456789/0123456789/0123456789/0123456789/0123456789/0123456789 HTTP/1.1\r\n", "\r\n", getB).fin(),
			printOf("GET /0123456789/0123456789/0123456789/0123456789/0123456789/0123456789 HTTP/1.1\r\n\r\n", true)},
		{"a head that is none", alone().send("GET /", "nothing\r\n\r\n", long).fin(), sum("GET /nothing\r\n\r\n" + long)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.h.content().Print; got != tt.want {
				t.Errorf("print %+v, want %+v", got, tt.want)
			}
		})
	}
}

// printOf returns the print of a content, of its beginning if it is cut.
func printOf(content string, cut bool) fingerprint.Print {
	p := sum(content)
	if cut {
		p.Cut()
	}
	return p
}

// What is missing of a half, and where.
func TestMissing(t *testing.T) {
	type missing struct {
		lost         int64
		late, ragged bool
		wholly       bool
	}
	for _, tt := range []struct {
		name string
		h    *half
		want missing
	}{
		{"nothing", alone().send("0123").fin(), missing{wholly: true}},
		{"nothing sent", alone().fin(), missing{wholly: true}},
		{"nothing sent, the end not seen", alone().close(reassembly.EndOpen), missing{wholly: true}},
		{"the end", alone().send("0123").close(reassembly.EndOpen), missing{}},
		{"the SYN", midway().send("0123").fin(), missing{}},
		{"the first bytes", alone().lose(5).send("0123").fin(), missing{lost: 5, late: true}},
		{"some in between", alone().send("0123").lose(5).send("0123").lose(2).send("4").fin(), missing{lost: 7}},
		{"the last bytes", alone().send("0123").lose(5).fin(), missing{lost: 5, ragged: true}},
		{"all bytes", alone().lose(5).fin(), missing{lost: 5, ragged: true}},
		{"first and last bytes", alone().lose(2).send("0123").lose(3).fin(), missing{lost: 5, late: true, ragged: true}},
		{"those cut off are not lost", alone().send("0123").cut(5).fin(), missing{wholly: true}},
		{"those cut off after a hole", alone().send("0123").lose(5).send("4").cut(5).fin(), missing{lost: 5}},
		{"from requests", alone().send(getA).lose(3).send(getB).lose(8).fin(), missing{lost: 11, ragged: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.h.content()
			if got := (missing{c.Lost, c.Late, c.Ragged, c.Wholly()}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// When the first byte and the last packet with payload were seen, and whether
// the half was left open.
func TestTimes(t *testing.T) {
	for _, tt := range []struct {
		name            string
		h               *half
		packet          uint32
		heard           uint32
		first, last     int64
		open, isStarted bool
	}{
		{"nothing sent", alone().fin(), 0, 0, 0, 0, false, true},
		{"text", alone().hear(4).send("a").hear(4).send("b", "c").fin(), 1, 4, 10, 30, false, true},
		{"text from the middle, left open", midway().send("a", "b").close(reassembly.EndOpen), 1, 0, 10, 20, true, false},
		{"text, reset", alone().send("a").close(reassembly.EndRST), 1, 0, 10, 10, false, true},
		{"text, taken over", alone().send("a").close(reassembly.EndReuse), 1, 0, 10, 10, false, true},
		{"requests", alone().send(getA, getB).fin(), 1, 0, 10, 20, false, true},
		{"TLS", alone().send(record(22, 4), record(23, 6)).fin(), 1, 0, 10, 20, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.h.content()
			if c.Data.Ref.Packet != tt.packet || c.Data.Ack != tt.heard || c.Data.Nanos != tt.first || c.LastNanos != tt.last {
				t.Errorf("first byte in packet %d at %d having heard %d, last at %d, want packet %d at %d, %d, %d",
					c.Data.Ref.Packet, c.Data.Nanos, c.Data.Ack, c.LastNanos, tt.packet, tt.first, tt.heard, tt.last)
			}
			if c.Open != tt.open || c.Start != tt.isStarted {
				t.Errorf("open %v, from the start %v, want %v, %v", c.Open, c.Start, tt.open, tt.isStarted)
			}
		})
	}
}

// After its end a half is of no interest, but for when its last packet came.
func TestAfterTheEnd(t *testing.T) {
	h := alone().send(getA).fin().send(getB)
	if h.skip != scan.Unwanted {
		t.Errorf("%d more bytes are unwanted, want all", h.skip)
	}
	h.check(t, "GET /a, bytes 0/0-30-30, packets 1-1, complete, body 0 (7)")
	if got := h.content().LastNanos; got != 30 {
		t.Errorf("last packet at %d, want 30", got)
	}
	h.send(getB)
	if got := h.content().LastNanos; got != 40 || h.unread != 30 {
		t.Errorf("last packet at %d and %d bytes passed over, want 40 and 30", got, h.unread)
	}
	h.lose(4).fin()
	if c := h.content(); c.Lost != 4 || !c.Ragged {
		t.Errorf("%d bytes lost, ragged %v, want 4 and true", c.Lost, c.Ragged)
	}
}

// The state of one half leaves nothing behind for the next.
func TestHalvesFollowEachOther(t *testing.T) {
	s := scan.New(nil, nil)
	first := []func(h *half) *half{
		func(h *half) *half { return h.send(getA, postA+"0123").fin() },
		func(h *half) *half { return h.send("some text").lose(4).close(reassembly.EndOpen) },
		func(h *half) *half { return h.send(record(22, 40), record(23, 50)).fin() },
		func(h *half) *half { return h.send("GET /cut off").cut(40).close(reassembly.EndOpen) },
		func(h *half) *half { return h.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").close(reassembly.EndOpen) },
		func(h *half) *half { return h.send(getA[:10]).close(reassembly.EndOpen) },
	}
	id := reassembly.HalfID(0)
	for _, play := range first {
		id++
		play(open(s, id, true))
		id++
		h := open(s, id, true).send(ok5, "01", "234").fin()
		h.check(t, "200, bytes 0/0-38-43, packets 1-3, complete, has body, body 5 (7)")
		h.proto(t, scan.ProtoResponses)
	}
}

// Halves that are open at the same time do not disturb each other, in whatever
// order they end.
func TestHalvesAreInterleaved(t *testing.T) {
	s := scan.New(nil, nil)
	var hs []*half
	for id := range reassembly.HalfID(6) {
		hs = append(hs, open(s, id+1, true))
	}
	for _, piece := range []string{postA, "012", "345", "6789" + getA} {
		for _, h := range hs {
			h.send(piece)
		}
	}
	for _, i := range []int{3, 0, 5, 1, 4, 2} {
		hs[i].fin()
		h := open(s, reassembly.HalfID(len(hs)+1), true).send(getB[:20])
		hs = append(hs, h)
	}
	for _, h := range hs[6:] {
		h.send(getB[20:]).fin()
	}
	for i, h := range hs {
		if i < 6 {
			h.check(t, "POST /a, bytes 0/0-40-50, packets 1-4, complete, has body, body 10 (7)", "GET /a, bytes 50/50-80-80, packets 4-4, complete, body 0 (7)")
		} else {
			h.check(t, "GET /b, bytes 0/0-30-30, packets 1-2, complete, body 0 (7)")
		}
	}
}
