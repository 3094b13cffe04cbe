package scan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A half plays the part of reassembly for one half: what it is told becomes
// events of a scan, each the matter of one packet. Packets are numbered from 1 and
// stand ten nanoseconds apart, so that packet 3 has the time 30.
type half struct {
	s      *scan.Scan
	id     reassembly.HalfID
	off    int64        // of the next byte
	ack    uint32       // what its sender has heard of the other side
	packet uint32       // the last one
	skip   int64        // bytes that the scan does not want
	unread int64        // bytes that it has not been shown
	time   capture.Time // of the packets; 0 = their number tells it
}

// alone opens a half of a scan of its own, from its first byte on.
func alone() *half { return open(scan.New(nil, nil), 1, true) }

// midway opens a half of a scan of its own, of which nobody has seen the SYN.
func midway() *half { return open(scan.New(nil, nil), 1, false) }

// pair opens two halves that answer each other.
func pair() (req, resp *half) {
	s := scan.New(nil, nil)
	req, resp = open(s, 1, true), open(s, 2, true)
	s.Bind(1, 2)
	return req, resp
}

func open(s *scan.Scan, id reassembly.HalfID, syn bool) *half {
	h := &half{s: s, id: id}
	s.Open(id, syn, h.at(0))
	return h
}

// at says where the packet at hand stands.
func (h *half) at(off int64) reassembly.At {
	at := reassembly.At{Half: h.id, Off: off, Ack: h.ack, Time: capture.Time(h.packet) * 10}
	if at.Ref = (capture.Ref{Packet: h.packet}); h.time != 0 {
		at.Time = h.time
	}
	return at
}

// send shows the scan the next bytes, each string in a packet, but for those that
// it does not want.
func (h *half) send(packets ...string) *half {
	for _, p := range packets {
		h.packet++
		if n := min(h.skip, int64(len(p))); n > 0 {
			h.pass(n)
			p = p[n:]
		}
		if p != "" {
			at := h.at(h.off)
			h.off += int64(len(p))
			h.skip = h.s.Bytes(at, []byte(p))
		}
	}
	return h
}

// pass passes over bytes that the scan did not want.
func (h *half) pass(n int64) {
	h.s.Skip(h.at(h.off), n)
	h.off, h.unread = h.off+n, h.unread+n
	if h.skip != scan.Unwanted {
		h.skip -= n
	}
}

// again sends a packet with the time of an earlier one, as what a capture shows
// out of order has.
func (h *half) again(time capture.Time, p string) *half { return h.stamp(time).send(p).stamp(0) }

// stamp gives the packets that follow a time; with 0 their number tells it again.
func (h *half) stamp(time capture.Time) *half {
	h.time = time
	return h
}

// lose has n bytes missing before the next packet.
func (h *half) lose(n int64) *half { return h.gap(n, reassembly.GapLost, h.packet+1) }

// cut has the snapshot length cut n bytes off the last packet.
func (h *half) cut(n int64) *half { return h.gap(n, reassembly.GapSnaplen, h.packet) }

func (h *half) gap(n int64, why reassembly.GapKind, packet uint32) *half {
	last := h.packet
	h.packet = packet
	at := h.at(h.off)
	h.s.Gap(at, n, why, at.Ref)
	h.packet = last
	h.off += n
	if h.skip != scan.Unwanted {
		h.skip = max(h.skip-n, 0)
	}
	return h
}

// hear has the sender receive n bytes of the other side.
func (h *half) hear(n uint32) *half {
	h.ack += n
	return h
}

// close ends the half, with a packet of its own if it is not left open.
func (h *half) close(how reassembly.End) *half {
	at := reassembly.At{Half: h.id, Off: h.off, Time: capture.Time(h.packet) * 10}
	if how != reassembly.EndOpen {
		h.packet++
		at = h.at(h.off)
	}
	h.s.Close(h.id, how, at)
	return h
}

// fin ends the half as its sender means it.
func (h *half) fin() *half { return h.close(reassembly.EndFIN) }

// content returns what the scan keeps of the half.
func (h *half) content() *scan.Content { return h.s.Contents.At(uint32(h.id)) }

// messages lists the messages of the half, whatever they are.
func (h *half) messages() []*scan.Message {
	return scan.ListMessages(h.s, h.content(), h.content().Proto)
}

// message returns the only message of the half.
func (h *half) message(t *testing.T) *scan.Message {
	t.Helper()
	ms := h.messages()
	if len(ms) != 1 {
		t.Fatalf("%d messages, want one: %q", len(ms), h.lines())
	}
	return ms[0]
}

var flagNames = []struct {
	flag scan.Flags
	name string
}{
	{scan.MsgComplete, "complete"}, {scan.MsgResync, "resync"}, {scan.MsgPartial, "partial"}, {scan.MsgNoLine, "no line"},
	{scan.MsgLooseID, "loose id"}, {scan.MsgConnect, "connect"}, {scan.MsgHasBody, "has body"}, {scan.MsgCut, "cut"},
	{scan.MsgProbe, "probe"}, {scan.MsgHidden, "hidden"}, {scan.MsgOpen, "open"}, {scan.MsgEndLost, "end lost"},
}

// lines describes the messages of the half, one line each: what they say, their
// offsets (that of the end before, start, end of head, end), the packets that
// they came in, what was heard by then, flags, and what is known of the body.
func (h *half) lines() []string {
	var out []string
	for _, m := range h.messages() {
		s := fmt.Sprint(m.Status)
		if m.Is(scan.MsgRequest) {
			s = h.s.Text.String(m.Method) + " " + h.s.Text.String(m.Target)
		}
		s += fmt.Sprintf(", bytes %d/%d-%d-%d, packets %d-%d", m.Before, m.Start, m.HeadEnd, m.End, m.From.Ref.Packet, m.To.Ref.Packet)
		if m.From.Ack != 0 || m.To.Ack != 0 {
			s += fmt.Sprintf(", heard %d-%d", m.From.Ack, m.To.Ack)
		}
		for _, f := range flagNames {
			if m.Is(f.flag) {
				s += ", " + f.name
			}
		}
		out = append(out, s+", "+printed(m.Body))
	}
	return out
}

// printed describes what is known of a body: its length, and how much was seen.
func printed(p fingerprint.Print) string {
	length := fmt.Sprint(p.Len)
	if p.Len == fingerprint.UnknownLen {
		length = "?"
	}
	return fmt.Sprintf("body %s (%d)", length, p.Known)
}

// check compares the messages of the half.
func (h *half) check(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(h.lines(), want); d != "" {
		t.Errorf("messages (-got +want):\n%s", d)
	}
}

// proto checks what the half turned out to be.
func (h *half) proto(t *testing.T, want scan.Proto) {
	t.Helper()
	if got := h.content().Proto; got != want {
		t.Errorf("the half is of kind %d, want %d", got, want)
	}
}

// text joins the lines of a head.
func text(lines ...string) string { return strings.Join(append(slices.Clone(lines), "", ""), "\r\n") }
