package mesh

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/tls"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// secretKeyLog is the type of a decryption secrets block that holds a TLS key
// log ("TLSK", draft-ietf-opsawg-pcapng).
const secretKeyLog = 0x544c534b

// openKeys reads the key logs with the given names.
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
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("key log %s: %w", name, cause(err))
	}
	defer f.Close()
	var one tls.KeyLog
	if err := one.Read(f); err != nil {
		return fmt.Errorf("key log %s: %w", name, cause(err))
	}
	if info, err := f.Stat(); one.Len() == 0 && err == nil && info.Size() > 0 {
		return fmt.Errorf("key log %s: %w", name, ErrNoKeys)
	}
	k.Merge(&one)
	return nil
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
func (r *Result) decrypt(conns []*conn) error {
	x := r.x
	if x.keys.Len() == 0 {
		return nil
	}
	x.plain = make(map[halfNo]*plaintext)
	want := make([]reassembly.HalfSet, len(x.groups))
	for _, c := range conns {
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
		errs = append(errs, reassembly.Read(r.groups[g], x.groups[g].table, &want[g], l))
	}
	if err := errors.Join(errs...); err != nil {
		x.plain = nil
		return err
	}
	x.keepOpened(conns, scans)
	return nil
}

// unseal notes of both halves of c how to open them, if that is known.
func (x *index) unseal(c *conn) {
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
	if !ok {
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
// Connections of which no record could be opened stay what they are.
func (x *index) keepOpened(conns []*conn, scans []*scan) {
	opened := make([]reassembly.HalfSet, len(scans))
	for _, c := range conns {
		if x.plain[c.lead()] == nil {
			continue
		}
		futile := false
		for h := range c.halves {
			p := x.plain[h]
			futile = futile || p.failed > 0 && p.opened == 0
			x.note(h, p.notes()...)
		}
		for h := range c.halves {
			g, id := x.locate(h)
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

// An unsealer is the layer between assembler and scanners: bytes of TLS
// records in, plaintext of application data out. It passes on other halves
// unchanged. What is missing or cannot be opened becomes a gap, of exact length
// where the record's header was seen, otherwise as long as on the wire.
type unsealer struct {
	x     *index
	group int
	next  reassembly.Consumer
	learn bool // the first time: keep where plaintext lies on the wire
	open  map[reassembly.HalfID]*unsealing
	pass  *unsealing // the half being fed
	buf   []byte     // plaintext of one record
}

// An unsealing is the state of a half that is being decrypted.
type unsealing struct {
	*plaintext
	scanner   tls.Scanner
	decrypter *tls.Decrypter
	peer      metadata
	at        reassembly.At // the packet at hand; Off counts on the wire
	off       int64         // plaintext offset of the next byte
	skip      int64         // plaintext bytes that are not wanted
	from      int64         // stream offset of the first record that is missing
	to        int64         // and after the last
	missing   int64         // plaintext bytes that may be missing before the next record, as far as headers tell
	records   int64         // in how many records
	lost      int64         // bytes on the wire besides, whose headers are missing too
	certain   bool          // they are: no need to ask how many records were passed over
}

// Open implements reassembly.Consumer.
func (l *unsealer) Open(h reassembly.HalfID, syn bool, at reassembly.At) {
	l.next.Open(h, syn, at)
	p := l.x.plain[l.x.number(l.group, h)]
	if p == nil {
		return
	}
	d, err := tls.NewDecrypter(p.session, l.x.keys, p.client)
	if err != nil {
		return // cannot be: it was tried before
	}
	if l.open == nil {
		l.open = make(map[reassembly.HalfID]*unsealing)
	}
	if !l.learn { // others may read the same half now
		p = &plaintext{session: p.session, client: p.client}
	}
	u := &unsealing{plaintext: p, decrypter: d, peer: metadata{begun: !syn}}
	u.scanner.Reset(syn)
	l.open[h] = u
}

// Bind implements reassembly.Consumer.
func (l *unsealer) Bind(a, b reassembly.HalfID) { l.next.Bind(a, b) }

// Bytes implements reassembly.Consumer.
func (l *unsealer) Bytes(at reassembly.At, p []byte) int64 {
	u := l.open[at.Half]
	if u == nil {
		return l.next.Bytes(at, p)
	}
	l.pass, u.at = u, at
	u.scanner.Feed(at.Off, p, l)
	return 0
}

// Skip implements reassembly.Consumer. Nothing is skipped of TLS: every record
// counts.
func (l *unsealer) Skip(at reassembly.At, n int64) {
	if l.open[at.Half] == nil {
		l.next.Skip(at, n)
	}
}

// Gap implements reassembly.Consumer.
func (l *unsealer) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	u := l.open[at.Half]
	if u == nil {
		l.next.Gap(at, n, why, next)
		return
	}
	l.pass, u.at = u, at
	u.scanner.Gap(at.Off, n, l)
}

// Close implements reassembly.Consumer.
func (l *unsealer) Close(h reassembly.HalfID, how reassembly.End, at reassembly.At) {
	u := l.open[h]
	if u == nil {
		l.next.Close(h, how, at)
		return
	}
	l.pass, u.at = u, at
	u.scanner.Close(at.Off, l)
	l.deliver(u, u.peer.end())
	u.end()
	l.gap(u)
	at.Off = u.off
	u.len = u.off
	l.next.Close(h, how, at)
	delete(l.open, h)
}

// Header implements tls.Handler: all records are wanted.
func (l *unsealer) Header(tls.Record) bool { return true }

// Fragment implements tls.Handler.
func (l *unsealer) Fragment(r tls.Record, p []byte) {
	u := l.pass
	if p == nil {
		u.decrypter.Miss(1)
		l.miss(u, r)
		return
	}
	typ, plain, err := u.decrypter.Open(l.buf[:0], r, p)
	if err != nil {
		l.refuse(u, r, err)
		return
	}
	l.buf = plain[:0]
	if u.decrypter.Sealed() {
		u.opened++
	}
	l.gap(u)
	if typ != tls.TypeApplicationData {
		return
	}
	if l.learn {
		u.spans = append(u.spans, recordSpan{u.off, r.Off, r.End() - r.Off})
	}
	l.deliver(u, u.peer.strip(plain))
}

// refuse handles a record that cannot be opened.
func (l *unsealer) refuse(u *unsealing, r tls.Record, err error) {
	switch {
	case errors.Is(err, tls.ErrAuthentication):
		u.failed++
	case !errors.Is(err, tls.ErrNoSecret):
		u.err, u.certain = err, true
	case !u.session.EarlyData || u.session.EarlyRefused: // of the handshake, or of no account
		return
	default:
		u.early++
		u.certain = true
	}
	l.miss(u, r)
}

// Lost implements tls.Handler.
func (l *unsealer) Lost(off, n int64) {
	u := l.pass
	u.decrypter.Miss(int(min(n, 1<<30))/minRecord + 1)
	u.note(off, off+n)
	u.lost += n
}

// tls13 is the number of TLS 1.3 (RFC 8446 §4.1.2).
const tls13 = 0x0304

// minRecord is the length in bytes of the shortest encrypted record.
const minRecord = tls.HeaderLen + 17

// miss notes a record whose content is missing.
func (l *unsealer) miss(u *unsealing, r tls.Record) {
	if r.Type == tls.TypeApplicationData {
		u.note(r.Off, r.End())
		u.missing += int64(u.session.PlainLen(r.Len))
		u.records++
	}
}

// note notes that plaintext may be missing, in [from, to) on the wire. In TLS 1.3
// it may have been handshake messages: the number of the next record tells.
func (u *unsealing) note(from, to int64) {
	if u.missing+u.lost == 0 {
		u.from = from
	}
	u.to = to
}

// end settles what is missing at the end, where no record follows that tells: in
// TLS 1.3 a single short one was an alert.
func (u *unsealing) end() {
	if u.session.Version == tls13 && u.lost == 0 && u.records == 1 && u.missing == alertLen {
		u.missing, u.records = 0, 0
	}
	u.certain = true
	u.vague = u.vague || u.missing+u.lost > 0
}

// absent returns how many plaintext bytes are missing. The number of the next
// record tells how many records were lost with their headers, and so how much of
// what was on the wire was not plaintext.
func (u *unsealing) absent() int64 {
	if u.certain {
		return u.missing + u.lost
	}
	skipped := int64(u.decrypter.Skipped())
	if skipped == 0 {
		return 0
	}
	if u.off == 0 && u.session.Version == tls13 || u.lost > 0 && !u.session.Exact() { // TLS 1.3: may have been session tickets
		u.vague = true
	}
	const any = 1 << 10 // bytes
	over := int64(tls.HeaderLen + any - u.session.PlainLen(any))
	return u.missing + max(0, u.lost-max(0, skipped-u.records)*over)
}

// gap passes on as a gap what is missing, if it is.
func (l *unsealer) gap(u *unsealing) {
	n := u.absent()
	u.missing, u.records, u.lost, u.certain = 0, 0, 0, false
	if n == 0 {
		return
	}
	l.deliver(u, u.peer.end())
	k := min(u.peer.left, n)
	u.peer.left -= k
	if n -= k; n == 0 {
		return
	}
	at := u.at
	at.Off = u.off
	if l.learn {
		u.spans = append(u.spans, recordSpan{u.off, u.from, u.to - u.from})
	}
	u.off += n
	u.skip = max(0, u.skip-n)
	l.next.Gap(at, n, reassembly.GapLost, at.Ref)
}

// deliver passes on plaintext.
func (l *unsealer) deliver(u *unsealing, p []byte) {
	at := u.at
	at.Off = u.off
	u.off += int64(len(p))
	if k := min(u.skip, int64(len(p))); k > 0 {
		l.next.Skip(at, k)
		at.Off += k
		u.skip -= k
		p = p[k:]
	}
	if len(p) > 0 {
		u.skip = l.next.Bytes(at, p)
	}
}

// A metadata passes over the message in which Istio's proxies tell each other
// who they are, before any payload of raw TCP (ALPN istio-peer-exchange): 3D 23
// 04 67, a length of four bytes, and as many bytes of protobuf (istio/proxy,
// metadata_exchange_initial_header.h).
type metadata struct {
	begun bool   // it has been passed, or there is none
	head  []byte // what has come of the first eight bytes
	left  int64  // bytes of the message still to come
}

const (
	metadataMagic   = "\x3d\x23\x04\x67"
	metadataHeadLen = 8
	maxMetadata     = 1 << 20 // bytes; real ones have a few hundred
)

// strip returns what is payload of p, with bytes before it that were held back.
func (m *metadata) strip(p []byte) []byte {
	if !m.begun {
		if p = append(m.head, p...); !m.greets(p) {
			return p
		}
	}
	k := min(m.left, int64(len(p)))
	m.left -= k
	return p[k:]
}

// greets tells whether p, the first payload, is such a message as far as it
// goes, and notes how long it is once that is known.
func (m *metadata) greets(p []byte) bool {
	k := min(len(p), len(metadataMagic))
	m.begun = len(p) >= metadataHeadLen || string(p[:k]) != metadataMagic[:k]
	if string(p[:k]) != metadataMagic[:k] {
		return false
	}
	m.head, m.left = p, int64(len(p))
	if !m.begun {
		return true
	}
	if m.left = metadataHeadLen + int64(binary.BigEndian.Uint32(p[len(metadataMagic):])); m.left > maxMetadata {
		m.left = 0
	}
	return m.left > 0
}

// end returns what was held back: no such message comes any more.
func (m *metadata) end() []byte {
	if m.begun {
		return nil
	}
	m.begun, m.left = true, 0
	return m.head
}
