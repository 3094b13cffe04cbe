package tls

import (
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"hash"

	"golang.org/x/crypto/cryptobyte"
)

// Versions as hello messages number them (RFC 8446 §4.2.1).
const (
	versionTLS10 = 0x0301
	versionTLS12 = 0x0303
	versionTLS13 = 0x0304
)

// expandLabel is HKDF-Expand-Label with an empty context (RFC 8446 §7.1).
func expandLabel(h crypto.Hash, s []byte, label string, n int) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16(uint16(n))
	b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte("tls13 " + label)) })
	b.AddUint8LengthPrefixed(func(*cryptobyte.Builder) {})
	info, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return hkdf.Expand(h.New, s, string(info), n)
}

// trafficKeys derives key and initialisation vector from a traffic secret (RFC
// 8446 §7.3).
func trafficKeys(s suite, traffic *secret) (key, iv []byte, err error) {
	if key, err = expandLabel(s.hash, traffic.bytes(), "key", s.keyLen); err != nil {
		return nil, nil, err
	}
	iv, err = expandLabel(s.hash, traffic.bytes(), "iv", nonceLen)
	return key, iv, err
}

// nextTraffic derives the traffic secret after a KeyUpdate (RFC 8446 §7.2).
func nextTraffic(s suite, traffic *secret) (secret, error) {
	b, err := expandLabel(s.hash, traffic.bytes(), "traffic upd", s.hash.Size())
	next := secret{n: len(b)}
	copy(next.b[:], b)
	return next, err
}

// A keyBlock holds the keys of one direction (RFC 5246 §6.3).
type keyBlock struct{ mac, key, iv []byte }

// keysOf derives the keys of one direction from a master secret.
func keysOf(s suite, session *Session, master *secret, client bool) keyBlock {
	var seed []byte
	seed = append(seed, "key expansion"...)
	seed = append(append(seed, session.ServerRandom[:]...), session.ClientRandom[:]...)
	mac, iv := s.macLen(), s.ivLen(session.Version)
	b := make([]byte, 2*(mac+s.keyLen+iv))
	prf(b, session.Version, s.hash, master.bytes(), seed)
	take := func(n int) (mine []byte) { // the client's part stands first
		mine = b[:n]
		if !client {
			mine = b[n : 2*n]
		}
		b = b[2*n:]
		return mine
	}
	return keyBlock{mac: take(mac), key: take(s.keyLen), iv: take(iv)}
}

// prf fills out with the pseudorandom function of the version (RFC 5246 §5,
// before TLS 1.2 RFC 2246 §5). seed begins with the label.
func prf(out []byte, version uint16, h crypto.Hash, s, seed []byte) {
	if version >= versionTLS12 {
		pHash(out, h.New, s, seed)
		return
	}
	half := (len(s) + 1) / 2
	pHash(out, md5.New, s[:half], seed)
	pHash(out, sha1.New, s[len(s)-half:], seed)
}

// pHash adds the expansion of RFC 5246 §5 to out, bit by bit without carry.
func pHash(out []byte, h func() hash.Hash, s, seed []byte) {
	m := hmac.New(h, s)
	m.Write(seed)
	a := m.Sum(nil)
	for len(out) > 0 {
		m.Reset()
		m.Write(a)
		m.Write(seed)
		sum := m.Sum(nil)
		n := min(len(sum), len(out))
		for i := range n {
			out[i] ^= sum[i]
		}
		out = out[n:]
		m.Reset()
		m.Write(a)
		a = m.Sum(a[:0])
	}
}
