package tls

import (
	"errors"
	"fmt"
	"io"
	"slices"
)

// Why something cannot be opened.
var (
	// ErrNoSecret: the key log has no secret for the connection, or none for
	// the part of it that the record belongs to, such as early data.
	ErrNoSecret = errors.New("no secret in the key log")
	// ErrUnsupported: version or cipher suite are not among those that can be
	// opened.
	ErrUnsupported = errors.New("version or cipher suite cannot be decrypted")
	// ErrAuthentication: the record does not authenticate, under any number
	// that it may have.
	ErrAuthentication = errors.New("record does not authenticate")
	// ErrRenegotiated: the sides agreed on new keys in the middle of a TLS 1.2
	// connection; they are not in reach.
	ErrRenegotiated = errors.New("keys were renegotiated")
)

// A Session is what the hello messages of a connection agree on.
type Session struct {
	Version, Suite             uint16 // as in the registries; 0x0304 is TLS 1.3
	ClientRandom, ServerRandom [32]byte
	EncryptThenMAC             bool // both sides have the extension (RFC 7366)
	EarlyData                  bool // the client may have sent early data (RFC 8446 §4.2.10)
	EarlyRefused               bool // the server certainly did not take it
}

// SessionOf returns what the handshakes of both sides agree on; ok is false if
// a hello is missing.
func SessionOf(client, server Facts) (s *Session, ok bool) {
	c, a := &client.Hello, &server.Hello
	if !client.Known || !server.Known || !c.Client || a.Client || a.Retry {
		return nil, false
	}
	retried := client.Retried || server.Retried
	return &Session{
		Version: a.Version, Suite: a.Suite, ClientRandom: c.Random, ServerRandom: a.Random, EncryptThenMAC: a.EncryptThenMAC,
		EarlyData:    c.EarlyData || retried,
		EarlyRefused: retried || !a.PSK,
	}, true
}

const (
	// maxSearch is how many numbers a record is tried with after a loss. As
	// many records of one byte fill a loss of 88 KiB.
	maxSearch = 4096
	// maxTrial is how many bytes a Decrypter opens in vain when it searches
	// for numbers: what searching costs is bounded, whatever the capture.
	maxTrial = 64 << 20
	// alertLen is the length of an alert in bytes (RFC 8446 §6).
	alertLen = 2
)

// A Decrypter opens the records of one direction of a connection with secrets
// from a key log. It needs the records in order, but not all of them. It is not
// safe for concurrent use. However it is printed, it shows no secret.
//
// Keys change after a Finished, an EndOfEarlyData or a KeyUpdate. These messages
// may be lost, so they are not waited for: a record that does not open with the
// current key is tried with the ones after it.
type Decrypter struct {
	suite     suite
	epochs    []epoch // the key in use and those after it
	low, high uint64  // bounds of the next record's number under the key in use
	skipped   uint64  // numbers passed over before the last record opened
	sealed    bool    // the last record that opened was encrypted
	cipher    bool    // TLS 1.2: what comes is encrypted
	missed    bool    // TLS 1.2: ChangeCipherSpec may have been lost
	ahead     bool    // TLS 1.3: records may come first that no epoch opens
	tried     int     // bytes opened in vain, up to maxTrial
	dead      error
}

// An epoch is the use of one key.
type epoch struct {
	traffic secret // TLS 1.3 only
	opener  opener
}

// NewDecrypter returns a Decrypter for what the client or the server sent from
// the connection's first record on. The error is ErrNoSecret or ErrUnsupported,
// wrapped.
func NewDecrypter(s *Session, k *KeyLog, client bool) (*Decrypter, error) {
	suite, ok := suiteOf(s.Suite)
	if !ok || !suite.fits(s.Version) {
		return nil, fmt.Errorf("version %#04x, suite %#04x: %w", s.Version, s.Suite, ErrUnsupported)
	}
	d := &Decrypter{suite: suite}
	init := d.init12
	if suite.tls13 {
		init = d.init13
	}
	if err := init(s, k, client); err != nil {
		return nil, err
	}
	return d, nil
}

// Format implements fmt.Formatter.
func (d *Decrypter) Format(f fmt.State, _ rune) { io.WriteString(f, "decrypter") }

// init12 derives the keys of TLS 1.2 and before.
func (d *Decrypter) init12(s *Session, k *KeyLog, client bool) error {
	master := k.find(labelMaster, s.ClientRandom)
	if master == nil {
		return ErrNoSecret
	}
	keys := keysOf(d.suite, s, master, client)
	var o opener
	var err error
	if d.suite.cipher == aesCBC {
		o, err = newCBC(d.suite, s, keys)
	} else {
		o, err = newAEAD12(d.suite, keys)
	}
	d.epochs = []epoch{{opener: o}}
	return err
}

