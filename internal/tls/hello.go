package tls

import "encoding/binary"

// A Hello is what a ClientHello or ServerHello says.
type Hello struct {
	Client  bool
	Version uint16   // ClientHello: the highest version offered; ServerHello: the one chosen; 0x0304 is TLS 1.3
	SNI     string   // server_name (RFC 6066 §3), "" when absent
	ALPN    []string // application_layer_protocol_negotiation (RFC 7301), in the order of preference
}

// VersionName returns "1.0" to "1.3", "" for other numbers.
func VersionName(v uint16) string {
	if v < 0x0301 || v > 0x0304 {
		return ""
	}
	return string([]byte{'1', '.', '0' + byte(v-0x0301)})
}

const (
	recordHandshake  = 22
	typeClientHello  = 1
	typeServerHello  = 2
	extServerName    = 0
	extALPN          = 16
	extVersions      = 43
	recordHeaderLen  = 5
	messageHeaderLen = 4
)

// ParseHello reads a hello message from the first bytes of a half. Bytes may be
// missing at the end: what stands before them is read. ok is false when the
// bytes begin no hello.
func ParseHello(b []byte) (h Hello, ok bool) {
	r := reader{b: b}
	head := r.next(recordHeaderLen + messageHeaderLen)
	if head == nil || head[0] != recordHandshake || head[1] != 3 {
		return h, false
	}
	switch head[recordHeaderLen] {
	case typeClientHello:
		h.Client = true
	case typeServerHello:
	default:
		return h, false
	}
	h.Version = r.uint16()
	r.next(32) // random
	r.next(r.uint8())
	if h.Client {
		r.next(int(r.uint16())) // cipher suites
		r.next(r.uint8())       // compression methods
	} else {
		r.next(2 + 1)
	}
	r.uint16() // length of all extensions
	for len(r.b) >= 4 {
		kind, body := r.uint16(), reader{}
		body.b = r.some(int(r.uint16()))
		h.extension(kind, body)
	}
	return h, true
}

func (h *Hello) extension(kind uint16, r reader) {
	switch kind {
	case extServerName:
		r.next(2 + 1) // length of the list, type of the first entry: host_name
		h.SNI = string(r.next(int(r.uint16())))
	case extALPN:
		r.uint16()
		for len(r.b) > 0 {
			name := r.next(r.uint8())
			if name == nil {
				return
			}
			h.ALPN = append(h.ALPN, string(name))
		}
	case extVersions:
		if h.Client {
			r.uint8()
		}
		for len(r.b) >= 2 {
			if v := r.uint16(); VersionName(v) != "" {
				h.Version = max(h.Version, v)
			}
		}
	}
}

// A reader takes bytes from the front; after the end it yields nothing.
type reader struct{ b []byte }

// next returns the next n bytes, nil when there are not so many.
func (r *reader) next(n int) []byte {
	if n > len(r.b) {
		r.b = nil
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

// some returns the next n bytes, or as many as there are.
func (r *reader) some(n int) []byte { return r.next(min(n, len(r.b))) }

func (r *reader) uint8() int {
	if p := r.next(1); p != nil {
		return int(p[0])
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if p := r.next(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}
