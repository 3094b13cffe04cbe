package cancel_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/cancel"
)

func TestReader(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := cancel.NewReader(ctx, iotest.OneByteReader(strings.NewReader("hello")))
	if text, err := io.ReadAll(io.LimitReader(r, 3)); string(text) != "hel" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	stop()
	if n, err := r.Read(make([]byte, 9)); n != 0 || err != context.Canceled {
		t.Errorf("cancelled: %d, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	broken := errors.New("broken")
	r = cancel.NewReader(t.Context(), iotest.ErrReader(broken))
	if _, err := r.Read(make([]byte, 9)); err != broken {
		t.Errorf("%v, want that it is broken", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// begun says when a Read of a pipe begins.
type begun struct {
	*os.File
	read chan bool
}

func (b *begun) Read(p []byte) (int, error) { close(b.read); return b.File.Read(p) }

// A Read of somebody else's pipe is woken, and the pipe works as before afterwards.
func TestReaderWakes(t *testing.T) {
	src, dst, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	defer dst.Close()
	ctx, stop := context.WithCancel(t.Context())
	waiting := &begun{src, make(chan bool)}
	r := cancel.NewReader(ctx, waiting)
	said := make(chan error)
	go func() {
		_, err := r.Read(make([]byte, 9))
		said <- err
	}()
	<-waiting.read // not before: then nothing is to be woken
	stop()
	if err := <-said; err != context.Canceled {
		t.Errorf("%v, want that it was cancelled", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := dst.WriteString("still"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 9)
	if n, err := src.Read(b); string(b[:n]) != "still" || err != nil {
		t.Errorf("afterwards %q, %v", b[:n], err)
	}
}

// deadlines counts how often a deadline is set.
type deadlines struct {
	io.Reader
	n int
}

func (d *deadlines) SetReadDeadline(time.Time) error { d.n++; return nil }

// Deadlines are somebody else's: they are changed only to wake a Read.
func TestReaderLeavesDeadlines(t *testing.T) {
	d := &deadlines{Reader: strings.NewReader("hello")}
	r := cancel.NewReader(t.Context(), d)
	if text, err := io.ReadAll(r); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if err := r.Close(); err != nil || d.n != 0 {
		t.Errorf("%v, %d deadlines were set", err, d.n)
	}
}

// counted counts how often it is closed; a Read of it says that it begins, and waits for
// that.
type counted struct {
	read, closed chan bool
	n            int
}

func (c *counted) Read([]byte) (int, error) { close(c.read); <-c.closed; return 0, os.ErrClosed }
func (c *counted) Close() error             { c.n++; close(c.closed); return nil }

func TestReadCloser(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		c := &counted{read: make(chan bool), closed: make(chan bool)}
		r := cancel.NewReadCloser(ctx, c)
		if cancelled {
			said := make(chan error)
			go func() {
				_, err := r.Read(nil)
				said <- err
			}()
			<-c.read
			stop()
			if err := <-said; err != context.Canceled {
				t.Errorf("%v, want that it was cancelled", err)
			}
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if c.n != 1 {
			t.Errorf("cancelled %v: closed %d times, want once", cancelled, c.n)
		}
	}
}

func TestWriter(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var text strings.Builder
	w := cancel.NewWriter(ctx, &text)
	_, err := io.WriteString(w, "one")
	stop()
	_, late := io.WriteString(w, "two")
	if text.String() != "one" || err != nil || late != context.Canceled {
		t.Errorf("%q, %v, then %v", text.String(), err, late)
	}
}

func TestOpen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if _, err := cancel.Open(t.Context(), name); !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "open ") {
		t.Errorf("%v, want that it is not there", err)
	}
	if err := os.WriteFile(name, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := cancel.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); string(text) != "hello" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}
