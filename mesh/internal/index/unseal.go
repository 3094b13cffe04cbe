package index

import (
	"errors"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// An opener is the layer between assembler and scanners: bytes of TLS
// records in, plaintext of application data out. It passes on other halves
// unchanged. What is missing or cannot be opened becomes a gap, of exact length
// as far as record headers and numbers tell it.
type opener struct {
	x     *Index
	group int
	next  reassembly.Consumer
	learn bool // the first time: keep where plaintext lies on the wire
	open  map[reassembly.HalfID]*unsealing
	pass  *unsealing // the half being fed
	buf   []byte     // plaintext of one record
}

// An unsealing is the state of a half that is being decrypted.
type unsealing struct {
	*Plaintext
	scanner   tls.Scanner
	decrypter *tls.Decrypter
	over      int64 // by how much records are longer than plaintext
	slack     int64 // and by how much more
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
func (l *opener) Open(h reassembly.HalfID, syn bool, at reassembly.At) {
	l.next.Open(h, syn, at)
	p := l.x.Plain[l.x.Number(l.group, h)]
	if p == nil {
		return
	}
	d, err := tls.NewDecrypter(p.session, l.x.Keys, p.client)
	if err != nil {
		return // cannot be: it was tried before
	}
	if l.open == nil {
		l.open = make(map[reassembly.HalfID]*unsealing)
	}
	if !l.learn { // others may read the same half now
		p = &Plaintext{session: p.session, client: p.client}
	}
	u := &unsealing{Plaintext: p, decrypter: d, peer: metadata{begun: !syn}}
	u.over, u.slack = tls.Overhead(p.session.Version, p.session.Suite)
	u.scanner.Reset(syn)
	l.open[h] = u
}

// Bind implements reassembly.Consumer.
func (l *opener) Bind(a, b reassembly.HalfID) { l.next.Bind(a, b) }

// Bytes implements reassembly.Consumer.
func (l *opener) Bytes(at reassembly.At, p []byte) int64 {
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
func (l *opener) Skip(at reassembly.At, n int64) {
	if l.open[at.Half] == nil {
		l.next.Skip(at, n)
	}
}

// Gap implements reassembly.Consumer.
func (l *opener) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	u := l.open[at.Half]
	if u == nil {
		l.next.Gap(at, n, why, next)
		return
	}
	if why == reassembly.GapSnaplen {
		u.cut += n
	}
	l.pass, u.at = u, at
	u.scanner.Gap(at.Off, n, l)
}

// Close implements reassembly.Consumer.
func (l *opener) Close(h reassembly.HalfID, how reassembly.End, at reassembly.At) {
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
	u.Len = u.off
	l.next.Close(h, how, at)
	delete(l.open, h)
}

// Header implements tls.Handler: all records are wanted.
func (l *opener) Header(tls.Record) bool { return true }

// Fragment implements tls.Handler.
func (l *opener) Fragment(r tls.Record, p []byte) {
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
func (l *opener) refuse(u *unsealing, r tls.Record, err error) {
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
func (l *opener) Lost(off, n int64) {
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
func (l *opener) miss(u *unsealing, r tls.Record) {
	if r.Type == tls.TypeApplicationData {
		u.note(r.Off, r.End())
		u.missing += max(0, int64(r.Len)-u.over)
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
	if u.session.Version == tls13 && u.lost == 0 && u.records == 1 && u.missing == scan.AlertLen {
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
	if u.off == 0 && u.session.Version == tls13 || u.lost > 0 && u.slack > 0 { // TLS 1.3: may have been session tickets
		u.vague = true
	}
	return u.missing + max(0, u.lost-max(0, skipped-u.records)*(tls.HeaderLen+u.over))
}

// gap passes on as a gap what is missing, if it is.
func (l *opener) gap(u *unsealing) {
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
func (l *opener) deliver(u *unsealing, p []byte) {
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
