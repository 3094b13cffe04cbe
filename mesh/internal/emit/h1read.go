package emit

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A messageReader makes parts of messages of HTTP/1.1, for exchanges that are written
// as HTTP/2.
type messageReader struct {
	scanner http1.Scanner
	scratch http1.Scratch
	spool   *spool
	parts   []callPart
	buf     []byte
	err     error

	ex      *graph.Exchange
	message callPart // what all parts of the message have in common; at is that of the packet being read
	first   int      // its first part
	base    int64    // spot in the spool of what has stream offset 0
	tunnel  bool     // something else follows it
}

// readMessages takes the chunks of exchanges that were HTTP/1.1 and are written as
// HTTP/2 out of all, which are in their order, and makes parts of them.
func (s *Source) readMessages(ctx context.Context, convs []*plan.Conversation, all []chunk, sp *spool) (others []chunk, parts []callPart, err error) {
	r := &messageReader{spool: sp}
	others = all[:0]
	for len(all) > 0 {
		k := &all[0]
		n := 1
		for n < len(all) && all[n].conv == k.conv && all[n].reply == k.reply && all[n].piece == k.piece {
			n++
		}
		run, c := all[:n], convs[k.conv]
		all = all[n:]
		if len(c.Calls) == 0 {
			others = append(others, run...)
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		p := c.Pieces[side(k.reply)][k.piece]
		if r.read(c.Calls[p.Turn], p, run, s.Index.Content(p.Half).Tunnel); r.err != nil {
			return nil, nil, r.err
		}
	}
	return others, r.parts, nil
}

func side(reply bool) int {
	if reply {
		return 1
	}
	return 0
}

// read makes the parts of one message from its chunks. tunnel is the stream offset from
// which its half is no HTTP any more, -1 if there is none.
func (r *messageReader) read(e *graph.Exchange, p *plan.Piece, chunks []chunk, tunnel int64) {
	last := &chunks[len(chunks)-1]
	end := last.off + last.n + last.cut
	r.ex, r.first, r.tunnel = e, len(r.parts), p.To == math.MaxInt64 && tunnel >= 0
	if !r.tunnel {
		tunnel = end
	}
	r.message = callPart{conv: chunks[0].conv, call: int32(p.Turn), reply: chunks[0].reply}
	r.scanner.Reset(&r.scratch, true)
	r.scanner.Everything()
	for i := range chunks {
		c := &chunks[i]
		r.message.at = later(r.message.at, c.at) // a stream keeps its order where packets lost it
		r.base = c.spot - (c.off - p.From)
		k := max(min(c.n, tunnel-c.off), 0)
		if c.gap {
			r.lack(c.off-p.From, c.n, k)
			continue
		}
		b, err := r.spool.read(c.spot, int(k))
		r.fail(err)
		r.scanner.Feed(c.off-p.From, b, r)
		if k < c.n {
			r.add(callPart{kind: partData, spot: c.spot + k, n: c.n - k})
		}
		r.lack(c.off+c.n-p.From, c.cut, max(min(c.cut, tunnel-c.off-c.n), 0))
	}
	r.scanner.Close(min(end, tunnel)-p.From, p.Message.Is(scan.MsgComplete), r)
}

// lack passes over n missing bytes, of which the first k are HTTP.
func (r *messageReader) lack(off, n, k int64) {
	if k > 0 {
		r.scanner.Gap(off, k, r)
	}
	if k < n {
		r.add(callPart{kind: partHole, n: n - k})
	}
}

func (r *messageReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// add adds a part of the message.
func (r *messageReader) add(p callPart) {
	p.conv, p.call, p.reply, p.at = r.message.conv, r.message.call, r.message.reply, r.message.at
	r.parts = append(r.parts, p)
}

// addFields adds the fields in buf.
func (r *messageReader) addFields() {
	spot, err := r.spool.add(r.buf)
	r.fail(err)
	r.add(callPart{kind: partFields, spot: spot, n: int64(len(r.buf))})
}

// Head implements http1.Handler.
func (r *messageReader) Head(h *http1.Head) http1.BodyRule {
	r.buf = r.buf[:0]
	switch {
	case h.Request:
		r.request(h)
	case h.Status == 101: // what HTTP/2 has no word for is agreed on by any success (RFC 8441 §5)
		r.put(":status", "200")
	default:
		r.put(":status", strconv.Itoa(h.Status))
	}
	r.fields(h)
	r.addFields()
	m := r.ex.Resp
	if r.ex.Req == nil && m != nil && m.End == m.HeadEnd { // as it was read first
		return http1.BodyNone
	}
	return scan.RuleOf([]byte(r.ex.Method()))
}

func (r *messageReader) put(name, value string) { r.buf = appendField(r.buf, name, value) }

// request puts the pseudo-header fields of a request (RFC 9113 §8.3.1, §8.5, RFC 8441
// §4).
func (r *messageReader) request(h *http1.Head) {
	method, authority, path := string(h.Method), string(h.Field("host")), string(h.Target)
	if method == "CONNECT" {
		r.put(":method", method)
		r.put(":authority", path)
		return
	}
	scheme := "http"
	if string(h.Field("x-forwarded-proto")) == "https" {
		scheme = "https"
	}
	if before, rest, ok := strings.Cut(path, "://"); ok && (strings.EqualFold(before, "http") || strings.EqualFold(before, "https")) {
		scheme = strings.ToLower(before)
		i := strings.IndexAny(rest+"/", "/?")
		authority, path = rest[:i], rest[i:]
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
	}
	if r.ex.Status() == 101 {
		r.put(":method", "CONNECT")
		r.put(":protocol", string(h.Field("upgrade")))
	} else {
		r.put(":method", method)
	}
	r.put(":scheme", scheme)
	if authority != "" {
		r.put(":authority", authority)
	}
	r.put(":path", path)
}

// ofConnection are the fields that HTTP/1.1 has for one connection and HTTP/2 has not
// (RFC 9113 §8.2.2).
var ofConnection = map[string]bool{"connection": true, "keep-alive": true, "proxy-connection": true, "transfer-encoding": true, "upgrade": true, "http2-settings": true}

// fields puts all other fields of a head.
func (r *messageReader) fields(h *http1.Head) {
	var named []string // by Connection
	for name, value := range h.Fields {
		if strings.EqualFold(string(name), "connection") {
			for s := range strings.SplitSeq(string(value), ",") {
				named = append(named, strings.ToLower(strings.TrimSpace(s)))
			}
		}
	}
	for name, value := range h.Fields {
		n := strings.ToLower(string(name))
		switch {
		case ofConnection[n], n == "host" && h.Request, n == "te" && !strings.EqualFold(string(value), "trailers"), n != "te" && slices.Contains(named, n):
		default:
			r.put(n, string(value))
		}
	}
}

// Body implements http1.Reader.
func (r *messageReader) Body(off int64, p []byte, n int64) {
	if p == nil {
		r.add(callPart{kind: partHole, n: n})
		return
	}
	r.add(callPart{kind: partData, spot: r.base + off, n: n})
}

// Trailer implements http1.Reader.
func (r *messageReader) Trailer(h *http1.Head) {
	r.buf = r.buf[:0]
	r.fields(h)
	r.addFields()
}

// End implements http1.Handler.
func (r *messageReader) End(m *http1.Message) {
	k := len(r.parts) - 1
	switch {
	case m.Informational || !m.Complete || r.tunnel || k < r.first:
	case r.parts[k].at == r.message.at:
		r.parts[k].end = true
	default:
		r.add(callPart{kind: partData, end: true})
	}
}

// Tunnel implements http1.Handler.
func (r *messageReader) Tunnel(int64) {}
