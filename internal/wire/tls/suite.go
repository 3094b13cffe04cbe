package tls

import "crypto"

// A cipherKind is how records are protected.
type cipherKind uint8

const (
	aesGCM cipherKind = iota + 1
	chacha20Poly1305
	aesCBC
)

// A suite is what a cipher suite means for opening records. How keys were
// exchanged does not matter once there is a key log.
type suite struct {
	cipher cipherKind
	keyLen int         // bytes
	hash   crypto.Hash // of the key schedule or PRF; SHA-256 at least (RFC 5246 §5)
	mac    crypto.Hash // of a CBC suite
	tls13  bool
}

// suiteOf returns the suite with the given number in the registry "TLS Cipher
// Suites" (RFC 8446 §B.4, RFC 5288, 5289, 5487, 7905, 5246 §A.5, 4492, 4279,
// 8442); ok is false when it is none of those that can be opened.
func suiteOf(id uint16) (s suite, ok bool) {
	switch id {
	case 0x1301:
		return suite{aesGCM, 16, crypto.SHA256, 0, true}, true
	case 0x1302:
		return suite{aesGCM, 32, crypto.SHA384, 0, true}, true
	case 0x1303:
		return suite{chacha20Poly1305, 32, crypto.SHA256, 0, true}, true
	case 0x009c, 0x009e, 0x00a0, 0x00a2, 0x00a4, 0x00a6, 0x00a8, 0x00aa, 0x00ac, 0xc02b, 0xc02d, 0xc02f, 0xc031, 0xd001:
		return suite{aesGCM, 16, crypto.SHA256, 0, false}, true
	case 0x009d, 0x009f, 0x00a1, 0x00a3, 0x00a5, 0x00a7, 0x00a9, 0x00ab, 0x00ad, 0xc02c, 0xc02e, 0xc030, 0xc032, 0xd002:
		return suite{aesGCM, 32, crypto.SHA384, 0, false}, true
	case 0xcca8, 0xcca9, 0xccaa, 0xccab, 0xccac, 0xccad, 0xccae:
		return suite{chacha20Poly1305, 32, crypto.SHA256, 0, false}, true
	case 0x002f, 0x0030, 0x0031, 0x0032, 0x0033, 0x0034, 0x008c, 0x0090, 0x0094, 0xc004, 0xc009, 0xc00e, 0xc013, 0xc018, 0xc035:
		return suite{aesCBC, 16, crypto.SHA256, crypto.SHA1, false}, true
	case 0x0035, 0x0036, 0x0037, 0x0038, 0x0039, 0x003a, 0x008d, 0x0091, 0x0095, 0xc005, 0xc00a, 0xc00f, 0xc014, 0xc019, 0xc036:
		return suite{aesCBC, 32, crypto.SHA256, crypto.SHA1, false}, true
	case 0x003c, 0x003e, 0x003f, 0x0040, 0x0067, 0x006c, 0x00ae, 0x00b2, 0x00b6, 0xc023, 0xc025, 0xc027, 0xc029, 0xc037:
		return suite{aesCBC, 16, crypto.SHA256, crypto.SHA256, false}, true
	case 0x003d, 0x0068, 0x0069, 0x006a, 0x006b, 0x006d:
		return suite{aesCBC, 32, crypto.SHA256, crypto.SHA256, false}, true
	case 0xc024, 0xc026, 0xc028, 0xc02a, 0x00af, 0x00b3, 0x00b7, 0xc038:
		return suite{aesCBC, 32, crypto.SHA384, crypto.SHA384, false}, true
	}
	return suite{}, false
}

// fits reports whether the suite may be used in a version: before TLS 1.2 there
// was only CBC with SHA-1.
func (s suite) fits(version uint16) bool {
	switch {
	case version < versionTLS10 || version > versionTLS13:
		return false
	case version < versionTLS12:
		return s.mac == crypto.SHA1
	}
	return s.tls13 == (version == versionTLS13)
}

// ivLen returns how many bytes of initialisation vector the key schedule
// gives: in TLS 1.2 GCM records bring 8 bytes of their own (RFC 5288 §3), and
// CBC records the whole from TLS 1.1 on (RFC 4346 §6.2.3.2).
func (s suite) ivLen(version uint16) int {
	switch {
	case s.tls13 || s.cipher == chacha20Poly1305:
		return nonceLen
	case s.cipher == aesGCM:
		return nonceLen - explicitNonceLen
	case version == versionTLS10:
		return blockLen
	}
	return 0
}

// macLen returns the length in bytes of the key and sum of a CBC suite's MAC.
func (s suite) macLen() int {
	if s.mac == 0 {
		return 0
	}
	return s.mac.Size()
}
