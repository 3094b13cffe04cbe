package mesh

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// secretKeyLog is the type of a decryption secrets block that holds a TLS key
// log ("TLSK", draft-ietf-opsawg-pcapng).
const secretKeyLog = 0x544c534b

// openKeys reads the key logs with the given names; "-" is standard input.
func openKeys(names []string) (*tls.KeyLog, error) {
	k := new(tls.KeyLog)
	for _, name := range names {
		if err := readKeys(k, name); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func readKeys(k *tls.KeyLog, name string) error {
	f := os.Stdin
	if name != "-" {
		var err error
		if f, err = os.Open(name); err != nil {
			return fmt.Errorf("key log %s: %w", name, cause(err))
		}
		defer f.Close()
	}
	text, err := unzipped(f)
	if err != nil {
		return fmt.Errorf("key log %s: %w", name, cause(err))
	}
	_, err = text.Peek(1)
	var one tls.KeyLog
	if err := one.Read(text); err != nil {
		return fmt.Errorf("key log %s: %w", name, cause(err))
	}
	if one.Len() == 0 && err == nil {
		return fmt.Errorf("key log %s: %w", name, ErrNoKeys)
	}
	k.Merge(&one)
	return nil
}

// unzipped reads a file as it is, or what gzip made it from.
func unzipped(f io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReader(f)
	if magic, _ := b.Peek(2); string(magic) != "\x1f\x8b" {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, err
	}
	return bufio.NewReader(z), nil
}

// addSecrets adds the key logs that a pcapng file holds.
func (x *index) addSecrets(secrets []capture.Secret) {
	for _, s := range secrets {
		if s.Type == secretKeyLog {
			_ = x.keys.Read(bytes.NewReader(s.Data)) // memory does not fail
		}
	}
}

// ErrNoKeys is the error of a key log that is not empty and in which no line is
// a secret.
var ErrNoKeys = errors.New("holds no TLS secret")

// decrypt reads the TLS halves for which there are keys once more, and makes
// what it finds in them take the place of what pass 1 found. The keys and the
// parameters of a connection may come after its records; that is why.
// Of each group it reads the inputs given.
func decrypt(x *index, inputs [][]*capture.Input, pairs []pair) error {
	if x.keys.Len() == 0 {
		return nil
	}
	x.plain = make(map[halfNo]*plaintext)
	want := make([]reassembly.HalfSet, len(x.groups))
	for _, c := range pairs {
		x.unseal(c)
		for h := range c.halves {
			if x.plain[h] != nil {
				g, id := x.locate(h)
				want[g].Add(id)
			}
		}
	}
	var errs []error
	scans := make([]*scan, len(want))
	for g := range want {
		if want[g].Empty() {
			continue
		}
		scans[g] = newScan(x.groups[g].table, x.groups[g].points)
		scans[g].sealed = true // turns may have to be compared with those of a leg without keys
		l := &unsealer{x: x, group: g, next: scans[g], learn: true}
		errs = append(errs, reassembly.Read(inputs[g], x.groups[g].table, &want[g], l))
	}
	if err := errors.Join(errs...); err != nil {
		x.plain = nil
		return err
	}
	x.keepOpened(pairs, scans)
	return nil
}

// unseal notes of both halves of c how to open them, if that is known.
func (x *index) unseal(c pair) {
	if c.orig == 0 || c.reply == 0 {
		return
	}
	orig, reply := x.seal(c.orig), x.seal(c.reply)
	if orig == nil || reply == nil {
		return
	}
	client := c.orig
	if reply.facts.Hello.Client { // the orientation was guessed wrong, or TLS runs backwards
		orig, reply, client = reply, orig, c.reply
	}
	session, ok := tls.SessionOf(orig.facts, reply.facts)
	if !ok || !x.keys.Has(session.ClientRandom) {
		return
	}
	for _, fromClient := range []bool{true, false} {
		if _, err := tls.NewDecrypter(session, x.keys, fromClient); err != nil {
			if !errors.Is(err, tls.ErrNoSecret) {
				x.note(c.orig, err.Error())
			}
			return
		}
	}
	for h := range c.halves {
		x.plain[h] = &plaintext{session: session, client: h == client}
	}
}

// keepOpened makes the second scans those of the halves that were decrypted.
func (x *index) keepOpened(pairs []pair, scans []*scan) {
	opened := make([]reassembly.HalfSet, len(scans))
	for _, c := range pairs {
		if x.plain[c.lead()] == nil {
			continue
		}
		futile := x.futile(c, scans)
		for h := range c.halves {
			g, id := x.locate(h)
			x.note(h, x.plain[h].notes()...)
			if futile {
				delete(x.plain, h)
				continue
			}
			opened[g].Add(id)
			if x.plain[h].vague {
				scans[g].records.At(uint32(id)).print.Cut()
			}
		}
	}
	for g, s := range scans {
		if s != nil {
			x.adopt(g, s, &opened[g])
		}
	}
}

// futile tells whether decrypting c was in vain: nothing of a half could be
// opened, or packets were cut so short that more is missing than there is. Then
// record headers say more.
func (x *index) futile(c pair, scans []*scan) bool {
	var there, lost, cut int64
	for h := range c.halves {
		p := x.plain[h]
		if p.failed > 0 && p.opened == 0 {
			return true
		}
		g, id := x.locate(h)
		n := scans[g].records.At(uint32(id)).lost
		there, lost, cut = there+p.len-n, lost+n, cut+p.cut
	}
	return min(lost, cut) > there
}

// note keeps notes on a half for its leg.
func (x *index) note(h halfNo, notes ...string) {
	if len(notes) == 0 {
		return
	}
	if x.notes == nil {
		x.notes = make(map[halfNo][]string)
	}
	x.notes[h] = append(x.notes[h], notes...)
}

// decrypted returns a consumer that passes on to next what halves of a group
// hold: those that are decrypted as plaintext, others as they are.
func (x *index) decrypted(group int, next reassembly.Consumer) reassembly.Consumer {
	if len(x.plain) == 0 {
		return next
	}
	return &unsealer{x: x, group: group, next: next}
}
