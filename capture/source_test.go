package capture_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
)

// counted returns a capture of n packets of size bytes.
func counted(t testing.TB, n, size int) []byte {
	t.Helper()
	var file bytes.Buffer
	w := capture.NewWriter(&file, nil)
	_, err := w.AddInterface(capture.Interface{Link: linktype.Raw})
	must(t, err)
	for range n {
		must(t, w.WritePacket(0, 1, 0, 0, nil, make([]byte, size)))
	}
	must(t, w.Flush())
	return file.Bytes()
}

// count reads all packets that an Input still has.
func count(t testing.TB, in *capture.Input) (n int, err error) {
	t.Helper()
	r, err := in.Reader(t.Context())
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for _, err := range r.Packets() {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// A closeCounter counts how often what is read is opened and closed.
type closeCounter struct {
	io.Reader
	open *int
}

func (c closeCounter) Close() error { *c.open--; return nil }

// What can be opened again is opened for every Reader, and closed by it.
func TestInputOfAFunction(t *testing.T) {
	data, open, opened := counted(t, 3, 10), 0, 0
	in := capture.NewInput("there", func() (io.ReadCloser, error) {
		open, opened = open+1, opened+1
		return closeCounter{bytes.NewReader(data), &open}, nil
	}, nil)
	for range 2 {
		if n, err := count(t, in); n != 3 || err != nil {
			t.Fatalf("%d packets, %v, want 3", n, err)
		}
	}
	data = data[:len(data)-20]
	if n, err := count(t, in); n != 2 || !errors.Is(err, capture.ErrChanged) {
		t.Errorf("of a shorter one %d packets, %v, want 2 and that it changed", n, err)
	}
	if must(t, in.Close()); open != 0 || opened != 3 || in.FileInfo() != nil {
		t.Errorf("opened %d times, %d of them still", opened, open)
	}
}

func TestInputThatCannotBeOpened(t *testing.T) {
	in := capture.NewInput("there", func() (io.ReadCloser, error) { return nil, errors.New("no such object") }, nil)
	if _, err := in.Reader(t.Context()); err == nil || err.Error() != "there: no such object" {
		t.Errorf("%v, want its name and why", err)
	}
	in = capture.NewInput("there", func() (io.ReadCloser, error) { return os.Open("/nowhere") }, nil)
	if _, err := in.Reader(t.Context()); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), "nowhere") != 1 || strings.Contains(err.Error(), "there:") {
		t.Errorf("%v, want the path once", err)
	}
}

// A stream is kept if it is to be read again.
func TestInputOfAStream(t *testing.T) {
	for _, again := range []bool{false, true} {
		in := capture.StreamInput("stream", bytes.NewReader(counted(t, 3, 10)), &capture.Options{Reread: again})
		if n, err := count(t, in); n != 3 || err != nil {
			t.Fatalf("%d packets, %v, want 3", n, err)
		}
		n, err := count(t, in)
		if again && (n != 3 || err != nil) || !again && (err == nil || !strings.HasPrefix(err.Error(), "stream: ")) {
			t.Errorf("kept %v: then %d packets, %v", again, n, err)
		}
		must(t, in.Close())
	}
}

// A Reader that was cancelled says so, and the Input can be read once more.
func TestCancelledReader(t *testing.T) {
	data := counted(t, 1000, 1000)
	in := capture.NewInput("there", func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, &capture.Options{Buffer: 4096})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := in.Reader(ctx)
	must(t, err)
	n := 0
	for _, err = range r.Packets() {
		if n++; n == 100 {
			cancel()
		}
	}
	var e *capture.Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || n > 110 {
		t.Errorf("after %d packets %v, want soon after 100 that it was cancelled", n, err)
	}
	must(t, r.Close())
	if n, err := count(t, in); n != 1000 || err != nil {
		t.Errorf("%d packets, %v, want all", n, err)
	}
}

// Cancelling ends a Read that waits for bytes that never come.
func TestCancelledWait(t *testing.T) {
	data := counted(t, 3, 10)
	r, w, err := os.Pipe()
	must(t, err)
	defer w.Close()
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() { _, _ = pw.Write(data) }()
	_, err = w.Write(data)
	must(t, err)
	for name, in := range map[string]*capture.Input{
		"a pipe":     capture.StreamInput("pipe", r, nil),
		"a function": capture.NewInput("function", func() (io.ReadCloser, error) { return pr, nil }, nil),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			reader, err := in.Reader(ctx)
			must(t, err)
			defer reader.Close()
			for range 3 {
				_, err := reader.Next()
				must(t, err)
			}
			cancel()
			if _, err := reader.Next(); !errors.Is(err, context.Canceled) {
				t.Errorf("%v, want that it was cancelled", err)
			}
		})
	}
}

// What a source says at its end is said, if nobody cancelled.
func TestReaderOfABrokenSource(t *testing.T) {
	broken := errors.New("broken")
	in := capture.StreamInput("stream", io.MultiReader(bytes.NewReader(counted(t, 3, 10)), iotest.ErrReader(broken)), nil)
	if n, err := count(t, in); n != 3 || !errors.Is(err, broken) {
		t.Errorf("%d packets, %v, want 3 and that it is broken", n, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
