package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/capture"
)

// fullCapture writes one of everything and returns what should be read back.
func fullCapture(tb testing.TB, dst io.Writer, o capture.WriterOptions) []capture.Packet {
	tb.Helper()
	w := capture.NewWriter(dst, &o)
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	for i, in := range fullInterfaces() {
		n, err := w.AddInterface(in)
		check(err)
		if n != i {
			tb.Fatalf("interface %d is numbered %d", i, n)
		}
	}
	check(w.WriteNames(fullNames()))
	check(w.WriteSecret(capture.Secret{Type: 0x544c534b, Data: []byte("CLIENT_RANDOM 00 11\n")}))
	var want []capture.Packet
	write := func(iface int, nanos int64, wire, flags uint32, comments []string, data ...[]byte) {
		check(w.WritePacket(iface, capture.Time(nanos), wire, flags, comments, data...))
		whole := slices.Concat(data...)
		want = append(want, capture.Packet{
			Ref: capture.Ref{Packet: uint32(len(want) + 1)}, Time: capture.Time(max(nanos, 0)), Interface: iface,
			Link: fullInterfaces()[iface].Link, WireLen: max(wire, uint32(len(whole))),
			Data: whole, Flags: flags, Comments: comments,
		})
	}
	ethernet := append(make([]byte, 12), 8, 0)
	for n := range 9 {
		write(0, 1_700_000_000_123_456_789+int64(n), 1500, 0, nil, ethernet, make([]byte, n))
	}
	write(1, 1, 0, 0, nil, ethernet)
	write(0, math.MaxInt64, 20, 1, []string{"inbound", "", "grün"}, ethernet, []byte("ab"), nil, []byte("c"))
	write(0, -1, 0, 2, nil)
	write(1, 5, 0, 0, []string{strings.Repeat("c", 65535)}, ethernet, make([]byte, 3<<20))
	write(0, 6, 0, math.MaxUint32, nil, ethernet)
	check(w.Flush())
	write(0, 7, 0, 0, []string{"after a flush"}, ethernet)
	check(w.Flush())
	return want
}

func fullInterfaces() []capture.Interface {
	return []capture.Interface{
		{Name: "eth0", Description: "pod", Filter: "tcp", OS: "Linux", Hardware: "veth", Comments: []string{"one", ""}, Link: 1, SnapLen: 96},
		{Name: "lo", Link: 1, SnapLen: 262144},
	}
}

func fullNames() []capture.Name {
	names := []capture.Name{{Addr: "10.0.0.1", Name: "client"}, {Addr: "2001:db8::1", Name: "server"}, {Addr: "::ffff:10.0.0.2", Name: "mapped"}}
	for range 300 { // more than go into one block
		names = append(names, capture.Name{Addr: "10.0.0.3", Name: "pod"})
	}
	return names
}

func TestWriterRoundTrip(t *testing.T) {
	for _, background := range []bool{false, true} {
		var file bytes.Buffer
		want := fullCapture(t, &file, capture.WriterOptions{
			Application: "pcapmesh", Hardware: "x86", OS: "Linux", Comments: []string{"a", "b"}, Background: background,
		})
		got, r := mustRead(t, file.Bytes())
		for i := range got {
			got[i].Offset = 0
		}
		samePackets(t, got, want)
		if d := cmp.Diff(fullInterfaces(), r.Interfaces()); d != "" {
			t.Errorf("interfaces: %s", d)
		}
		if d := cmp.Diff(fullNames(), r.Names()); d != "" {
			t.Errorf("names: %s", d)
		}
		if len(r.Secrets()) != 1 || string(r.Secrets()[0].Data) != "CLIENT_RANDOM 00 11\n" {
			t.Errorf("secrets = %v", r.Secrets())
		}
		if d := cmp.Diff([]string{"a", "b"}, r.Comments()); d != "" || r.Application() != "pcapmesh" {
			t.Errorf("application = %q, comments: %s", r.Application(), d)
		}
	}
}

