package index

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// SecretKeyLog is the type of a decryption secrets block that holds a TLS key
// log ("TLSK", draft-ietf-opsawg-pcapng).
const SecretKeyLog = 0x544c534b

// OpenKeys reads the key logs with the given names; "-" is standard input.
func OpenKeys(ctx context.Context, names []string) (*tls.KeyLog, error) {
	k := new(tls.KeyLog)
	for _, name := range names {
		if err := readKeys(ctx, k, name); err != nil {
			return nil, fmt.Errorf("key log %s: %w", name, Cause(err))
		}
	}
	return k, nil
}

func readKeys(ctx context.Context, k *tls.KeyLog, name string) error {
	text, err := OpenText(ctx, name)
	if err != nil {
		return err
	}
	defer text.Close()
	_, err = text.Peek(1)
	var one tls.KeyLog
	if err := one.Read(text); err != nil {
		return err
	}
	if one.Len() == 0 && err == nil {
		return ErrNoKeys
	}
	k.Merge(&one)
	return nil
}

// AddSecrets adds the key logs that a pcapng file holds.
func (x *Index) AddSecrets(secrets []capture.Secret) {
	for _, s := range secrets {
		if s.Type == SecretKeyLog {
			_ = x.Keys.Read(bytes.NewReader(s.Data)) // memory does not fail
		}
	}
}

// ErrNoKeys is the error of a key log that is not empty and in which no line is
// a secret.
var ErrNoKeys = errors.New("holds no TLS secret")

// Decrypt reads the TLS halves for which there are keys once more, and makes
// what it finds in them take the place of what pass 1 found. The keys and the
// parameters of a connection may come after its records; that is why.
// Of each group it reads the inputs given.
func Decrypt(ctx context.Context, x *Index, inputs [][]*capture.Input, pairs []Pair) error {
	if x.Keys.Len() == 0 {
		return nil
	}
	x.Plain = make(map[HalfNo]*Plaintext)
	want := make([]reassembly.HalfSet, len(x.Groups))
	for _, c := range pairs {
		x.unseal(c)
		for h := range c.Halves {
			if x.Plain[h] != nil {
				g, id := x.Locate(h)
				want[g].Add(id)
			}
		}
	}
	var errs []error
	scans := make([]*scan.Scan, len(want))
	for g := range want {
		if want[g].Empty() {
			continue
		}
		scans[g] = scan.New(x.Groups[g].Table, x.Groups[g].Points)
		scans[g].Sealed = true // turns may have to be compared with those of a leg without keys
		l := &opener{x: x, group: g, next: scans[g], learn: true}
		errs = append(errs, reassembly.Read(ctx, inputs[g], x.Groups[g].Table, &want[g], l))
	}
	if err := errors.Join(errs...); err != nil {
		x.Plain = nil
		return err
	}
	x.keepOpened(pairs, scans)
	return nil
}

// unseal notes of both halves of c how to open them, if that is known.
func (x *Index) unseal(c Pair) {
	if c.Orig == 0 || c.Reply == 0 {
		return
	}
	orig, reply := x.TLS(c.Orig), x.TLS(c.Reply)
	if orig == nil || reply == nil {
		return
	}
	client := c.Orig
	if reply.Facts.Hello.Client { // the orientation was guessed wrong, or TLS runs backwards
		orig, reply, client = reply, orig, c.Reply
	}
	session, ok := tls.SessionOf(orig.Facts, reply.Facts)
	if !ok || !x.Keys.Has(session.ClientRandom) {
		return
	}
	for _, fromClient := range []bool{true, false} {
		if _, err := tls.NewDecrypter(session, x.Keys, fromClient); err != nil {
			if !errors.Is(err, tls.ErrNoSecret) {
				x.note(c.Orig, err.Error())
			}
			return
		}
	}
	for h := range c.Halves {
		x.Plain[h] = &Plaintext{session: session, client: h == client}
	}
}

// keepOpened makes the second scans those of the halves that were decrypted.
func (x *Index) keepOpened(pairs []Pair, scans []*scan.Scan) {
	opened := make([]reassembly.HalfSet, len(scans))
	for _, c := range pairs {
		if x.Plain[c.Lead()] == nil {
			continue
		}
		futile := x.futile(c, scans)
		for h := range c.Halves {
			g, id := x.Locate(h)
			x.note(h, x.Plain[h].notes()...)
			if futile {
				delete(x.Plain, h)
				continue
			}
			opened[g].Add(id)
			if x.Plain[h].vague {
				scans[g].Contents.At(uint32(id)).Print.Cut()
			}
		}
	}
	for g, s := range scans {
		if s != nil {
			x.adopt(g, s, &opened[g])
		}
	}
}

// futile reports whether decrypting c was in vain: nothing of a half could be
// opened, or packets were cut so short that more is missing than there is. Then
// record headers say more.
func (x *Index) futile(c Pair, scans []*scan.Scan) bool {
	var there, lost, cut int64
	for h := range c.Halves {
		p := x.Plain[h]
		if p.failed > 0 && p.opened == 0 {
			return true
		}
		g, id := x.Locate(h)
		n := scans[g].Contents.At(uint32(id)).Lost
		there, lost, cut = there+p.Len-n, lost+n, cut+p.cut
	}
	return min(lost, cut) > there
}

// note keeps notes on a half for its leg.
func (x *Index) note(h HalfNo, notes ...string) {
	if len(notes) == 0 {
		return
	}
	if x.Notes == nil {
		x.Notes = make(map[HalfNo][]string)
	}
	x.Notes[h] = append(x.Notes[h], notes...)
}

// Decrypted returns a consumer that passes on to next what halves of a group
// hold: those that are decrypted as plaintext, others as they are.
func (x *Index) Decrypted(group int, next reassembly.Consumer) reassembly.Consumer {
	if len(x.Plain) == 0 {
		return next
	}
	return &opener{x: x, group: group, next: next}
}

// ClientRandom returns the random of the ClientHello on half h, if it has one.
func (x *Index) ClientRandom(h HalfNo) (random [32]byte, ok bool) {
	s := x.OnWire().TLS(h)
	if s == nil || !s.Facts.Known || !s.Facts.Hello.Client {
		return random, false
	}
	return s.Facts.Hello.Random, true
}

// Cause strips what the os package says of a temporary name.
func Cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
