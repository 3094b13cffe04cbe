package tls

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Labels of a key log (draft-ietf-tls-keylogfile, RFC 9850). Other labels
// mean secrets that open no record.
const (
	labelMaster          = "CLIENT_RANDOM" // TLS 1.2 and before: the master secret
	labelEarly           = "CLIENT_EARLY_TRAFFIC_SECRET"
	labelClientHandshake = "CLIENT_HANDSHAKE_TRAFFIC_SECRET"
	labelServerHandshake = "SERVER_HANDSHAKE_TRAFFIC_SECRET"
	labelClientTraffic   = "CLIENT_TRAFFIC_SECRET_0"
	labelServerTraffic   = "SERVER_TRAFFIC_SECRET_0"
)

// maxKeyLine is the longest line of a key log in bytes. The longest known
// label with a secret of 48 bytes takes 200.
const maxKeyLine = 4 << 10

// maxSecret is the length of the longest secret in bytes: SHA-384's, and that
// of every master secret (RFC 5246 §8.1).
const maxSecret = 48

// A KeyLog holds the secrets of connections by their client random. The zero
// KeyLog is empty. However it is printed, it shows no secret.
type KeyLog struct {
	entries map[[32]byte][]keyEntry
}

// A keyEntry is one line of a key log.
type keyEntry struct {
	label  string
	secret secret
}

// A secret is key material. However it is printed, it does not show.
type secret struct {
	n int
	b [maxSecret]byte
}

// Format implements fmt.Formatter.
func (secret) Format(f fmt.State, _ rune) { io.WriteString(f, "secret") }

// Format implements fmt.Formatter.
func (k KeyLog) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "key log of %d connections", len(k.entries))
}

// bytes returns the secret's bytes, which the caller must not change.
func (s *secret) bytes() []byte { return s.b[:s.n] }

// Read adds the lines of a key log as NSS and others write it: label, client
// random and secret, separated by spaces. Comments, empty lines, labels of no
// use, and what cannot be read are passed over. Of two secrets for the same
// purpose the first is kept. The error is that of r.
func (k *KeyLog) Read(r io.Reader) error {
	b := bufio.NewReaderSize(r, maxKeyLine)
	long := false // the line at hand is too long
	for {
		line, err := b.ReadSlice('\n')
		if !long && !errors.Is(err, bufio.ErrBufferFull) {
			k.add(line)
		}
		long = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case err == io.EOF:
			return nil
		case err != nil && !long:
			return err
		}
	}
}

// Len returns the number of connections with a secret.
func (k *KeyLog) Len() int { return len(k.entries) }

// Has reports whether there is a secret of the connection with the given client
// random.
func (k *KeyLog) Has(clientRandom [32]byte) bool { return len(k.entries[clientRandom]) > 0 }

// AppendLines appends the lines of one connection to b, as a key log has them,
// in a fixed order. They are secrets.
func (k *KeyLog) AppendLines(b []byte, clientRandom [32]byte) []byte {
	entries := slices.Clone(k.entries[clientRandom])
	slices.SortFunc(entries, func(a, b keyEntry) int { return bytes.Compare([]byte(a.label), []byte(b.label)) })
	for i := range entries {
		b = append(append(b, entries[i].label...), ' ')
		b = append(hex.AppendEncode(b, clientRandom[:]), ' ')
		b = append(hex.AppendEncode(b, entries[i].secret.bytes()), '\n')
	}
	return b
}

// add adds one line.
func (k *KeyLog) add(line []byte) {
	words := bytes.Fields(line)
	if len(words) != 3 {
		return
	}
	label := knownLabel(words[0])
	var random [32]byte
	var s secret
	if label == "" || len(words[1]) != 2*len(random) || len(words[2]) > 2*maxSecret {
		return
	}
	_, err := hex.Decode(random[:], words[1])
	n, err2 := hex.Decode(s.b[:], words[2])
	if err != nil || err2 != nil || n == 0 {
		return
	}
	s.n = n
	k.keep(random, keyEntry{label, s})
}

// keep adds an entry unless there is one for the same purpose.
func (k *KeyLog) keep(random [32]byte, e keyEntry) {
	if k.find(e.label, random) != nil {
		return
	}
	if k.entries == nil {
		k.entries = make(map[[32]byte][]keyEntry)
	}
	k.entries[random] = append(k.entries[random], e)
}

// Merge adds what k does not have of the secrets of o.
func (k *KeyLog) Merge(o *KeyLog) {
	for random, entries := range o.entries {
		for _, e := range entries {
			k.keep(random, e)
		}
	}
}

// knownLabel returns the label that b is, "" for one of no use here.
func knownLabel(b []byte) string {
	for _, l := range [...]string{labelMaster, labelEarly, labelClientHandshake, labelServerHandshake, labelClientTraffic, labelServerTraffic} {
		if string(b) == l {
			return l
		}
	}
	return ""
}

// find returns the secret with the given label, nil if there is none.
func (k *KeyLog) find(label string, random [32]byte) *secret {
	entries := k.entries[random]
	for i := range entries {
		if entries[i].label == label {
			return &entries[i].secret
		}
	}
	return nil
}
