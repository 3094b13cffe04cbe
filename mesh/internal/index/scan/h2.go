package scan

import (
	"math"

	"github.com/pcapmesh/pcapmesh/internal/wire/http2"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// IsH2 reports whether a half is HTTP/2, whichever side's.
func (p Proto) IsH2() bool { return p >= protoH2 }

// A H2Message is what pass 1 keeps of a message of HTTP/2 beside message.
type H2Message struct {
	Stream uint32
	GRPC   int32 // messages of a gRPC call; -1 = it is none
	Status int32 // grpc-status; -1 = none
}

// An h2Reading is the state needed only while a half of HTTP/2 is being read.
type h2Reading struct {
	scanner http2.Scanner
	began   int64 // offset of the frame, or first frame of a header block, at hand after the last packet
	at      Instant
	adrift  bool   // frame headers are being looked for
	cookie  []byte // the crumbs of the head at hand
	name    []byte // memory for names and values
	value   []byte
}

// speaksH2 reports whether a half that begins with p is HTTP/2, and whose.
func (s *Scan) speaksH2(h reassembly.HalfID, p []byte) Proto {
	switch http2.Looks(p, s.Contents.At(uint32(h)).Start) {
	case http2.Requests:
		return ProtoH2Requests
	case http2.Responses:
		return ProtoH2Responses
	case http2.Unknown:
		return protoH2
	}
	other := s.partner(h)
	if other != 0 && s.Contents.At(uint32(other)).Proto.IsH2() || s.KnownH2 != nil && s.KnownH2(h) {
		return protoH2
	}
	return ProtoNone
}

// beginH2 makes l read HTTP/2. A client's preface begins a connection, even if
// its SYN was not captured.
func (s *Scan) beginH2(l *live, p Proto) {
	l.content.Proto = p
	l.plain = false
	l.h2 = &h2Reading{began: -1}
	l.h2.scanner.Reset(&s.frames, l.content.Start || p == ProtoH2Requests)
}

// feedH2 reads bytes of a half that is HTTP/2.
func (s *Scan) feedH2(l *live, at reassembly.At, p []byte) int64 {
	q := l.h2
	skip := q.scanner.Feed(at.Off, p, (*h2Scan)(s))
	if b := q.scanner.Began(); b != q.began {
		q.began, q.at = b, l.at
	}
	s.sideH2(l)
	l.drift()
	if l.raw {
		l.sampler.Write(p)
		return 0
	}
	return skip
}

// sideH2 notes whose half it is, once that is known.
func (s *Scan) sideH2(l *live) {
	switch l.h2.scanner.Kind() {
	case http2.Requests:
		l.content.Proto = ProtoH2Requests
	case http2.Responses:
		l.content.Proto = ProtoH2Responses
	case http2.NotHTTP2:
		l.content.Proto, l.plain, l.h2 = ProtoTCP, true, nil
	}
}

// gapH2 passes over n missing bytes of a half that is HTTP/2.
func (s *Scan) gapH2(l *live, at reassembly.At, n int64, why reassembly.GapKind) {
	l.h2.scanner.Gap(at.Off, n, (*h2Scan)(s))
	l.drift()
	if l.raw {
		l.sampler.Gap(n)
	}
	if l.turns != nil {
		s.missHeard(l, at, n, why)
	}
}

// drift notes when frames may have been missed.
func (l *live) drift() {
	if l.h2 == nil {
		return
	}
	r := l.content
	adrift := l.h2.scanner.Seeking()
	if adrift && r.Adrift.From == 0 {
		r.Adrift.From = min(l.last.Nanos, l.at.Nanos)
		if l.last.Nanos == 0 {
			r.Adrift.From = l.at.Nanos
		}
	}
	if adrift || l.h2.adrift {
		r.Adrift.To = max(r.Adrift.To, l.at.Nanos)
	}
	l.h2.adrift = adrift
}

// closeH2 ends the reading of a half at offset off.
func (s *Scan) closeH2(l *live, off int64) {
	l.h2.scanner.Close(off, (*h2Scan)(s))
	l.content.Unknown = l.h2.scanner.Lossy()
	l.content.Unframed = l.h2.scanner.Lost()
	if l.h2.adrift {
		l.content.Adrift.To = math.MaxInt64
	}
	l.h2 = nil
}

// An h2Scan is a scan as what an HTTP/2 scanner tells.
type h2Scan Scan

// Headers implements http2.Handler.
func (q *h2Scan) Headers(h *http2.Headers) uint32 {
	s := (*Scan)(q)
	l := s.pass
	if h.Promise || h.Informational || h.Trailers {
		return 0
	}
	i, m := s.messages.Add()
	m.Start, m.HeadEnd, m.Before, m.ServiceMillis = h.Off, h.EndOff, h.Off, -1
	m.From, m.To = l.at, l.at
	if h.Off < l.segOff && h.Off == l.h2.began {
		m.From = l.h2.at
	}
	s.readHeaders(m, h)
	s.linkH2(l, i)
	return i
}

// linkH2 appends message i to the list of its half, which is known by its
// messages from then on.
func (s *Scan) linkH2(l *live, i uint32) {
	k, more := s.muxed.Add()
	more.GRPC, more.Status = -1, -1
	s.messages.At(i).h2 = k
	l.raw, l.turns = false, nil
	if r := l.content; r.last == 0 {
		r.first = i
	} else {
		s.messages.At(r.last).Next = i
	}
	l.content.last = i
	l.content.count++
}

// readHeaders fills m from a head. Fields are kept as those of HTTP/1 are, with
// :authority in the place of Host, so that both can be compared.
func (s *Scan) readHeaders(m *Message, h *http2.Headers) {
	q := s.pass.h2
	m.Fields.First = uint32(s.Fields.Len())
	q.cookie = q.cookie[:0]
	if h.Request {
		m.Flags |= MsgRequest
	}
	if !h.EndStream {
		m.Flags |= MsgHasBody
	}
	for _, f := range h.Fields {
		s.readHeader(m, f)
	}
	if len(q.cookie) > 0 {
		s.readField(m, []byte("cookie"), q.cookie)
	}
	if m.Method.Len() > 0 && m.Target.Len() == 0 && string(s.Text.Bytes(m.Method)) == "CONNECT" {
		m.Target = m.Host // RFC 9113 §8.5
	}
	if h.Unknown {
		m.Flags |= MsgPartial
		if h.Headless || h.Request && (m.Method.Len() == 0 || m.Target.Len() == 0) {
			m.Flags |= MsgNoLine
		}
	}
	s.sortFields(m.Fields)
}

// readHeader takes from one field what ties messages together.
func (s *Scan) readHeader(m *Message, f http2.Field) {
	q := s.pass.h2
	q.name, q.value = append(q.name[:0], f.Name...), append(q.value[:0], f.Value...)
	switch {
	case f.Name == "":
		s.guessID(m, q.value)
	case f.Name[0] == ':':
		s.readPseudo(m, q.name, q.value)
	case f.Name == "cookie":
		q.crumb()
	case f.Name == "x-request-id":
		m.Flags &^= MsgLooseID
		s.readField(m, q.name, q.value)
	case f.Name == "forwarded" && string(s.Text.Bytes(m.Method)) == "CONNECT": // whose connection the tunnel carries
		m.Forwarded = s.Text.Keep(q.value)
	default:
		s.readField(m, q.name, q.value)
	}
}

// guessID takes the value of a field without a name for the request id if it
// looks like one. When it is equal to that of another exchange, the name does
// not matter; when it is not, that says nothing.
func (s *Scan) guessID(m *Message, value []byte) {
	if m.ID.Len() > 0 || len(value) != 36 {
		return
	}
	for i, c := range value {
		dash := i == 8 || i == 13 || i == 18 || i == 23 // RFC 9562 §4
		if hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f'; dash != (c == '-') || !dash && !hex {
			return
		}
	}
	m.ID = s.Text.Keep(value)
	m.Flags |= MsgLooseID
}

