package tls

// Overhead returns by how many bytes a fragment of application data is longer
// than its plaintext: by least bytes, or up to slack more (RFC 8446 §5.2, RFC
// 5288 §3, RFC 6655 §3, RFC 7905 §2, RFC 5246 §6.2.3.2). Padding of TLS 1.3 is not counted, since
// nobody uses it. A version or suite that is not known (0) counts as TLS 1.3.
func Overhead(version, suite uint16) (least, slack int64) {
	if version < 0x0301 || version > 0x0303 || suite == 0 {
		if suite == 0x1305 { // TLS_AES_128_CCM_8_SHA256
			return 8 + 1, 0
		}
		return 16 + 1, 0
	}
	switch {
	case suite >= 0xcca8 && suite <= 0xccae: // ChaCha20-Poly1305: no explicit nonce
		return 16, 0
	case suite >= 0xc0a0 && suite <= 0xc0a3, suite == 0xc0ae, suite == 0xc0af: // CCM_8
		return 8 + 8, 0
	case suite >= 0xc09c && suite <= 0xc0af: // CCM
		return 8 + 16, 0
	}
	if s, _ := suiteOf(suite); s.macLen() > 0 {
		return 16 + int64(s.macLen()) + 1, 15 // explicit vector, authentication, padding of 1 to 16 bytes
	}
	return 8 + 16, 0 // GCM
}

// FinishedLen returns the plaintext length in bytes of the Finished message of
// TLS 1.3 with its header (RFC 8446 §4.4.4): that of the suite's hash and 4.
func FinishedLen(suite uint16) int64 {
	if suite == 0x1302 { // TLS_AES_256_GCM_SHA384
		return 4 + 48
	}
	return 4 + 32
}
