package pcap

import (
	"encoding/binary"
	"slices"
)

// retryRandom marks a ServerHello as HelloRetryRequest (RFC 8446 §4.1.3).
const retryRandom = "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91" +
	"\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"

// clientHello returns a ClientHello (RFC 8446 §4.1.2). The second is the same
// as the first.
func (t *TLSConnection) clientHello() []byte {
	if t.hello != nil {
		return t.hello
	}
	extensions := slices.Concat(
		extension(23, nil), // extended_master_secret
		extension(35, nil), // session_ticket
		extension(10, vector(2, numbers(0x001d, 0x0017))),
		extension(13, vector(2, numbers(0x0403, 0x0804, 0x0807))),
	)
	if t.SNI != "" {
		extensions = append(extensions, extension(0, vector(2, append([]byte{0}, vector(2, []byte(t.SNI))...)))...)
	}
	if len(t.ALPN) > 0 {
		extensions = append(extensions, alpn(t.ALPN...)...)
	}
	if t.Version == 0x0304 {
		extensions = slices.Concat(extensions,
			extension(43, vector(1, numbers(0x0304, 0x0303))),
			extension(51, vector(2, append(numbers(0x001d), vector(2, t.random(32))...))),
			extension(45, []byte{1, 1}))
		extensions = append(extensions, t.resume()...)
	}
	t.hello = message(1, slices.Concat(
		numbers(0x0303), t.random(32), vector(1, t.session),
		vector(2, numbers(0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc030, 0xcca8)),
		[]byte{1, 0}, vector(2, extensions)))
	return t.hello
}

// resume returns the extensions of a client that resumes a session;
// pre_shared_key is the last (RFC 8446 §4.2.11).
func (t *TLSConnection) resume() []byte {
	if !t.Resumed {
		return nil
	}
	var early []byte
	if t.EarlyData > 0 {
		early = extension(42, nil)
	}
	identity := append(vector(2, t.random(200)), t.random(4)...)
	return append(early, extension(41, append(vector(2, identity), vector(2, vector(1, t.random(32)))...))...)
}

// serverHello returns a ServerHello (RFC 8446 §4.1.3, RFC 5246 §7.4.1.3).
func (t *TLSConnection) serverHello(random []byte) []byte {
	var extensions []byte
	switch {
	case t.Version != 0x0304:
		extensions = extension(23, nil)
		if len(t.ALPN) > 0 {
			extensions = append(extensions, alpn(t.ALPN[0])...)
		}
	case string(random) == retryRandom:
		extensions = append(extension(43, numbers(0x0304)), extension(51, numbers(0x0017))...)
	default:
		extensions = append(extension(43, numbers(0x0304)), extension(51, append(numbers(0x001d), vector(2, t.random(32))...))...)
		if t.Resumed {
			extensions = append(extensions, extension(41, numbers(0))...)
		}
	}
	return message(2, slices.Concat(
		numbers(0x0303), random, vector(1, t.session), numbers(t.Suite), []byte{0}, vector(2, extensions)))
}

// alpn returns the extension of RFC 7301.
func alpn(names ...string) []byte {
	var list []byte
	for _, name := range names {
		list = append(list, vector(1, []byte(name))...)
	}
	return extension(16, vector(2, list))
}

func extension(kind uint16, body []byte) []byte { return append(numbers(kind), vector(2, body)...) }

// message returns a handshake message.
func message(kind uint8, body []byte) []byte { return append([]byte{kind}, vector(3, body)...) }

// vector returns b behind its length in size bytes (RFC 8446 §3.4).
func vector(size int, b []byte) []byte {
	length := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	return append(length[4-size:], b...)
}

func numbers(list ...uint16) (b []byte) {
	for _, n := range list {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	return b
}
