package scan

import (
	"bytes"

	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A small snapshot length (tcpdump -s 96) leaves of every message only the
// first bytes of each packet: heads cannot be read. Then messages are told
// apart by turns: a sender whose acknowledgement number went forward has
// received something since its last packet, so a new message begins. What is
// left of the start line tells them from each other.

// maxPrefix is how many bytes of a cut message are kept.
const maxPrefix = 64

// A turn is the packets that a side sends without hearing from the other.
type turn struct {
	off    int64
	at     Instant
	prefix [maxPrefix]byte
	n      uint8
	begun  bool
}

// turnTo notes that p was sent and reports whether a new turn begins with it.
func (t *turn) turnTo(at reassembly.At, p []byte) bool {
	if t.begun && t.at.Ack == at.Ack {
		return false
	}
	*t = turn{off: at.Off, at: instantOf(at), begun: true}
	t.n = uint8(copy(t.prefix[:], p))
	return true
}

// startLine returns what is left of the start line that begins the turn.
func (t *turn) startLine() []byte {
	line, _, _ := bytes.Cut(t.prefix[:t.n], []byte("\r"))
	return line
}

// cutHead handles a packet cut inside a head: from here on the half is read by
// turns. If the turn began with a message that was read whole, what is cut comes
// after it, and its start line was not kept.
func (s *Scan) cutHead(l *live) {
	line := l.turn.startLine()
	kind := cutKind(line)
	read := l.content.last != 0 && s.messages.At(l.content.last).End > l.turn.off
	if l.msg != 0 || l.cut || kind == ProtoNone || read {
		return
	}
	l.cut, l.raw = true, false
	l.content.Proto = kind
	s.cutMessage(l)
}

// cutKind tells requests and responses by the beginning of a start line.
func cutKind(line []byte) Proto {
	if hasPrefix(line, "HTTP/1.") {
		return ProtoResponses
	}
	method, target, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(method) < 3 || len(target) == 0 || target[0] != '/' && target[0] != '*' && target[0] != 'h' {
		return ProtoNone
	}
	for _, c := range method {
		if c < 'A' || c > 'Z' {
			return ProtoNone
		}
	}
	return ProtoRequests
}

// cutMessage begins a message with the turn at hand.
func (s *Scan) cutMessage(l *live) {
	i, m := s.messages.Add()
	m.Start, m.From, m.ServiceMillis = l.turn.off, l.turn.at, -1
	m.Flags = MsgCut | MsgComplete
	m.Body = fingerprint.Print{Len: fingerprint.UnknownLen}
	line := l.turn.startLine()
	if l.content.Proto == ProtoRequests {
		m.Flags |= MsgRequest
		method, target, _ := bytes.Cut(line, []byte(" "))
		target, _, whole := bytes.Cut(target, []byte(" "))
		m.Method, m.Target = s.Text.Keep(method), s.Text.Keep(target)
		if whole {
			m.Flags |= msgWholeLine
		}
	} else if len(line) >= 12 {
		m.Status = uint16(max(atoi(line[9:12]), 0))
	}
	l.msg = i
	s.link(l.content, i)
	s.endCut(l, m.Start)
}

// endCut moves the end of the message at hand to off.
func (s *Scan) endCut(l *live, off int64) {
	m := s.messages.At(l.msg)
	m.End = off
	if l.at.Nanos >= m.To.Nanos { // else sent again
		m.To = l.at
	}
}

// feedCut reads a packet of a half that is read by turns. A turn that begins
// otherwise than a message goes on with the one before: a body that was waited
// for, or a tunnel.
func (s *Scan) feedCut(l *live, fresh bool) {
	if fresh && cutKind(l.turn.startLine()) == l.content.Proto {
		s.cutMessage(l)
	}
	s.endCut(l, l.segEnd)
}

// SameLine reports whether the request lines of two messages, of which one or
// both may be cut or unknown, can be the same.
func SameLine(s *Scan, m *Message, t *Scan, n *Message) bool {
	if m.Method.Len() > 0 && n.Method.Len() > 0 && !bytes.Equal(s.Text.Bytes(m.Method), t.Text.Bytes(n.Method)) {
		return false
	}
	a, b := s.Text.Bytes(m.Target), t.Text.Bytes(n.Target)
	if m.wholeTarget() && len(b) > len(a) || n.wholeTarget() && len(a) > len(b) {
		return false
	}
	k := min(len(a), len(b))
	return bytes.Equal(a[:k], b[:k])
}

// wholeTarget reports whether the request target was captured whole.
func (m *Message) wholeTarget() bool { return m.HasLine() || m.Is(msgWholeLine) }