// TestWriterBytes compares the file with one put together by hand, longer than
// the buffers, so that padding comes to lie on what stood there before.
func TestWriterBytes(t *testing.T) {
	o := binary.LittleEndian
	end := ngOption(o, 0)
	data, comment := strings.Repeat("\xff", 105), strings.Repeat("\xfe", 9)
	one := ngPacket(o, 0, 1<<40+5, 105, data, ngOption(o, 2, uint32(1)), ngOption(o, 1, comment), end)
	two := ngPacket(o, 1, 7, 4, "\xff")
	want := slices.Concat(
		ngSection(o, ngOption(o, 1, "c"), ngOption(o, 2, "hardware"), ngOption(o, 3, "system"), ngOption(o, 4, "application"), end),
		ngInterface(o, 276, 96, ngOption(o, 2, "any"), ngOption(o, 3, "d"), ngOption(o, 9, uint8(9)), ngOption(o, 11, uint8(0), "tcp"),
			ngOption(o, 12, "os"), ngOption(o, 15, "hw"), end),
		ngInterface(o, 1, 262144, ngOption(o, 9, uint8(9)), end),
		ngBlock(o, 10, uint32(7), uint32(5), padTo4([]byte("12345"))),
		ngBlock(o, 4, uint16(1), uint16(6), "\x0a\x00\x00\x01a\x00\x00\x00", uint32(0)),
		bytes.Repeat(append(one, two...), 20_000),
	)
	var file bytes.Buffer
	w := capture.NewWriter(&file, &capture.WriterOptions{
		Application: "application", Hardware: "hardware", OS: "system", Comments: []string{"c"}, Background: true,
	})
	_, err := w.AddInterface(capture.Interface{Name: "any", Description: "d", Filter: "tcp", OS: "os", Hardware: "hw", Link: 276, SnapLen: 96})
	_, err2 := w.AddInterface(capture.Interface{Link: 1})
	err = errors.Join(err, err2, w.WriteSecret(capture.Secret{Type: 7, Data: []byte("12345")}),
		w.WriteNames([]capture.Name{{Addr: "10.0.0.1", Name: "a"}}))
	for range 20_000 {
		err = errors.Join(err, w.WritePacket(0, 1<<40+5, 0, 1, []string{comment}, []byte(data)),
			w.WritePacket(1, 7, 4, 0, nil, []byte("\xff")))
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	for i, b := range file.Bytes() {
		if i >= len(want) || b != want[i] {
			t.Fatalf("byte %d of %d is %#x, not as in %d by hand", i, file.Len(), b, len(want))
		}
	}
	if file.Len() != len(want) {
		t.Fatalf("%d bytes, want %d", file.Len(), len(want))
	}
}

// TestWriterEmptySection has nothing to say.
func TestWriterEmptySection(t *testing.T) {
	var file bytes.Buffer
	if err := capture.NewWriter(&file, nil).Flush(); err != nil {
		t.Fatal(err)
	}
	if want := ngSection(binary.LittleEndian); !bytes.Equal(file.Bytes(), want) {
		t.Errorf("file = % x, want % x", file.Bytes(), want)
	}
}

// TestWriterDeterminism writes the same with and without a second goroutine.
func TestWriterDeterminism(t *testing.T) {
	var a, b bytes.Buffer
	fullCapture(t, &a, capture.WriterOptions{})
	fullCapture(t, &b, capture.WriterOptions{Background: true})
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("the files differ")
	}
}

