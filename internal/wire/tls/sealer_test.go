package tls_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/hkdf"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// What seals records in these tests is written after the RFCs once more, so
// that what opens them is not its own judge.

// A sealer seals records of one direction.
type sealer func(typ uint8, content []byte) (mytls.Record, []byte)

// label is HKDF-Expand-Label (RFC 8446 §7.1).
func label(h func() hash.Hash, secret []byte, name string, n int) []byte {
	info := []byte{byte(n >> 8), byte(n), byte(6 + len(name))}
	info = append(append(info, "tls13 "+name...), 0)
	out := make([]byte, n)
	if _, err := hkdf.Expand(h, secret, info).Read(out); err != nil {
		panic(err)
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A suite13 is a suite of TLS 1.3.
type suite13 struct {
	id     uint16
	hash   func() hash.Hash
	keyLen int
	aead   func(key []byte) cipher.AEAD
}

func gcm(key []byte) cipher.AEAD { return must(cipher.NewGCM(must(aes.NewCipher(key)))) }

var suites13 = []suite13{
	{0x1301, sha256.New, 16, gcm},
	{0x1302, sha512.New384, 32, gcm},
	{0x1303, sha256.New, 32, func(key []byte) cipher.AEAD { return must(chacha20poly1305.New(key)) }},
}

// seal returns a sealer under a traffic secret; pad is how many zeros follow
// each content.
func (s suite13) seal(secret []byte, pad int) sealer {
	aead := s.aead(label(s.hash, secret, "key", s.keyLen))
	iv := label(s.hash, secret, "iv", 12)
	seq := uint64(0)
	return func(typ uint8, content []byte) (mytls.Record, []byte) {
		nonce := slices.Clone(iv)
		for i := range 8 {
			nonce[4+i] ^= byte(seq >> (56 - 8*i))
		}
		seq++
		inner := append(append(slices.Clone(content), typ), make([]byte, pad)...)
		n := len(inner) + 16
		head := []byte{23, 3, 3, byte(n >> 8), byte(n)}
		return mytls.Record{Type: 23, Version: 0x0303, Len: n}, aead.Seal(nil, nonce, inner, head)
	}
}

func randomBytes(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// A sealed13 is one direction of a TLS 1.3 connection in the making.
type sealed13 struct {
	suite   suite13
	rnd     *rand.Rand
	session mytls.Session
	log     []byte
	records []fragment
	data    []byte // what an application gets, in order
	inner   []int
}

func newSealed13(s suite13, seed uint64) *sealed13 {
	c := &sealed13{suite: s, rnd: rand.New(rand.NewPCG(seed, 1))}
	c.session = mytls.Session{Version: 0x0304, Suite: s.id, ClientRandom: [32]byte(randomBytes(c.rnd, 32))}
	return c
}

// secret makes a secret and puts it into the key log unless name is "".
func (c *sealed13) secret(name string) []byte {
	b := randomBytes(c.rnd, c.suite.hash().Size())
	if name != "" {
		c.log = fmt.Appendf(c.log, "%s %x %x\n", name, c.session.ClientRandom, b)
	}
	return b
}

// add seals one record. It opens unless lost.
func (c *sealed13) add(seal sealer, typ uint8, n int, opens bool) {
	content := randomBytes(c.rnd, n)
	r, b := seal(typ, content)
	c.records = append(c.records, fragment{r, b})
	if !opens {
		c.inner = append(c.inner, -1)
		return
	}
	c.inner = append(c.inner, n)
	if typ == mytls.TypeApplicationData {
		c.data = append(c.data, content...)
	}
}

// check opens everything.
func (c *sealed13) check(t *testing.T, client bool, failures error) {
	t.Helper()
	d, err := mytls.NewDecrypter(&c.session, keyLog(t, c.log), client)
	if err != nil {
		t.Fatal(err)
	}
	o := open(t, d, c.records)
	if !slices.Equal(o.inner, c.inner) || !bytes.Equal(o.data, c.data) {
		t.Errorf("lengths %v, want %v", o.inner, c.inner)
	}
	for _, err := range o.failed {
		if !errors.Is(err, failures) {
			t.Errorf("error %v, want %v", err, failures)
		}
	}
}

func TestSealed13(t *testing.T) {
	for _, s := range suites13 {
		for _, pad := range []int{0, 1, 300} {
			t.Run(fmt.Sprintf("%#x/%d", s.id, pad), func(t *testing.T) {
				for _, client := range []bool{true, false} {
					side := map[bool]string{true: "CLIENT", false: "SERVER"}[client]
					c := newSealed13(s, 21)
					c.records = append(c.records, fragment{mytls.Record{Type: 22, Version: 0x0301, Len: 3}, []byte{1, 2, 3}}, fragment{mytls.Record{Type: 20, Version: 0x0303, Len: 1}, []byte{1}})
					c.inner = []int{3, 1}
					hs, ap := c.secret(side+"_HANDSHAKE_TRAFFIC_SECRET"), c.secret(side+"_TRAFFIC_SECRET_0")
					seal := s.seal(hs, pad)
					for _, n := range []int{10, 800, 100, 36} {
						c.add(seal, mytls.TypeHandshake, n, true)
					}
					for range 4 { // key updates, one of them without data between
						seal = s.seal(ap, pad)
						for _, n := range []int{0, 1, 1000, 16000}[:c.rnd.IntN(5)] {
							c.add(seal, mytls.TypeApplicationData, n, true)
						}
						c.add(seal, mytls.TypeHandshake, 5, true)
						ap = label(s.hash, ap, "traffic upd", s.hash().Size())
					}
					c.add(s.seal(ap, pad), mytls.TypeAlert, 2, true)
					c.check(t, client, nil)
				}
			})
		}
	}
}

func TestEarlyData(t *testing.T) {
	for _, tc := range []struct {
		name           string
		inLog, refused bool
		handshake      bool // its secret is in the log
	}{
		{"with secret", true, false, true},
		{"without secret", false, false, true},
		{"refused", true, true, true},
		{"refused without secret", false, true, true},
		{"without any handshake secret", false, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newSealed13(suites13[1], 31)
			c.session.EarlyData, c.session.EarlyRefused = true, tc.refused
			name := func(in bool, label string) string {
				if in {
					return label
				}
				return ""
			}
			seal := c.suite.seal(c.secret(name(tc.inLog, "CLIENT_EARLY_TRAFFIC_SECRET")), 0)
			opens := tc.inLog && !tc.refused
			for _, n := range []int{5, 700, 16000} {
				c.add(seal, mytls.TypeApplicationData, n, opens)
			}
			if !tc.refused {
				c.add(seal, mytls.TypeHandshake, 4, opens) // EndOfEarlyData
			}
			c.add(c.suite.seal(c.secret(name(tc.handshake, "CLIENT_HANDSHAKE_TRAFFIC_SECRET")), 0), mytls.TypeHandshake, 52, tc.handshake)
			seal = c.suite.seal(c.secret("CLIENT_TRAFFIC_SECRET_0"), 0)
			for _, n := range []int{5, 700, 16000} {
				c.add(seal, mytls.TypeApplicationData, n, true)
			}
			c.check(t, true, mytls.ErrNoSecret)
		})
	}
}

// prf12 is the PRF of RFC 5246 §5.
func prf12(h func() hash.Hash, secret []byte, seed string, n int) []byte {
	mac := func(parts ...[]byte) []byte {
		m := hmac.New(h, secret)
		for _, p := range parts {
			m.Write(p)
		}
		return m.Sum(nil)
	}
	var out []byte
	for a := []byte(seed); len(out) < n; {
		a = mac(a)
		out = append(out, mac(a, []byte(seed))...)
	}
	return out[:n]
}

// newSealer12 seals under AES-128-GCM with the keys of a session.
func newSealer12(t *testing.T, s *mytls.Session, log []byte, client bool) sealer {
	t.Helper()
	line := strings.Fields(string(log))
	master := must(hex.DecodeString(line[2]))
	block := prf12(sha256.New, master, "key expansion"+string(s.ServerRandom[:])+string(s.ClientRandom[:]), 2*16+2*4)
	key, salt := block[:16], block[32:36]
	if !client {
		key, salt = block[16:32], block[36:40]
	}
	seq := uint64(0)
	return func(typ uint8, content []byte) (mytls.Record, []byte) {
		explicit := binary.BigEndian.AppendUint64(nil, seq^0x1234)
		ad := append(binary.BigEndian.AppendUint64(nil, seq), typ, 3, 3, byte(len(content)>>8), byte(len(content)))
		seq++
		b := gcm(key).Seal(explicit, append(slices.Clone(salt), explicit...), content, ad)
		return mytls.Record{Type: typ, Version: 0x0303, Len: len(b)}, b
	}
}

// sealCBC seals with AES-CBC; extra is how many blocks of padding beyond need.
func sealCBC(h func() hash.Hash, macKey, key []byte, encryptFirst bool, extra int) sealer {
	rnd := rand.New(rand.NewPCG(41, 42))
	seq := uint64(0)
	return func(typ uint8, content []byte) (mytls.Record, []byte) {
		mac := func(over []byte) []byte {
			m := hmac.New(h, macKey)
			m.Write(binary.BigEndian.AppendUint64(nil, seq))
			m.Write([]byte{typ, 3, 3, byte(len(over) >> 8), byte(len(over))})
			m.Write(over)
			return m.Sum(nil)
		}
		b := slices.Clone(content)
		if !encryptFirst {
			b = append(b, mac(content)...)
		}
		pad := 16 - len(b)%16 + 16*extra
		for range pad {
			b = append(b, byte(pad-1))
		}
		iv := randomBytes(rnd, 16)
		cipher.NewCBCEncrypter(must(aes.NewCipher(key)), iv).CryptBlocks(b, b)
		b = append(iv, b...)
		if encryptFirst {
			b = append(b, mac(b)...)
		}
		seq++
		return mytls.Record{Type: typ, Version: 0x0303, Len: len(b)}, b
	}
}

func TestSealedCBC(t *testing.T) {
	for _, s := range []struct {
		id     uint16
		keyLen int
		mac    func() hash.Hash
		prf    func() hash.Hash
	}{
		{0x002f, 16, sha1.New, sha256.New},
		{0x0035, 32, sha1.New, sha256.New},
		{0xc027, 16, sha256.New, sha256.New},
		{0x003d, 32, sha256.New, sha256.New},
		{0xc028, 32, sha512.New384, sha512.New384},
	} {
		for _, encryptFirst := range []bool{false, true} {
			for extra := range 3 {
				t.Run(fmt.Sprintf("%#x/%v/%d", s.id, encryptFirst, extra), func(t *testing.T) {
					rnd := rand.New(rand.NewPCG(51, 52))
					session := &mytls.Session{Version: 0x0303, Suite: s.id, EncryptThenMAC: encryptFirst,
						ClientRandom: [32]byte(randomBytes(rnd, 32)), ServerRandom: [32]byte(randomBytes(rnd, 32))}
					master := randomBytes(rnd, 48)
					m := s.mac().Size()
					block := prf12(s.prf, master, "key expansion"+string(session.ServerRandom[:])+string(session.ClientRandom[:]), 2*m+2*s.keyLen)
					seal := sealCBC(s.mac, block[m:2*m], block[2*m+s.keyLen:], encryptFirst, extra)
					k := keyLog(t, fmt.Appendf(nil, "CLIENT_RANDOM %x %x\n", session.ClientRandom, master))
					d, err := mytls.NewDecrypter(session, k, false)
					if err != nil {
						t.Fatal(err)
					}
					fs := []fragment{{mytls.Record{Type: mytls.TypeChangeCipherSpec, Len: 1}, []byte{1}}}
					var want []byte
					for n := range 70 {
						content := randomBytes(rnd, n)
						r, b := seal(mytls.TypeApplicationData, content)
						fs = append(fs, fragment{r, b})
						want = append(want, content...)
					}
					if o := open(t, d, fs); len(o.failed) > 0 || !bytes.Equal(o.data, want) {
						t.Errorf("%d bytes, want %d; %v", len(o.data), len(want), o.failed)
					}
				})
			}
		}
	}
}

// Whatever is done to a record, it either fails or opens as what was said.
func FuzzOpen(f *testing.F) {
	client, server, log := configs(0x0304, 0)
	w13 := talk(f, client, server)
	k := keyLog(f, log.Bytes())
	client12, server12, log12 := configs(0x0303, 0xc013)
	w12 := talk(f, client12, server12)
	if err := k.Read(log12); err != nil {
		f.Fatal(err)
	}
	for seed := range uint16(8) {
		f.Add(seed&1 == 0, seed&2 == 0, seed, uint16(seed*5), byte(1), uint16(0))
	}
	f.Fuzz(func(t *testing.T, newer, fromClient bool, index, at uint16, change byte, cut uint16) {
		w, dir := w12, 1
		if newer {
			w = w13
		}
		if fromClient {
			dir = 0
		}
		fs := recordsOf(w[dir])
		truth := open(t, decrypter(t, w, k, fromClient), fs)
		i := int(index) % len(fs)
		spoilt := bytes.Clone(fs[i].bytes)
		spoilt[int(at)%len(spoilt)] ^= change
		spoilt = spoilt[:len(spoilt)-int(cut)%len(spoilt)]
		r := fs[i].Record
		r.Len = len(spoilt)
		d := decrypter(t, w, k, fromClient)
		open(t, d, fs[:i])
		typ, plain, err := d.Open(nil, r, spoilt)
		if err != nil || fs[i].Type != mytls.TypeApplicationData {
			return
		}
		want := truth.inner[i]
		if !bytes.Equal(spoilt, fs[i].bytes) || typ != truth.types[i] || len(plain) != want {
			t.Errorf("record %d, byte %d ^ %#x, %d cut: opens as type %d with %d bytes", i, at, change, cut, typ, len(plain))
		}
	})
}
