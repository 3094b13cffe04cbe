package tls

import "encoding/binary"

// A Hello is what a ClientHello or ServerHello says. Fields that the message
// does not show are zero.
type Hello struct {
	Client bool
	Whole  bool // no byte of the message is missing

	Retry                bool // ServerHello: a HelloRetryRequest (RFC 8446 §4.1.3); the client says hello again
	PSK                  bool // pre_shared_key (RFC 8446 §4.2.11): ClientHello: offered; ServerHello: chosen, so a session is resumed
	EarlyData            bool // ClientHello: 0-RTT data follow (RFC 8446 §4.2.10)
	EncryptThenMAC       bool // encrypt_then_mac (RFC 7366); ServerHello: in force
	ExtendedMasterSecret bool // extended_master_secret (RFC 7627); ServerHello: in force

	Version uint16   // ClientHello: the highest version offered; ServerHello: the one chosen; 0x0304 is TLS 1.3; 0 when the hello is cut before that
	Suite   uint16   // ServerHello: the cipher suite chosen
	Random  [32]byte // the same in both hellos of a client that was sent a HelloRetryRequest
	SNI     string   // server_name (RFC 6066 §3), "" when absent
	ALPN    []string // application_layer_protocol_negotiation (RFC 7301), in the order of preference, at most 16; ServerHello: the one chosen, which TLS 1.3 encrypts
}

// VersionName returns "1.0" to "1.3", "" for other numbers.
func VersionName(v uint16) string {
	if v < 0x0301 || v > 0x0304 {
		return ""
	}
	return string([]byte{'1', '.', '0' + byte(v-0x0301)})
}

// Extensions (IANA, TLS ExtensionType Values).
const (
	extServerName           = 0
	extALPN                 = 16
	extEncryptThenMAC       = 22
	extExtendedMasterSecret = 23
	extPreSharedKey         = 41
	extEarlyData            = 42
	extVersions             = 43
)

// maxALPN bounds the names kept of one hello: clients offer two to four.
const maxALPN = 16

// retryRandom is SHA-256("HelloRetryRequest"), which stands for the random of
// a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// ParseHello reads a hello message from the first bytes of a half. Bytes may be
// missing at the end: what stands before them is read. ok is false when the
// bytes begin no hello.
func ParseHello(b []byte) (h Hello, ok bool) {
	if len(b) < HeaderLen+messageHeaderLen || b[0] != TypeHandshake || b[1] != 3 {
		return h, false
	}
	kind, n := messageHeader(b[HeaderLen:])
	body := b[HeaderLen+messageHeaderLen:]
	if !isHello(kind) {
		return h, false
	}
	return parseHello(kind, body[:min(n, len(body))], n), true
}

// parseHello reads the body of a hello of which the header says that it has n
// bytes.
func parseHello(kind uint8, body []byte, n int) (h Hello) {
	h.Client, h.Whole = kind == messageClientHello, len(body) == n
	r := reader{b: body}
	h.Version = uint16(r.uint16())
	copy(h.Random[:], r.next(len(h.Random)))
	h.Retry = !h.Client && string(h.Random[:]) == retryRandom
	r.next(r.uint8()) // session id
	if h.Client {
		r.next(r.uint16()) // cipher suites
		r.next(r.uint8())  // compression methods
	} else {
		h.Suite = uint16(r.uint16())
		r.next(1) // compression method
	}
	r.uint16() // length of all extensions
	for len(r.b) >= 4 {
		kind := r.uint16()
		h.extension(kind, reader{b: r.some(r.uint16())})
	}
	h.settleVersion()
	return h
}

// settleVersion takes back a version that only the legacy field of a cut hello
// tells (RFC 8446 §4.1.2): the suite knows better, or nothing does. Suites
// 0x13xx are those of TLS 1.3 (RFC 8446 §B.4).
func (h *Hello) settleVersion() {
	switch {
	case h.Whole || h.Version == 0x0304:
	case h.Suite>>8 == 0x13:
		h.Version = 0x0304
	case h.Client || h.Suite == 0:
		h.Version = 0
	}
}

func (h *Hello) extension(kind int, r reader) {
	switch kind {
	case extServerName:
		r.next(2 + 1) // length of the list, type of the first entry: host_name
		h.SNI = string(r.next(r.uint16()))
	case extALPN:
		h.ALPN = h.ALPN[:0]
		r.uint16()
		for len(r.b) > 0 && len(h.ALPN) < maxALPN {
			if name := r.next(r.uint8()); name != nil {
				h.ALPN = append(h.ALPN, string(name))
			}
		}
	case extEncryptThenMAC:
		h.EncryptThenMAC = true
	case extExtendedMasterSecret:
		h.ExtendedMasterSecret = true
	case extPreSharedKey:
		h.PSK = true
	case extEarlyData:
		h.EarlyData = h.Client
	case extVersions:
		if h.Client {
			r.uint8()
		}
		for len(r.b) >= 2 {
			if v := uint16(r.uint16()); VersionName(v) != "" {
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

func (r *reader) uint16() int {
	if p := r.next(2); p != nil {
		return int(binary.BigEndian.Uint16(p))
	}
	return 0
}
