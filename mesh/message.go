package mesh

import (
	"github.com/cespare/xxhash/v2"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/arena"
	"github.com/pcapmesh/pcapmesh/internal/fingerprint"
	"github.com/pcapmesh/pcapmesh/internal/http1"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// An instant is a moment of a half: the packet that carried a byte, its time,
// and how much of the other side its sender had received by then.
type instant struct {
	nanos int64
	ref   capture.Ref
	ack   uint32 // raw acknowledgement number
}

func instantOf(at reassembly.At) instant { return instant{at.Nanos, at.Ref, at.Ack} }

// A message is one HTTP request or response of a half, without its content:
// where it stands, when it went by, and what tells it from others.
type message struct {
	next                uint32 // next message of the same half; 0 = last
	h2                  uint32 // index into scan.muxed; 0 = none
	before              int64  // stream offset where the message before ended; interim responses stand between. Of HTTP/2: end less what its own frames take
	start, headEnd, end int64  // stream offsets of the half
	from, to            instant

	method, target, host, id arena.Span // request line and x-request-id
	forwarded                arena.Span // x-forwarded-for
	fields                   fieldRange
	trace                    uint64 // hash of the trace id of traceparent or b3; 0 = none
	serviceMillis            int32  // x-envoy-upstream-service-time; -1 = none
	status                   uint16 // 0 for requests
	flags                    messageFlags
	body                     fingerprint.Print
}

type messageFlags uint16

const (
	msgRequest   messageFlags = 1 << iota
	msgComplete               // neither head nor body is missing bytes or cut off
	msgResync                 // messages before it may have been missed
	msgPartial                // of HTTP/2: some header fields are unknown
	msgNoLine                 // of HTTP/2: so is the request line, or what is known of the head at all
	msgLooseID                // of HTTP/2: the id is the value of a field whose name is unknown
	msgNoBody                 // a response read as the answer to HEAD
	msgConnect                // a response read as the answer to CONNECT
	msgHasBody                // the head announces a body
	msgCut                    // read by turns: the head is cut
	msgWholeLine              // of a cut request: the target is whole
	msgProbe                  // sent by kubelet or by the agent in its name
	msgHidden                 // of an exchange that cannot be read: told by turns, without content
	msgOpen                   // the capture ended before it did: it is complete up to there
)

func (m *message) is(f messageFlags) bool { return m.flags&f != 0 }

// hasLine tells whether the request line of m is known whole.
func (m *message) hasLine() bool { return m.flags&(msgCut|msgNoLine) == 0 }

// A fieldRange names the fields of one head in scan.fields.
type fieldRange struct{ first, n uint32 }

// A field is one header field as two hashes: enough to tell whether two heads
// have it in common, without keeping it.
type field struct{ name, value uint32 }

// hopFields are the fields that each connection has for itself (RFC 9110
// §7.6.1) or that name the framing, so they say nothing about the other leg.
var hopFields = map[string]bool{
	"connection": true, "keep-alive": true, "te": true, "trailer": true,
	"transfer-encoding": true, "content-length": true, "upgrade": true,
	"proxy-connection": true, "proxy-authorization": true, "proxy-authenticate": true,
	"http2-settings": true, "x-request-id": true, "date": true, "server": true,
}

// maxFields bounds what is kept of one head; the rest does not count as evidence.
const maxFields = 64

// readHead fills m from a complete head.
func (s *scan) readHead(m *message, h *http1.Head) {
	m.start, m.headEnd, m.serviceMillis = h.Off, h.EndOff, -1
	m.fields.first = uint32(s.fields.Len())
	if h.Request {
		m.flags |= msgRequest
		m.method, m.target = s.text.Keep(h.Method), s.text.Keep(h.Target)
	}
	m.status = uint16(h.Status)
	if h.Chunked || h.ContentLength > 0 {
		m.flags |= msgHasBody
	}
	for name, value := range h.Fields {
		s.readField(m, name, value)
	}
	s.sortFields(m.fields)
}

// readField takes from one header field what ties messages together.
func (s *scan) readField(m *message, name, value []byte) {
	var buf [40]byte
	lower := appendLower(buf[:0], name)
	switch string(lower) {
	case "host":
		m.host = s.text.Keep(value)
	case "x-request-id":
		m.id = s.text.Keep(value)
	case "x-forwarded-for":
		m.forwarded = s.text.Keep(value)
	case "user-agent":
		if hasPrefix(value, "kube-probe/") {
			m.flags |= msgProbe
		}
	case "x-envoy-upstream-service-time":
		m.serviceMillis = atoi(value)
	case "traceparent", "b3":
		m.trace = traceID(value)
	case "x-b3-traceid":
		m.trace = xxhash.Sum64(value)
	}
	if hopFields[string(lower)] || m.fields.n == maxFields {
		return
	}
	m.fields.n++
	_, f := s.fields.Add()
	*f = field{uint32(xxhash.Sum64(lower)), uint32(xxhash.Sum64(value))}
}

// sortFields puts the fields of a head in the order of their hashes, so that
// two heads are compared in one walk. Heads are short: insertion sort.
func (s *scan) sortFields(r fieldRange) {
	for i := r.first + 1; i < r.first+r.n; i++ {
		for j := i; j > r.first; j-- {
			a, b := s.fields.At(j-1), s.fields.At(j)
			if a.name < b.name || a.name == b.name && a.value <= b.value {
				break
			}
			*a, *b = *b, *a
		}
	}
}

// appendLower appends the lower-case form of an ASCII field name, cut off
// where no name that matters is longer.
func appendLower(dst, name []byte) []byte {
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
func (s *scan) Head(h *http1.Head) http1.BodyRule {
	l := s.pass
	if h.Informational() {
		return http1.BodyNormal
	}
	i, m := s.messages.Add()
	s.readHead(m, h)
	m.from = l.head
	if h.Off >= l.segOff || !l.hasHead {
		m.from = l.at
	}
	l.msg = i
	l.raw, l.turns = false, nil // known by its messages: no fingerprint of the whole is needed
	s.link(l.record, i)
	if h.Resync {
		m.flags |= msgResync
	}
	l.record.proto = protoResponses
	if h.Request {
		l.record.proto = protoRequests
		return http1.BodyNormal
	}
	rule := s.bodyRule(l, m)
	switch rule {
	case http1.BodyNone:
		m.flags |= msgNoBody
	case http1.BodyConnect:
		m.flags |= msgConnect
	}
	return rule
}

// link appends message i to the list of its half.
func (s *scan) link(r *halfFacts, i uint32) {
	m := s.messages.At(i)
	m.before = m.start
	if r.last == 0 {
		r.first = i
		if r.start {
			m.before = 0
		}
	} else {
		last := s.messages.At(r.last)
		last.next = i
		if last.is(msgComplete) {
			m.before = last.end
		}
	}
	r.last = i
	r.count++
}

// bodyRule returns what the response at hand answers, if the request is known
// already. Otherwise the scanner guesses; the half is read again when that
// proves wrong.
func (s *scan) bodyRule(l *live, resp *message) http1.BodyRule {
	if s.asked != nil {
		return s.asked(l.half, resp)
	}
	p := s.partner(l.half)
	if p == 0 {
		return http1.BodyGuess
	}
	r := s.records.At(uint32(p))
	if !r.start || r.proto != protoRequests {
		return http1.BodyGuess
	}
	next := r.first
	if l.answered != 0 {
		next = s.messages.At(l.answered).next
	}
	if next == 0 {
		return http1.BodyGuess
	}
	l.answered = next
	return ruleOf(s.text.Bytes(s.messages.At(next).method))
}

// ruleOf returns the rule for the response to a request with the given method
// (RFC 9112 §6.3).
func ruleOf(method []byte) http1.BodyRule {
	switch string(method) {
	case "HEAD":
		return http1.BodyNone
	case "CONNECT":
		return http1.BodyConnect
	}
	return http1.BodyNormal
}

// End implements http1.Handler.
func (s *scan) End(e *http1.Message) {
	l := s.pass
	l.hasHead = e.End < l.segEnd
	l.head = l.at
	if e.Informational || l.msg == 0 {
		return
	}
	m := s.messages.At(l.msg)
	l.msg = 0
	m.end, m.to, m.body = e.End, l.at, e.Body
	if e.End <= l.segOff && l.last.nanos != 0 { // found out by what comes after it
		m.to = l.last
	}
	if m.to.nanos < m.from.nanos { // the first packet was sent again, after the last
		m.to = m.from
	}
	if e.Complete {
		m.flags |= msgComplete
	}
	if e.Resync {
		m.flags |= msgResync
	}
}

// Tunnel implements http1.Handler.
func (s *scan) Tunnel(off int64) { s.pass.record.tunnel = off }
