package capture_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
)

// writeTemp puts b into a file of the test's own.
func writeTemp(tb testing.TB, name string, b []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// namedPipe returns a FIFO that gives b once.
func namedPipe(tb testing.TB, b []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "pipe")
	if err := mkfifo(path); err != nil {
		tb.Skip("needs mkfifo: ", err)
	}
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		_, _ = f.Write(b) // the reader may have gone
		f.Close()
	}()
	return path
}

func openInput(tb testing.TB, path string, o capture.Options) *capture.Input {
	tb.Helper()
	o.Input = 3
	in, err := capture.OpenInput(tb.Context(), path, &o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { in.Close() })
	return in
}

// readInput reads in once, to the end.
func readInput(tb testing.TB, in *capture.Input) ([]capture.Packet, error) {
	tb.Helper()
	r, err := in.Reader(tb.Context())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return drain(tb, r)
}

// inputs gives one capture in all forms that an Input tells apart.
func inputs(tb testing.TB, file []byte) map[string]string {
	tb.Helper()
	paths := map[string]string{"plain": writeTemp(tb, "plain", file), "pipe": namedPipe(tb, file)}
	for how, b := range packed(tb, file) {
		paths[how] = writeTemp(tb, "packed", b)
	}
	paths["gzip pipe"] = namedPipe(tb, packed(tb, file)["gzip"])
	return paths
}

func TestInputRereads(t *testing.T) {
	whole := noisyCapture(500)
	for _, c := range []struct {
		name string
		file []byte
		kind error
	}{
		{"whole", whole, nil},
		{"cut", whole[:len(whole)-100], capture.ErrTruncated},
		{"corrupt", append(whole[:len(whole):len(whole)], strings.Repeat("\xff", 5000)...), capture.ErrCorrupt},
	} {
		want, _, wantErr := readBytes(t, c.file, &capture.Options{Input: 3})
		if !errors.Is(wantErr, c.kind) || len(want) < 499 {
			t.Fatal(len(want), wantErr)
		}
		for how, path := range inputs(t, c.file) {
			in := openInput(t, path, capture.Options{Reread: true})
			for pass := range 3 {
				got, err := readInput(t, in)
				if !errors.Is(err, c.kind) || (err == nil) != (c.kind == nil) {
					t.Fatalf("%s, %s, pass %d: error = %v, want %v", c.name, how, pass, err, c.kind)
				}
				if err != nil && err.Error() != path+": "+wantErr.Error() {
					t.Errorf("%s, %s, pass %d: error = %q, want %q", c.name, how, pass, err, wantErr)
				}
				samePackets(t, got, want)
			}
		}
	}
}

// TestInputReadersAtOnce has two later Readers take turns.
func TestInputReadersAtOnce(t *testing.T) {
	file := noisyCapture(50)
	for how, path := range inputs(t, file) {
		in := openInput(t, path, capture.Options{Reread: true, Buffer: 2000})
		want, err := readInput(t, in)
		if err != nil {
			t.Fatal(how, err)
		}
		a, errA := in.Reader(t.Context())
		b, errB := in.Reader(t.Context())
		if errA != nil || errB != nil {
			t.Fatal(how, errA, errB)
		}
		var got [2][]capture.Packet
		for range want {
			for i, r := range []*capture.Reader{a, b} {
				p, err := r.Next()
				if err != nil {
					t.Fatal(how, err)
				}
				got[i] = append(got[i], keepPacket(p))
			}
		}
		samePackets(t, got[0], want)
		samePackets(t, got[1], want)
		a.Close()
		b.Close()
	}
}