// init13 derives the keys of TLS 1.3.
func (d *Decrypter) init13(s *Session, k *KeyLog, client bool) error {
	handshake, traffic := labelServerHandshake, labelServerTraffic
	if client {
		handshake, traffic = labelClientHandshake, labelClientTraffic
	}
	if k.find(traffic, s.ClientRandom) == nil {
		return ErrNoSecret
	}
	labels := []string{handshake, traffic}
	if client && s.EarlyData {
		labels = []string{labelEarly, handshake, traffic}
		if s.EarlyRefused { // no application saw it
			labels, d.ahead = labels[1:], true
		}
	}
	for _, l := range labels {
		found := k.find(l, s.ClientRandom)
		if found == nil || found.n != d.suite.hash.Size() {
			d.ahead = true
			continue
		}
		if err := d.addEpoch(*found); err != nil {
			return err
		}
	}
	if len(d.epochs) == 0 {
		return ErrNoSecret // secrets of another hash
	}
	return nil
}

// addEpoch adds the key of a traffic secret.
func (d *Decrypter) addEpoch(traffic secret) error {
	o, err := newAEAD13(d.suite, &traffic)
	if err == nil {
		d.epochs = append(d.epochs, epoch{traffic, o})
	}
	return err
}

// Miss tells that up to n records may be missing before the next one.
func (d *Decrypter) Miss(n int) {
	d.widen(n)
	d.missed = true
}

// Sealed reports whether the last record that opened was encrypted.
func (d *Decrypter) Sealed() bool { return d.sealed }

// Skipped returns how many records were missing or failed right before the
// last one that opened, those under an earlier key left out.
func (d *Decrypter) Skipped() uint64 { return d.skipped }

// widen makes up to n more records possible before the next one.
func (d *Decrypter) widen(n int) {
	d.high = min(d.high+uint64(max(n, 0)), d.low+maxSearch)
}

// Open opens the next record and appends what it holds to dst. It returns the
// content type, which in TLS 1.3 stands inside, and the appended part, without
// padding. What is not encrypted is appended as it is. After an error the next
// record can be opened nevertheless, unless it is ErrRenegotiated, which stays.
// Open allocates nothing if dst has room for the fragment.
func (d *Decrypter) Open(dst []byte, r Record, fragment []byte) (typ uint8, plain []byte, err error) {
	if d.dead != nil {
		return 0, nil, d.dead
	}
	dst = slices.Grow(dst, len(fragment))
	if d.sealed = !d.clear(r); !d.sealed {
		plain = append(dst, fragment...)
		return r.Type, plain[len(dst):], nil
	}
	typ, plain, ok := d.search(dst, r, fragment)
	switch {
	case ok && !d.suite.tls13:
		d.cipher = true
		if typ == TypeChangeCipherSpec {
			d.dead = ErrRenegotiated
			return 0, nil, d.dead
		}
		return typ, plain[len(dst):], nil
	case ok:
		d.ahead = false
		return typ, plain[len(dst):], nil
	case !d.suite.tls13 && !d.cipher: // sent before ChangeCipherSpec
		d.sealed = false
		plain = append(dst, fragment...)
		return r.Type, plain[len(dst):], nil
	case d.ahead:
		return 0, nil, ErrNoSecret
	}
	d.widen(1)
	if c, ok := d.epochs[0].opener.(*cbc); ok {
		c.pass(fragment)
	}
	return 0, nil, ErrAuthentication
}

// clear reports whether a record is not encrypted, and notes when TLS 1.2 changes
// that. A handshake record after a loss may be either.
func (d *Decrypter) clear(r Record) bool {
	if d.suite.tls13 {
		return r.Type != TypeApplicationData
	}
	if d.cipher {
		return false
	}
	switch {
	case r.Type == TypeChangeCipherSpec:
		d.cipher, d.low, d.high = true, 0, 0
		return true
	case r.Type == TypeApplicationData, r.Type == TypeAlert && r.Len > alertLen:
		d.cipher = true
		return false
	}
	return !d.missed
}

// search opens a record with the keys and numbers that it may have.
func (d *Decrypter) search(dst []byte, r Record, fragment []byte) (typ uint8, plain []byte, ok bool) {
	low, wide := d.low, d.high-d.low
	for i := 0; i < len(d.epochs); i++ {
		first := low
		if d.tried > maxTrial {
			first += wide
		}
		for seq := first; seq <= low+wide; seq++ {
			if typ, plain, ok = d.epochs[i].opener.open(dst, seq, r, fragment); ok {
				d.opened(i, seq)
				return typ, plain, true
			}
			d.tried += len(fragment)
		}
		if len(d.epochs) == 1 {
			d.update()
		}
		low = 0
	}
	return 0, nil, false
}

// opened notes which key a record was opened with, and its number.
func (d *Decrypter) opened(epoch int, seq uint64) {
	d.skipped = seq - d.low
	if epoch > 0 {
		d.skipped = seq
	}
	d.epochs = slices.Delete(d.epochs, 0, epoch)
	d.low, d.high = seq+1, seq+1
}

// update adds the key after a KeyUpdate (RFC 8446 §4.6.3).
func (d *Decrypter) update() {
	if !d.suite.tls13 {
		return
	}
	next, err := nextTraffic(d.suite, &d.epochs[0].traffic)
	if err == nil {
		d.dead = d.addEpoch(next)
	}
}