// crumb adds a part of a cookie: what crosses to HTTP/1 is one field (RFC 9113
// §8.2.3).
func (q *h2Reading) crumb() {
	if len(q.cookie) > 0 {
		q.cookie = append(q.cookie, "; "...)
	}
	q.cookie = append(q.cookie, q.value...)
}

// readPseudo reads a pseudo-header field (RFC 9113 §8.3).
func (s *Scan) readPseudo(m *Message, name, value []byte) {
	switch string(name) {
	case ":method":
		m.Method = s.Text.Keep(value)
	case ":path":
		m.Target = s.Text.Keep(value)
	case ":authority":
		s.readField(m, []byte("host"), value)
	case ":status":
		m.Status = uint16(max(atoi(value), 0))
	}
}

// Data implements http2.Handler.
func (q *h2Scan) Data(d *http2.Data) {
	s := (*Scan)(q)
	if !d.Missing {
		s.messages.At(d.Tag).reach(s.pass.at)
	}
}

// reach moves the end of m to the packet at.
func (m *Message) reach(at Instant) {
	if at.Nanos >= m.From.Nanos { // else sent again
		m.To = at
	}
}

// End implements http2.Handler.
func (q *h2Scan) End(e *http2.Message) {
	s := (*Scan)(q)
	l := s.pass
	m := s.messages.At(e.Tag)
	more := s.muxed.At(m.h2)
	m.End, m.Body, m.Before = e.End, e.Body, e.End-e.Wire
	more.Stream = e.Stream
	more.Status = int32(e.GRPC.Status)
	if e.GRPC.Found {
		more.GRPC = int32(min(e.GRPC.Messages, 1<<31-1))
	}
	if e.Ended || e.Reset {
		m.reach(l.at)
	}
	if e.Complete {
		m.Flags |= MsgComplete
	}
}

// GoAway implements http2.Handler.
func (q *h2Scan) GoAway(last, code uint32) {}

// H2Of returns what message m of the scan is as one of HTTP/2; nil if it is
// none.
func (s *Scan) H2Of(m *Message) *H2Message {
	if m == nil || m.h2 == 0 {
		return nil
	}
	return s.muxed.At(m.h2)
}
