package tls

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	nonceLen         = 12 // of both AEADs (RFC 5116 §5.1, RFC 8439 §2.8)
	explicitNonceLen = 8  // the part that a TLS 1.2 GCM record brings (RFC 5288 §3)
	tagLen           = 16
)

// An opener opens the records of one direction under one key. It is not safe
// for concurrent use.
type opener interface {
	// open appends the plaintext of a record to dst, which has room for it. seq
	// is the record's number under the key. ok is false when it does not
	// authenticate.
	open(dst []byte, seq uint64, r Record, fragment []byte) (typ uint8, plain []byte, ok bool)
}

// newAEAD returns the AEAD of a suite.
func newAEAD(s suite, key []byte) (cipher.AEAD, error) {
	if s.cipher == chacha20Poly1305 {
		return chacha20poly1305.New(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// An aead13 opens records of TLS 1.3 (RFC 8446 §5.2).
type aead13 struct {
	aead      cipher.AEAD
	iv, nonce [nonceLen]byte
	head      [HeaderLen]byte
}

func newAEAD13(s suite, traffic *secret) (*aead13, error) {
	key, iv, err := trafficKeys(s, traffic)
	if err != nil {
		return nil, err
	}
	a, err := newAEAD(s, key)
	return &aead13{aead: a, iv: [nonceLen]byte(iv)}, err
}

func (a *aead13) open(dst []byte, seq uint64, r Record, fragment []byte) (typ uint8, plain []byte, ok bool) {
	number(&a.nonce, &a.iv, seq)
	a.head[0] = r.Type
	binary.BigEndian.PutUint16(a.head[1:], r.Version)
	binary.BigEndian.PutUint16(a.head[3:], uint16(len(fragment)))
	plain, err := a.aead.Open(dst, a.nonce[:], fragment, a.head[:])
	if err != nil {
		return 0, nil, false
	}
	n := len(plain)
	for n > len(dst) && plain[n-1] == 0 { // padding (RFC 8446 §5.4)
		n--
	}
	if n == len(dst) {
		return 0, nil, false // no content type: RFC 8446 §5.4 forbids it
	}
	return plain[n-1], plain[:n-1], true
}

// number makes the nonce of a record from its number (RFC 8446 §5.3, RFC 7905
// §2).
func number(nonce, iv *[nonceLen]byte, seq uint64) {
	*nonce = *iv
	low := nonce[nonceLen-8:]
	binary.BigEndian.PutUint64(low, binary.BigEndian.Uint64(low)^seq)
}

// An aead12 opens records of TLS 1.2 with AES-GCM (RFC 5288) or
// ChaCha20-Poly1305 (RFC 7905).
type aead12 struct {
	aead      cipher.AEAD
	explicit  int // bytes of nonce that the record brings
	iv, nonce [nonceLen]byte
	head      pseudoHeader
}

func newAEAD12(s suite, k keyBlock) (*aead12, error) {
	a, err := newAEAD(s, k.key)
	if err != nil {
		return nil, err
	}
	o := &aead12{aead: a, explicit: nonceLen - len(k.iv)}
	copy(o.iv[:], k.iv)
	return o, nil
}

func (a *aead12) open(dst []byte, seq uint64, r Record, fragment []byte) (typ uint8, plain []byte, ok bool) {
	n := len(fragment) - a.explicit - tagLen
	if n < 0 {
		return 0, nil, false
	}
	if a.explicit > 0 {
		a.nonce = a.iv
		copy(a.nonce[nonceLen-explicitNonceLen:], fragment)
	} else {
		number(&a.nonce, &a.iv, seq)
	}
	a.head.set(seq, r, n)
	plain, err := a.aead.Open(dst, a.nonce[:], fragment[a.explicit:], a.head[:])
	return r.Type, plain, err == nil
}

// A pseudoHeader is what TLS 1.2 and before authenticate beside the content:
// number, type, version and length (RFC 5246 §6.2.3.1, §6.2.3.3).
type pseudoHeader [8 + HeaderLen]byte

func (h *pseudoHeader) set(seq uint64, r Record, n int) {
	binary.BigEndian.PutUint64(h[:], seq)
	h[8] = r.Type
	binary.BigEndian.PutUint16(h[9:], r.Version)
	binary.BigEndian.PutUint16(h[11:], uint16(n))
}