// TestInputWithoutReread reads files again, and pipes not.
func TestInputWithoutReread(t *testing.T) {
	file := noisyCapture(50)
	want, _, _ := readBytes(t, file, &capture.Options{Input: 3})
	for how, path := range inputs(t, file) {
		in := openInput(t, path, capture.Options{})
		got, err := readInput(t, in)
		if err != nil {
			t.Fatal(how, err)
		}
		samePackets(t, got, want)
		got, err = readInput(t, in)
		if strings.Contains(how, "pipe") {
			if err == nil || err.Error() != path+": a pipe can be read only once" {
				t.Errorf("%s: error = %v", how, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(how, err)
		}
		samePackets(t, got, want)
	}
}

// TestInputGrows appends between and during passes.
func TestInputGrows(t *testing.T) {
	file := noisyCapture(100)
	for _, cut := range []int{0, 700} { // at a record's end, and inside one
		before := file[:24+50*1416-cut]
		for how, b := range map[string][]byte{"plain": before, "gzip": packed(t, before)["gzip"], "lz4": packed(t, before)["lz4"]} {
			for _, reread := range []bool{true, false} {
				path := writeTemp(t, "growing", b)
				in := openInput(t, path, capture.Options{Reread: reread})
				want, wantErr := readInput(t, in)
				if len(want) != 50-min(cut, 1) {
					t.Fatal(len(want), wantErr)
				}
				appendTo(t, path, file[len(before):])
				got, err := readInput(t, in)
				samePackets(t, got, want)
				if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
					t.Errorf("%s: second pass: error = %v, first: %v", how, err, wantErr)
				}
			}
		}
	}
}

func appendTo(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
}

func TestInputShrinks(t *testing.T) {
	file := noisyCapture(1000)
	for how, path := range map[string]string{
		"plain": writeTemp(t, "plain", file),
		"gzip":  writeTemp(t, "gzip", packed(t, file)["gzip"]),
		"zstd":  writeTemp(t, "zstd", packed(t, file)["zstd"]),
	} {
		in := openInput(t, path, capture.Options{})
		want, err := readInput(t, in)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, 1<<20); err != nil {
			t.Fatal(err)
		}
		got, err := readInput(t, in)
		if !errors.Is(err, capture.ErrChanged) || errors.Is(err, capture.ErrCorrupt) {
			t.Errorf("%s: error = %v, want %v", how, err, capture.ErrChanged)
		}
		samePackets(t, got, want[:len(got)])
	}
}

// TestInputOutlivesItsName removes the file, as rotation does.
func TestInputOutlivesItsName(t *testing.T) {
	path := writeTemp(t, "rotated", noisyCapture(10))
	in := openInput(t, path, capture.Options{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := readInput(t, in); err != nil || len(got) != 10 {
			t.Fatal(len(got), err)
		}
	}
}

// TestInputGivenUp asks again before the first Reader has come to its end.
func TestInputGivenUp(t *testing.T) {
	for how, path := range inputs(t, noisyCapture(10)) {
		in := openInput(t, path, capture.Options{Reread: true, Buffer: 4000})
		r, err := in.Reader(t.Context())
		if err != nil {
			t.Fatal(how, err)
		}
		if _, err := r.Next(); err != nil {
			t.Fatal(how, err)
		}
		if strings.Contains(how, "pipe") {
			if _, err := in.Reader(t.Context()); err == nil || !strings.Contains(err.Error(), "has not reached the end") {
				t.Errorf("%s: error = %v", how, err)
			}
			continue
		}
		r.Close()
		for range 2 {
			if got, err := readInput(t, in); err != nil || len(got) != 10 {
				t.Fatal(how, len(got), err)
			}
		}
	}
}

// TestInputSpool checks that the copy cannot be found by others.
func TestInputSpool(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	path := writeTemp(t, "a", packed(t, noisyCapture(10))["gzip"])
	in := openInput(t, path, capture.Options{Reread: true})
	if _, err := readInput(t, in); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(dir + "/*"); err != nil || len(left) != 0 {
		t.Errorf("left in the temporary directory: %v, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(dir, "missing"))
	in = openInput(t, path, capture.Options{Reread: true})
	if _, err := in.Reader(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a temporary directory: error = %v", err)
	}
}

// TestStandardInput reads it as a pipe and as a file already read from.
func TestStandardInput(t *testing.T) {
	file := noisyCapture(5)
	old := os.Stdin
	defer func() { os.Stdin = old }()
	for how, path := range map[string]string{
		"file": writeTemp(t, "a", append([]byte("before"), file...)),
		"pipe": namedPipe(t, append([]byte("before"), file...)),
	} {
		var err error
		if os.Stdin, err = os.Open(path); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(os.Stdin, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		in := openInput(t, "-", capture.Options{Reread: true})
		for range 2 {
			if got, err := readInput(t, in); err != nil || len(got) != 5 {
				t.Errorf("%s: %d packets, %v", how, len(got), err)
			}
		}
		if in.Name() != "-" {
			t.Errorf("%s: name = %q", how, in.Name())
		}
		os.Stdin.Close()
	}
}

// TestSameFile finds one file behind two names.
func TestSameFile(t *testing.T) {
	path := writeTemp(t, "a", noisyCapture(1))
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Skip("needs symbolic links: ", err)
	}
	a, b := openInput(t, path, capture.Options{}), openInput(t, link, capture.Options{})
	c := openInput(t, writeTemp(t, "a", noisyCapture(1)), capture.Options{})
	if !os.SameFile(a.FileInfo(), b.FileInfo()) || os.SameFile(a.FileInfo(), c.FileInfo()) {
		t.Error("the same file is not told from another")
	}
}
