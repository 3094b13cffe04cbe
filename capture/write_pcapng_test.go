package capture_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
		check(w.WritePacket(iface, nanos, wire, flags, comments, data...))
		whole := slices.Concat(data...)
		want = append(want, capture.Packet{
			Ref: capture.Ref{Packet: uint32(len(want) + 1)}, Nanos: max(nanos, 0), Interface: iface,
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
	if err := w.WritePacket(0, 1, 3, 0, nil, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got, r := mustRead(t, file.Bytes())
	if len(got) != 1 || len(r.Interfaces()) != 1 || len(r.Names())+len(r.Secrets()) != 0 {
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

// runTool runs a program on a capture and returns what it prints.
func runTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("needs " + name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.WaitDelay = 30 * time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, &complaints)
	}
	for line := range strings.Lines(complaints.String()) {
		if !strings.Contains(line, "Running as user") && !strings.Contains(line, "reading from file") {
			t.Errorf("%s: %s", name, line)
		}
	}
	return out.String()
}

func writtenFile(t *testing.T) (string, []capture.Packet) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.pcapng")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return path, plainCapture(t, f)
}

// plainCapture writes what every reader of pcapng can show: packets that are
// within libpcap's limits, and interfaces alike.
func plainCapture(tb testing.TB, dst io.Writer) []capture.Packet {
	tb.Helper()
	w := capture.NewWriter(dst, &capture.WriterOptions{Application: "pcapmesh", Comments: []string{"of the section"}})
	for _, name := range []string{"eth0", "lo"} {
		if _, err := w.AddInterface(capture.Interface{Name: name, Link: 1, Filter: "tcp", Comments: []string{"of " + name}}); err != nil {
			tb.Fatal(err)
		}
	}
	err := errors.Join(w.WriteNames(fullNames()), w.WriteSecret(capture.Secret{Type: 0x544c534b, Data: []byte("# none\n")}))
	var want []capture.Packet
	for i := range 50 {
		p := capture.Packet{Nanos: 1_700_000_000_000_000_001 + int64(i)*1e6, Interface: i % 2, WireLen: uint32(1000 + i),
			Flags: uint32(i%2 + 1), Data: append(append(make([]byte, 12), 0x88, 0xb5), make([]byte, i)...)}
		if i%3 == 0 {
			p.Comments = []string{"note"}
		}
		want = append(want, p)
		err = errors.Join(err, w.WritePacket(p.Interface, p.Nanos, p.WireLen, p.Flags, p.Comments, p.Data[:14], p.Data[14:]))
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		tb.Fatal(err)
	}
	return want
}

func TestWriterWithTshark(t *testing.T) {
	path, want := writtenFile(t)
	out := runTool(t, "tshark", "-r", path, "-T", "fields", "-E", "separator=|", "-e", "frame.time_epoch", "-e", "frame.len",
		"-e", "frame.cap_len", "-e", "frame.interface_name", "-e", "frame.comment")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(want) {
		t.Fatalf("tshark shows %d packets, want %d", len(lines), len(want))
	}
	if got, want := lines[3], "1700000000.003000001|1003|17|lo|note"; got != want {
		t.Errorf("packet 4 = %q, want %q", got, want)
	}
}

func TestWriterWithCapinfos(t *testing.T) {
	path, _ := writtenFile(t)
	out := runTool(t, "capinfos", path)
	for _, want := range []string{"Capture application: pcapmesh", "Number of packets:   50", "Capture comment:     of the section", "Number of interfaces in file: 2", "Name = lo"} {
		if !strings.Contains(out, want) {
			t.Errorf("capinfos does not print %q:\n%s", want, out)
		}
	}
}

func TestWriterWithTcpdump(t *testing.T) {
	path, want := writtenFile(t)
	out := runTool(t, "tcpdump", "-n", "-r", path)
	if n := strings.Count(out, "ethertype Unknown"); n < len(want) {
		t.Errorf("tcpdump shows %d packets, want %d:\n%s", n, len(want), out)
	}
}