func TestWriterDefaults(t *testing.T) {
	var file bytes.Buffer
	w := capture.NewWriter(&file, nil)
	if _, err := w.AddInterface(capture.Interface{Link: 276}); err != nil {
		t.Fatal(err)
	}
	if file.Len() != 0 {
		t.Error("something was written before Flush")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	_, r := mustRead(t, file.Bytes())
	want := []capture.Interface{{Link: 276, SnapLen: 262144}}
	if d := cmp.Diff(want, r.Interfaces(), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

// TestWriterRefuses gives arguments that do not fit; the file stays whole.
func TestWriterRefuses(t *testing.T) {
	var file bytes.Buffer
	w := capture.NewWriter(&file, nil)
	long := strings.Repeat("x", 65536)
	if _, err := w.AddInterface(capture.Interface{Link: 1}); err != nil {
		t.Fatal(err)
	}
	_, longName := w.AddInterface(capture.Interface{Name: long})
	_, longFilter := w.AddInterface(capture.Interface{Filter: long[1:]})
	_, manyComments := w.AddInterface(capture.Interface{Comments: slices.Repeat([]string{long[1:]}, 300)})
	for _, c := range []struct {
		name string
		err  error
		kind error
	}{
		{"interface name", longName, capture.ErrTooLarge},
		{"interface filter", longFilter, capture.ErrTooLarge},
		{"interface comments", manyComments, capture.ErrTooLarge},
		{"comment", w.WritePacket(0, 1, 1, 0, []string{long}), capture.ErrTooLarge},
		{"comments", w.WritePacket(0, 1, 1, 0, slices.Repeat([]string{long[1:]}, 300)), capture.ErrTooLarge},
		{"packet", w.WritePacket(0, 1, 1, 0, nil, make([]byte, 8<<20), make([]byte, 8<<20+1)), capture.ErrTooLarge},
		{"secret", w.WriteSecret(capture.Secret{Data: make([]byte, 17<<20)}), capture.ErrTooLarge},
		{"name", w.WriteNames([]capture.Name{{Addr: "10.0.0.1", Name: long}}), capture.ErrTooLarge},
		{"interface number", w.WritePacket(1, 1, 1, 0, nil), nil},
		{"negative interface number", w.WritePacket(-1, 1, 1, 0, nil), nil},
		{"address", w.WriteNames([]capture.Name{{Addr: "10.0.0.1", Name: "a"}, {Addr: "10.0.0", Name: "b"}}), nil},
		{"zone", w.WriteNames([]capture.Name{{Addr: "fe80::1%eth0", Name: "a"}}), nil},
		{"no name", w.WriteNames([]capture.Name{{Addr: "10.0.0.1"}}), nil},
		{"NUL in name", w.WriteNames([]capture.Name{{Addr: "10.0.0.1", Name: "a\x00b"}}), nil},
	} {
		if c.err == nil || c.kind != nil && !errors.Is(c.err, c.kind) || strings.Contains(c.err.Error(), "\n") {
			t.Errorf("%s: error = %v", c.name, c.err)
		}
	}
	_, err := w.AddInterface(capture.Interface{Link: 1})
	if err := errors.Join(err, w.WritePacket(1, 1, 3, 0, nil, []byte("abc")), w.Flush()); err != nil {
		t.Fatal(err)
	}
	got, r := mustRead(t, file.Bytes())
	if len(got) != 1 || len(r.Interfaces()) != 2 || len(r.Names())+len(r.Secrets()) != 0 {
		t.Errorf("%d packets, %d interfaces, names %v, secrets %v", len(got), len(r.Interfaces()), r.Names(), r.Secrets())
	}
}

func TestWriterLongApplication(t *testing.T) {
	w := capture.NewWriter(io.Discard, &capture.WriterOptions{Application: strings.Repeat("x", 65536)})
	if err := w.Flush(); !errors.Is(err, capture.ErrTooLarge) {
		t.Errorf("error = %v, want %v", err, capture.ErrTooLarge)
	}
}

// brokenWriter fails when its space is used up; silently if it has no error.
type brokenWriter struct {
	space int
	err   error
}

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.space -= len(p); b.space < 0 {
		return len(p) + b.space, b.err
	}
	return len(p), nil
}

func TestWriterErrorIsSticky(t *testing.T) {
	full := errors.New("no space left on device")
	for _, background := range []bool{false, true} {
		for _, c := range []struct{ give, want error }{{full, full}, {nil, io.ErrShortWrite}} {
			w := capture.NewWriter(&brokenWriter{space: 3 << 20, err: c.give}, &capture.WriterOptions{Background: background})
			if _, err := w.AddInterface(capture.Interface{Link: 1}); err != nil {
				t.Fatal(err)
			}
			var err error
			data := make([]byte, 1500)
			n := 0
			for ; err == nil && n < 10_000; n++ {
				err = w.WritePacket(0, 1, 1500, 0, nil, data)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("background %v: error after %d packets = %v, want %v", background, n, err, c.want)
			}
			_, addErr := w.AddInterface(capture.Interface{})
			for _, again := range []error{w.Flush(), w.WritePacket(0, 1, 1, 0, nil), w.WriteNames(nil), w.WriteSecret(capture.Secret{}), addErr} {
				if again != err {
					t.Errorf("later error = %v, want %v", again, err)
				}
			}
		}
	}
}

// TestWriterFlushError finds a failure that only Flush can report.
func TestWriterFlushError(t *testing.T) {
	full := errors.New("no space left on device")
	w := capture.NewWriter(&brokenWriter{err: full}, &capture.WriterOptions{Background: true})
	if err := w.Flush(); err != full {
		t.Errorf("error = %v, want %v", err, full)
	}
}

func TestNoAllocations(t *testing.T) {
	small := benchPackets(60_000, 66)
	for name, file := range map[string][]byte{"pcap": small, "pcapng": asPcapng(t, small)} {
		r, err := capture.NewReader(bytes.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(50_000, func() {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per packet read", name, n)
		}
	}
	w := capture.NewWriter(io.Discard, &capture.WriterOptions{Background: true})
	if _, err := w.AddInterface(capture.Interface{Link: 1}); err != nil {
		t.Fatal(err)
	}
	a, b, comments := make([]byte, 14), make([]byte, 100), []string{"comment"}
	if n := testing.AllocsPerRun(50_000, func() {
		if err := w.WritePacket(0, 1, 1500, 1, comments, a, b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per packet written", n)
	}
}

func TestMergerDoesNotAllocate(t *testing.T) {
	file := benchPackets(30_000, 66)
	var rs []*capture.Reader
	for range 3 {
		r, err := capture.NewReader(bytes.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		rs = append(rs, r)
	}
	m := capture.NewMerger(rs...)
	if n := testing.AllocsPerRun(50_000, func() {
		if _, err := m.Next(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per packet merged", n)
	}
}
