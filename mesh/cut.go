package mesh

import (
	"bytes"

	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
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
	at     instant
	prefix [maxPrefix]byte
	n      uint8
	begun  bool
}

// turnTo notes that p was sent and tells whether a new turn begins with it.
func (t *turn) turnTo(at reassembly.At, p []byte) bool {
	if t.begun && t.at.ack == at.Ack {
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
// turns.
func (s *scan) cutHead(l *live) {
	line := l.turn.startLine()
	kind := cutKind(line)
	if l.msg != 0 || l.cut || kind == protoNone {
		return
	}
	l.cut, l.raw = true, false
	l.record.proto = kind
	s.cutMessage(l)
}

// cutKind tells requests and responses by the beginning of a start line.
func cutKind(line []byte) protocol {
	if hasPrefix(line, "HTTP/1.") {
		return protoResponses
	}
	method, target, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(method) < 3 || len(target) == 0 || target[0] != '/' && target[0] != '*' && target[0] != 'h' {
		return protoNone
	}
	for _, c := range method {
		if c < 'A' || c > 'Z' {
			return protoNone
		}
	}
	return protoRequests
}

// cutMessage begins a message with the turn at hand.
func (s *scan) cutMessage(l *live) {
	i, m := s.messages.Add()
	m.start, m.from, m.serviceMillis = l.turn.off, l.turn.at, -1
	m.flags = msgCut | msgComplete
	m.body = fingerprint.Print{Len: fingerprint.UnknownLen}
	line := l.turn.startLine()
	if l.record.proto == protoRequests {
		m.flags |= msgRequest
		method, target, _ := bytes.Cut(line, []byte(" "))
		target, _, whole := bytes.Cut(target, []byte(" "))
		m.method, m.target = s.text.Keep(method), s.text.Keep(target)
		if whole {
			m.flags |= msgWholeLine
		}
	} else if len(line) >= 12 {
		m.status = uint16(max(atoi(line[9:12]), 0))
	}
	l.msg = i
	s.link(l.record, i)
	s.endCut(l, m.start)
}

// endCut moves the end of the message at hand to off.
func (s *scan) endCut(l *live, off int64) {
	m := s.messages.At(l.msg)
	m.end = off
	if l.at.nanos >= m.to.nanos { // else sent again
		m.to = l.at
	}
}

// feedCut reads a packet of a half that is read by turns. A turn that begins
// otherwise than a message goes on with the one before: a body that was waited
// for, or a tunnel.
func (s *scan) feedCut(l *live, fresh bool) {
	if fresh && cutKind(l.turn.startLine()) == l.record.proto {
		s.cutMessage(l)
	}
	s.endCut(l, l.segEnd)
}

// sameLine tells whether the request lines of two messages, of which one or
// both may be cut or unknown, can be the same.
func sameLine(s *scan, m *message, t *scan, n *message) bool {
	if m.method.Len() > 0 && n.method.Len() > 0 && !bytes.Equal(s.text.Bytes(m.method), t.text.Bytes(n.method)) {
		return false
	}
	a, b := s.text.Bytes(m.target), t.text.Bytes(n.target)
	if m.wholeTarget() && len(b) > len(a) || n.wholeTarget() && len(a) > len(b) {
		return false
	}
	k := min(len(a), len(b))
	return bytes.Equal(a[:k], b[:k])
}

// wholeTarget tells whether the request target was captured whole.
func (m *message) wholeTarget() bool { return m.hasLine() || m.is(msgWholeLine) }
