package index_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/internal/wire/fingerprint"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A sealedTalk is a connection that speaks TLS, each record of data in a packet of
// its own, and its key log.
type sealedTalk struct {
	tr   *pcap.Trace
	keys string
}

// seal has a client and a server speak.
func seal(t *testing.T, version uint16, talk ...sim.Saying) *sealedTalk {
	t.Helper()
	tr := new(pcap.Trace)
	keys := sim.SpeakTLS(t, testindex.On(tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), version, 65000, talk...)
	return &sealedTalk{tr, keys}
}

// sent lists the packets with payload of a side.
func (k *sealedTalk) sent(client bool) (out []*pcap.Packet) {
	for i := k.tr.Len() - 1; i >= 0; i-- {
		if p := k.tr.Last(i); len(p.Bytes) > 0 && (p.Key.SrcPort == 4000) == client {
			out = append(out, p)
		}
	}
	return out
}

// last returns the packet that the client sent n before its last: 0 is its alert,
// 1 the last thing it said.
func (k *sealedTalk) last(n int) *pcap.Packet {
	sent := k.sent(true)
	return sent[len(sent)-1-n]
}

// lose takes packets out of the capture.
func (k *sealedTalk) lose(gone ...*pcap.Packet) {
	k.tr.Filter(func(p *pcap.Packet) bool { return !slices.Contains(gone, p) })
}

// spoil changes the last byte of a packet.
func spoil(p *pcap.Packet) {
	p.Bytes = bytes.Clone(p.Bytes)
	p.Bytes[len(p.Bytes)-1] ^= 1
}

// read reads the capture with its keys, and both halves again.
func (k *sealedTalk) read(t *testing.T) *index.Index {
	t.Helper()
	w := testindex.Of(k.tr)
	w.Keys = k.keys
	in := w.Read(t)
	in.Again(t, []index.Pair{{Orig: 1, Reply: 2}})
	return in.Index
}

// A listener writes down what it is told of each half; holes are "<n>". It does
// not want more bytes after the first ones.
type listener struct {
	text    map[reassembly.HalfID]string
	off     map[reassembly.HalfID]int64
	picky   int64 // how many bytes after each piece it does not want
	skipped int64
	ends    map[reassembly.HalfID]string
	err     error
}

func (l *listener) Open(h reassembly.HalfID, syn bool, at reassembly.At) { l.text[h] = "" }

func (l *listener) Bind(a, b reassembly.HalfID) {}

func (l *listener) Bytes(at reassembly.At, p []byte) int64 {
	l.add(at, int64(len(p)), string(p))
	return l.picky
}

func (l *listener) Skip(at reassembly.At, n int64) {
	l.skipped += n
	l.add(at, n, fmt.Sprintf("(%d)", n))
}

func (l *listener) Gap(at reassembly.At, n int64, why reassembly.GapKind, next capture.Ref) {
	l.add(at, n, fmt.Sprintf("<%d>", n))
}

func (l *listener) Close(h reassembly.HalfID, how reassembly.End, at reassembly.At) {
	l.add(at, 0, "")
	l.ends[h] = fmt.Sprintf("%v at %d", how, at.Off)
}

// add writes down an event, which must follow the one before.
func (l *listener) add(at reassembly.At, n int64, text string) {
	if at.Off != l.off[at.Half] {
		l.err = fmt.Errorf("half %d: offset %d after %d", at.Half, at.Off, l.off[at.Half])
	}
	l.off[at.Half] += n
	l.text[at.Half] += text
}

// listen reads halves again through what decrypts them.
func listen(t *testing.T, x *index.Index, tr *pcap.Trace, picky int64, halves ...reassembly.HalfID) *listener {
	t.Helper()
	l := &listener{text: make(map[reassembly.HalfID]string), off: make(map[reassembly.HalfID]int64), ends: make(map[reassembly.HalfID]string), picky: picky}
	var want reassembly.HalfSet
	for _, h := range halves {
		want.Add(h)
	}
	a := reassembly.Again(x.Groups[0].Table, &want, x.Decrypted(0, l))
	for _, s := range tr.Segments() {
		a.Add(&s)
	}
	a.Finish()
	if l.err != nil {
		t.Error(l.err)
	}
	return l
}

