package scan

import (
	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// An Instant is a moment of a half: the packet that carried a byte, its time,
// and how much of the other side its sender had received by then.
type Instant struct {
	Nanos int64
	Ref   capture.Ref
	Ack   uint32 // raw acknowledgement number
}

func instantOf(at reassembly.At) Instant { return Instant{int64(at.Time), at.Ref, at.Ack} }

// A Message is one HTTP request or response of a half, without its content:
// where it stands, when it went by, and what tells it from others.
type Message struct {
	Next                uint32 // next message of the same half; 0 = last
	h2                  uint32 // index into Scan.muxed; 0 = none
	Before              int64  // stream offset where the message before ended; interim responses stand between. Of HTTP/2: end less what its own frames take
	Start, HeadEnd, End int64  // stream offsets of the half
	From, To            Instant

	Method, Target, Host, ID arena.Span // request line and x-request-id
	Forwarded                arena.Span // x-forwarded-for; of a CONNECT in HTTP/2 forwarded
	Fields                   FieldRange
	Trace                    uint64 // hash of the trace id of traceparent or b3; 0 = none
	ServiceMillis            int32  // x-envoy-upstream-service-time; -1 = none
	Status                   uint16 // 0 for requests
	Flags                    Flags
	Body                     fingerprint.Print
}

// Flags say what is known of a message.
type Flags uint16

const (
	MsgRequest   Flags = 1 << iota
	MsgComplete        // its end is known; of its body bytes may be missing
	MsgResync          // messages before it may have been missed
	MsgPartial         // of HTTP/2: some header fields are unknown
	MsgNoLine          // of HTTP/2: so is the request line, or what is known of the head at all
	MsgLooseID         // of HTTP/2: the id is the value of a field whose name is unknown
	msgNoBody          // a response read as the answer to HEAD
	MsgConnect         // a response read as the answer to CONNECT
	MsgHasBody         // the head announces a body
	MsgCut             // read by turns: the head is cut
	msgWholeLine       // of a cut request: the target is whole
	MsgProbe           // sent by kubelet or by the agent in its name
	MsgHidden          // of an exchange that cannot be read: told by turns, without content
	MsgOpen            // the capture ended before it did: it is complete up to there
	MsgEndLost         // its last bytes are missing: To is when the last one before them went by
	MsgByEnvoy         // its head has what Envoy writes into what it sends
)

// Is reports whether m has a flag.
func (m *Message) Is(f Flags) bool { return m.Flags&f != 0 }

// Ended reports whether the last byte of m was seen, so that To is when it went by.
func (m *Message) Ended() bool { return m.Is(MsgComplete) && !m.Is(MsgOpen|MsgEndLost) }

// HasLine reports whether the request line of m is known whole.
func (m *Message) HasLine() bool { return m.Flags&(MsgCut|MsgNoLine) == 0 }

// A FieldRange names the fields of one head in Scan.Fields.
type FieldRange struct{ First, N uint32 }

// A Field is one header field as two hashes: enough to report whether two heads
// have it in common, without keeping it.
type Field struct{ Name, Value uint32 }

// maxFields bounds what is kept of one head; the rest does not count as evidence.
const maxFields = 64

// readHead fills m from a complete head.
func (s *Scan) readHead(m *Message, h *http1.Head) {
	m.Start, m.HeadEnd, m.ServiceMillis = h.Off, h.EndOff, -1
	m.Fields.First = uint32(s.Fields.Len())
	if h.Request {
		m.Flags |= MsgRequest
		m.Method, m.Target = s.Text.Keep(h.Method), s.Text.Keep(h.Target)
	}
	m.Status = uint16(h.Status)
	if h.Chunked || h.ContentLength > 0 {
		m.Flags |= MsgHasBody
	}
	for name, value := range h.Fields {
		s.readField(m, name, value)
	}
	s.sortFields(m.Fields)
}

// readField takes from one header field what ties messages together.
func (s *Scan) readField(m *Message, name, value []byte) {
	var buf [40]byte
	lower := AppendLower(buf[:0], name)
	switch string(lower) {
	case "host":
		m.Host = s.Text.Keep(value)
	case "x-request-id":
		m.ID = s.Text.Keep(value)
	case "x-forwarded-for":
		m.Forwarded = s.Text.Keep(value)
	case "user-agent":
		if hasPrefix(value, "kube-probe/") {
			m.Flags |= MsgProbe
		}
	case "x-envoy-upstream-service-time":
		m.ServiceMillis = atoi(value)
	case "x-envoy-expected-rq-timeout-ms": // into every request that it sends on
		if m.Is(MsgRequest) {
			m.Flags |= MsgByEnvoy
		}
	case "server":
		if v := string(value); !m.Is(MsgRequest) && (v == "envoy" || v == "istio-envoy") {
			m.Flags |= MsgByEnvoy
		}
	case "traceparent", "b3":
		m.Trace = traceID(value)
	case "x-b3-traceid":
		m.Trace = xxhash.Sum64(value)
	}
	if isOwn(lower) || m.Fields.N == maxFields {
		return
	}
	m.Fields.N++
	_, f := s.Fields.Add()
	*f = Field{uint32(xxhash.Sum64(lower)), uint32(xxhash.Sum64(value))}
}

// sortFields puts the fields of a head in the order of their hashes, so that
// two heads are compared in one walk. Heads are short: insertion sort.
func (s *Scan) sortFields(r FieldRange) {
	for i := r.First + 1; i < r.First+r.N; i++ {
		for j := i; j > r.First; j-- {
			a, b := s.Fields.At(j-1), s.Fields.At(j)
			if a.Name < b.Name || a.Name == b.Name && a.Value <= b.Value {
				break
			}
			*a, *b = *b, *a
		}
	}
}

// AppendLower appends the lower-case form of an ASCII field name, cut off
// where no name that matters is longer.
func AppendLower(dst, name []byte) []byte {
	for _, c := range name[:min(len(name), cap(dst))] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// atoi reads a decimal number of at most nine digits; -1 when b is none.
func atoi(b []byte) int32 {
	if len(b) == 0 || len(b) > 9 {
		return -1
	}
	n := int32(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int32(c-'0')
	}
	return n
}

// traceID returns a hash of the trace id in a W3C traceparent
// ("00-<trace id>-<span id>-01") or single-header b3 ("<trace id>-<span id>-1").
func traceID(v []byte) uint64 {
	if len(v) > 35 && v[2] == '-' && v[35] == '-' {
		return xxhash.Sum64(v[3:35])
	}
	for i, c := range v {
		if c == '-' {
			return xxhash.Sum64(v[:i])
		}
	}
	return 0
}

// Head implements http1.Handler.
func (s *Scan) Head(h *http1.Head) http1.BodyRule {
	l := s.pass
	if h.Informational() {
		return http1.BodyNormal
	}
	i, m := s.messages.Add()
	s.readHead(m, h)
	m.From = l.head
	if h.Off >= l.segOff || !l.hasHead {
		m.From = l.at
	}
	l.msg = i
	l.raw, l.turns = false, nil // known by its messages: no fingerprint of the whole is needed
	s.link(l.content, i)
	if h.Resync {
		m.Flags |= MsgResync
	}
	l.content.Proto = ProtoResponses
	if h.Request {
		l.content.Proto = ProtoRequests
		return http1.BodyNormal
	}
	rule := s.bodyRule(l, m)
	switch rule {
	case http1.BodyNone:
		m.Flags |= msgNoBody
	case http1.BodyConnect:
		m.Flags |= MsgConnect
	}
	return rule
}

// link appends message i to the list of its half.
func (s *Scan) link(r *Content, i uint32) {
	m := s.messages.At(i)
	m.Before = m.Start
	if r.last == 0 {
		r.first = i
		if r.Start {
			m.Before = 0
		}
	} else {
		last := s.messages.At(r.last)
		last.Next = i
		if last.Is(MsgComplete) {
			m.Before = last.End
		}
	}
	r.last = i
	r.count++
}

// bodyRule returns what the response at hand answers, if the request is known
// already. Otherwise the scanner guesses; the half is read again when that
// proves wrong.
func (s *Scan) bodyRule(l *live, resp *Message) http1.BodyRule {
	if s.Asked != nil {
		return s.Asked(l.half, resp)
	}
	p := s.partner(l.half)
	if p == 0 {
		return http1.BodyGuess
	}
	r := s.Contents.At(uint32(p))
	if !r.Start || r.Proto != ProtoRequests {
		return http1.BodyGuess
	}
	next := r.first
	if l.answered != 0 {
		next = s.messages.At(l.answered).Next
	}
	if next == 0 {
		return http1.BodyGuess
	}
	l.answered = next
	return RuleOf(s.Text.Bytes(s.messages.At(next).Method))
}

// RuleOf returns the rule for the response to a request with the given method
// (RFC 9112 §6.3).
func RuleOf(method []byte) http1.BodyRule {
	switch string(method) {
	case "HEAD":
		return http1.BodyNone
	case "CONNECT":
		return http1.BodyConnect
	}
	return http1.BodyNormal
}

// End implements http1.Handler.
func (s *Scan) End(e *http1.Message) {
	l := s.pass
	l.hasHead = e.End < l.segEnd
	l.head = l.at
	if e.Informational || l.msg == 0 {
		return
	}
	m := s.messages.At(l.msg)
	l.msg = 0
	m.End, m.To, m.Body = e.End, l.at, e.Body
	switch {
	case e.End > l.segOff && l.lost:
		m.Flags |= MsgEndLost
		m.To = l.last
	case e.End <= l.segOff && l.last.Nanos != 0: // found out by what comes after it
		m.To = l.last
	}
	if m.To.Nanos < m.From.Nanos { // the first packet was sent again, after the last
		m.To = m.From
	}
	if e.Complete {
		m.Flags |= MsgComplete
	}
	if e.Resync {
		m.Flags |= MsgResync
	}
}

// Tunnel implements http1.Handler.
func (s *Scan) Tunnel(off int64) { s.pass.content.Tunnel = off }

// ListMessages lists the messages of a half, none if it carries others.
func ListMessages(s *Scan, r *Content, want Proto) []*Message {
	if r.Proto != want {
		return nil
	}
	var ms []*Message
	for i := r.first; i != 0; {
		m := s.messages.At(i)
		ms = append(ms, m)
		i = m.Next
	}
	return ms
}

// Length returns the length of a message on its leg, with the interim
// responses before it.
func (m *Message) Length() Sizes {
	switch {
	case !m.Is(MsgComplete):
		return nil
	case m.Is(MsgResync), m.Is(MsgCut):
		return Sizes{m.End - m.Start}
	}
	return Sizes{m.End - m.Before}
}

// Framing returns how many bytes of a message of HTTP/1.1 frame its chunks; 0 if it has
// none, or that is not known.
func (m *Message) Framing() int64 {
	if !m.Is(MsgComplete) || m.Is(MsgOpen) || m.HeadEnd == 0 || m.Body.Len == fingerprint.UnknownLen {
		return 0
	}
	return max(m.End-m.HeadEnd-m.Body.Len, 0)
}

// Sizes are the plaintext lengths that a range of a sealed direction may have,
// the likeliest first; none when that is not known.
type Sizes []int64
