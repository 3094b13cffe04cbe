package tls

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"hash"
)

const blockLen = aes.BlockSize

// A cbc opens records of TLS 1.0 to 1.2 with AES-CBC and HMAC (RFC 5246
// §6.2.3.2), in either order (RFC 7366).
type cbc struct {
	mode interface {
		cipher.BlockMode
		SetIV([]byte)
	}
	mac      hash.Hash
	sum      []byte
	head     pseudoHeader
	macFirst bool           // MAC, then encrypt
	chained  bool           // TLS 1.0: a record's IV is the last block before it (RFC 2246 §6.2.3.2)
	iv       [blockLen]byte // of the next record if chained
}

func newCBC(s suite, session *Session, k keyBlock) (*cbc, error) {
	block, err := aes.NewCipher(k.key)
	if err != nil {
		return nil, err
	}
	c := &cbc{mac: hmac.New(s.mac.New, k.mac), macFirst: !session.EncryptThenMAC, chained: session.Version == versionTLS10}
	copy(c.iv[:], k.iv)
	mode, ok := cipher.NewCBCDecrypter(block, c.iv[:]).(interface {
		cipher.BlockMode
		SetIV([]byte)
	})
	if !ok {
		return nil, ErrUnsupported
	}
	c.mode = mode
	return c, nil
}

func (c *cbc) open(dst []byte, seq uint64, r Record, fragment []byte) (typ uint8, plain []byte, ok bool) {
	if c.macFirst {
		plain, ok = c.decrypt(dst, fragment)
		n := len(plain) - c.mac.Size()
		if !ok || n < len(dst) || !c.authentic(seq, r, plain[len(dst):n], plain[n:]) {
			return 0, nil, false
		}
		plain = plain[:n]
	} else {
		n := len(fragment) - c.mac.Size()
		if n < 0 || !c.authentic(seq, r, fragment[:n], fragment[n:]) {
			return 0, nil, false
		}
		if plain, ok = c.decrypt(dst, fragment[:n]); !ok {
			return 0, nil, false
		}
	}
	c.pass(fragment)
	return r.Type, plain, true
}

// pass notes the last block of a record.
func (c *cbc) pass(fragment []byte) {
	if !c.macFirst {
		fragment = fragment[:max(0, len(fragment)-c.mac.Size())]
	}
	if n := len(fragment); n >= blockLen {
		copy(c.iv[:], fragment[n-blockLen:])
	}
}

// decrypt appends the content of a record without its padding to dst.
func (c *cbc) decrypt(dst, fragment []byte) (plain []byte, ok bool) {
	iv := c.iv[:]
	if !c.chained {
		if len(fragment) < blockLen {
			return nil, false
		}
		iv, fragment = fragment[:blockLen], fragment[blockLen:]
	}
	if len(fragment) == 0 || len(fragment)%blockLen != 0 {
		return nil, false
	}
	c.mode.SetIV(iv)
	plain = append(dst, fragment...)
	c.mode.CryptBlocks(plain[len(dst):], plain[len(dst):])
	pad := int(plain[len(plain)-1])
	n := len(plain) - pad - 1
	if n < len(dst) {
		return nil, false
	}
	for _, b := range plain[n:] {
		if int(b) != pad {
			return nil, false
		}
	}
	return plain[:n], true
}

// authentic checks the MAC of a record with the given content, which is
// ciphertext if encryption came first.
func (c *cbc) authentic(seq uint64, r Record, content, mac []byte) bool {
	c.head.set(seq, r, len(content))
	c.mac.Reset()
	c.mac.Write(c.head[:])
	c.mac.Write(content)
	c.sum = c.mac.Sum(c.sum[:0])
	return hmac.Equal(c.sum, mac)
}