// A vague says when the length of a plaintext is not certain: TLS 1.3 may have sent
// session tickets where nothing was opened before.
type vague int

const (
	never vague = iota
	ofTLS13
	always
)

var holes = regexp.MustCompile("<([0-9]+)>")

// What cannot be opened, or was not captured, is a hole of the length of its
// plaintext, as far as headers and numbers of records tell.
func TestHolesOfPlaintext(t *testing.T) {
	wire := func(version uint16, n int) int { // bytes on the wire of n bytes
		if version == tls.VersionTLS13 {
			return 5 + n + 1 + 16
		}
		return 5 + 8 + n + 16
	}
	for _, tt := range []struct {
		name string
		do   func(k *sealedTalk)
		want func(version uint16) string
		vague
	}{
		{"none", func(k *sealedTalk) {}, func(uint16) string { return "first second third fourth" }, never},
		{"a record", func(k *sealedTalk) { k.lose(k.last(3)) }, func(uint16) string { return "first <7>third fourth" }, never},
		{"two records", func(k *sealedTalk) { k.lose(k.last(3), k.last(2)) }, func(uint16) string { return "first <13>fourth" }, never},
		{"two records apart", func(k *sealedTalk) { k.lose(k.last(4), k.last(2)) }, func(uint16) string { return "<6>second <6>fourth" }, ofTLS13},
		{"a record of which the header was captured", func(k *sealedTalk) { k.last(3).Cut = 9 }, func(uint16) string { return "first <7>third fourth" }, never},
		{"one of each", func(k *sealedTalk) { k.last(3).Cut = 9; k.lose(k.last(2)) }, func(uint16) string { return "first <13>fourth" }, never},
		{"one of each, the other way round", func(k *sealedTalk) { k.last(2).Cut = 9; k.lose(k.last(3)) }, func(uint16) string { return "first <13>fourth" }, never},
		{"a record that does not authenticate", func(k *sealedTalk) { spoil(k.last(3)) }, func(uint16) string { return "first <7>third fourth" }, never},
		{"the last one, and an alert behind it", func(k *sealedTalk) { k.lose(k.last(1)) }, func(uint16) string { return "first second third <6>" }, never},
		{"the alert only", func(k *sealedTalk) { k.lose(k.last(0)) }, func(v uint16) string { return fmt.Sprintf("first second third fourth<%d>", wire(v, 2)) }, always},
		{"the alert, but for its header", func(k *sealedTalk) { k.last(0).Cut = 9 }, func(uint16) string { return "first second third fourth" }, never},
		{"the last record, but for its header, and the alert", func(k *sealedTalk) { k.last(1).Cut = 9; k.last(0).Cut = 9 }, func(v uint16) string {
			if v == tls.VersionTLS13 { // which does not tell what is an alert
				return "first second third <8>"
			}
			return "first second third <6>"
		}, always},
		{"the last record and the alert", func(k *sealedTalk) { k.lose(k.last(1), k.last(0)) }, func(v uint16) string { return fmt.Sprintf("first second third <%d>", wire(v, 6)+wire(v, 2)) }, always},
	} {
		for name, version := range versions {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				k := seal(t, version, sim.Asks("first "), sim.Asks("second "), sim.Asks("third "), sim.Asks("fourth"), sim.Answers("done"))
				tt.do(k)
				x := k.read(t)
				want := tt.want(version)
				l := listen(t, x, k.tr, 0, 1, 2)
				if l.text[1] != want || l.text[2] != "done" {
					t.Errorf("%q and %q, want %q and done", l.text[1], l.text[2], want)
				}
				if again := listen(t, x, k.tr, 0, 1).text[1]; again != l.text[1] {
					t.Errorf("read once more: %q, want %q", again, l.text[1])
				}
				p := x.Plain[1]
				if p == nil || p.Len != l.off[1] || x.Length(1) != l.off[1] {
					t.Fatalf("plaintext %+v, length %d, want %d bytes", p, x.Length(1), l.off[1])
				}
				var missing int64
				for _, n := range holes.FindAllStringSubmatch(want, -1) {
					k, _ := strconv.ParseInt(n[1], 10, 64)
					missing += k
				}
				c := x.Content(1)
				if c.Lost != missing || x.Seen(1) != l.off[1]-missing {
					t.Errorf("%d bytes missing and %d seen, want %d and %d", c.Lost, x.Seen(1), missing, l.off[1]-missing)
				}
				if vague := c.Print.Len == fingerprint.UnknownLen; vague != (tt.vague == always || tt.vague == ofTLS13 && version == tls.VersionTLS13) {
					t.Errorf("the length is taken to be vague: %v", vague)
				}
			})
		}
	}
}

// Plaintext leads back to whole records, and a hole to where they stood.
func TestRecordsOfPlaintext(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			k := seal(t, version, sim.Asks("first "), sim.Asks("second "), sim.Asks("third "), sim.Asks("fourth"), sim.Answers("done"))
			var said []*pcap.Packet
			for n := 4; n > 0; n-- {
				said = append(said, k.last(n))
			}
			k.lose(said[1])
			x := k.read(t)
			off := int64(0)
			for i, n := range []int64{6, 7, 6, 6} {
				begin := int64(said[i].Seq - 1001) // the client's first byte is 1001
				want := [2]int64{begin, begin + int64(len(said[i].Bytes))}
				if got := x.Plain[1].Carriers([2]int64{off, off + n}); got != want {
					t.Errorf("bytes %d to %d are carried by %v, want %v", off, off+n, got, want)
				}
				if got := x.Plain[1].Heard(said[i].Seq+uint32(len(said[i].Bytes)), 1001, off); got != off+n {
					t.Errorf("after packet %d %d bytes were heard, want %d", i, got, off+n)
				}
				off += n
			}
		})
	}
}

// What a server says first in TLS 1.3 may follow tickets: their number is not
// known.
func TestFirstAnswerMissing(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			k := seal(t, version, sim.Asks("query"), sim.Answers("first "), sim.Answers("second"))
			sent := k.sent(false)
			k.lose(sent[len(sent)-3])
			x := k.read(t)
			if got := listen(t, x, k.tr, 0, 2).text[2]; got != "<6>second" {
				t.Errorf("%q, want <6>second", got)
			}
			if vague := x.Content(2).Print.Len < 0; vague != (version == tls.VersionTLS13) {
				t.Errorf("the length is taken to be vague: %v", vague)
			}
		})
	}
}

// Bytes that nobody wants are passed over, in plaintext as in what is not
// decrypted.
func TestSkipPlaintext(t *testing.T) {
	k := seal(t, tls.VersionTLS13, sim.Asks("0123456789"), sim.Asks("abcdefghij"), sim.Asks("ABCDEFGHIJ"), sim.Asks("and so on"), sim.Answers("done"))
	k.lose(k.last(2)) // of the capital letters, which count as passed over
	c := testindex.On(k.tr, "eth0", "10.0.0.9:4001", "10.244.1.10:80")
	c.Handshake()
	for _, s := range []string{"0123456789", "abcdefghij", "ABCDEFGHIJ", "and so on"} {
		if c.Send(s); s[0] == 'A' {
			c.Lose(1)
		}
	}
	c.Close()
	x := k.read(t)
	for picky, want := range map[int64]string{0: "0123456789abcdefghij<10>and so on", 4: "0123456789(4)efghij<10>and so on", 10: "0123456789(10)<10>and so on", 13: "0123456789(10)<10>and so on", 25: "0123456789(10)<10>(5)o on"} {
		l := listen(t, x, k.tr, picky, 1, 2, 3, 4)
		if l.text[1] != want || l.text[3] != want {
			t.Errorf("%d bytes are not wanted: %q, and %q in the clear, want %q", picky, l.text[1], l.text[3], want)
		}
		ends := map[reassembly.HalfID]string{1: "fin at 39", 2: "fin at 4", 3: "fin at 39", 4: "fin at 0"}
		if d := cmp.Diff(l.ends, ends); d != "" {
			t.Errorf("ends (-got +want):\n%s", d)
		}
	}
}
