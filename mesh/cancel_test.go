package mesh_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A countdown is a context that is cancelled when it is asked for the nth time. So it is
// cancelled at the same place in every run.
type countdown struct {
	context.Context
	left   int
	cancel context.CancelFunc
}

func newCountdown(t *testing.T, n int) *countdown {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return &countdown{ctx, n, cancel}
}

func (c *countdown) Err() error {
	if c.left--; c.left <= 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// until calls do with contexts that are cancelled later and later, until one is late
// enough for it. Whatever was cancelled says so, and leaves no goroutine and no file.
func until(t *testing.T, dir string, do func(ctx context.Context) error) {
	t.Helper()
	t.Setenv("TMPDIR", dir)
	before := runtime.NumGoroutine()
	for n := 1; ; n += 1 + n/4 {
		err := do(newCountdown(t, n))
		if files, _ := os.ReadDir(dir); err != nil && len(files) > 0 {
			t.Fatalf("cancelled when it asked for the %dth time, it left %v", n, files)
		}
		settled(t, before)
		if err == nil {
			if n == 1 {
				t.Error("it does not ask at all")
			}
			return
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("cancelled when it asked for the %dth time, it says %v", n, err)
		}
	}
}

func TestCancelStitch(t *testing.T) {
	inputs := []mesh.Input{{Name: pcaps + "mtls-http-eth0.pcap.gz"}, {Name: pcaps + "mtls-http-lo.pcap.gz"}}
	o := &mesh.Options{Reread: true, KeyLogs: []string{pcaps + "mtls-http-keys.txt"}, Records: record.Files{
		Conntrack: []record.File{{Name: pcaps + "mtls-http-conntrack.txt"}}, AccessLogs: []record.File{{Name: pcaps + "mtls-http-access.log.gz"}},
		Rules: []record.File{{Name: pcaps + "mtls-http-iptables.txt"}}, Sockets: []record.File{{Name: pcaps + "mtls-http-ss.txt"}},
	}}
	until(t, t.TempDir(), func(ctx context.Context) error {
		r, err := mesh.Stitch(ctx, inputs, o)
		if r != nil {
			if err != nil {
				t.Errorf("a result beside %v", err)
			}
			return r.Close()
		}
		return err
	})
}

func TestCancelWriting(t *testing.T) {
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: pcaps + "mtls-http-eth0.pcap.gz"}, {Name: pcaps + "mtls-http-lo.pcap.gz"}}, &mesh.Options{Reread: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var whole bytes.Buffer
	if _, err := r.WriteCapture(t.Context(), &whole, nil); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Run("a file", func(t *testing.T) {
		until(t, dir, func(ctx context.Context) error {
			_, err := r.WriteFile(ctx, filepath.Join(dir, "out.pcapng"), nil)
			return err
		})
		if got := read(t, filepath.Join(dir, "out.pcapng")); !bytes.Equal(got, whole.Bytes()) {
			t.Errorf("%d bytes, want the %d that are written without cancelling", len(got), whole.Len())
		}
	})
	t.Run("a stream", func(t *testing.T) {
		until(t, t.TempDir(), func(ctx context.Context) error {
			_, err := r.WriteCapture(ctx, io.Discard, nil)
			return err
		})
	})
}

func TestCancelReading(t *testing.T) {
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}, {Name: lo}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Run("follow", func(t *testing.T) {
		until(t, t.TempDir(), func(ctx context.Context) (err error) {
			for _, err = range r.Follow(ctx, 0, mesh.AllExchanges) {
			}
			return err
		})
	})
	t.Run("soon", func(t *testing.T) { // and not when what was read ahead is used up
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for _, err := range r.Packets(ctx, 0) {
			if n++; n == 1 {
				cancel()
			} else if !errors.Is(err, context.Canceled) {
				t.Errorf("packet %d came after it was cancelled", n)
			}
		}
	})
	t.Run("packets", func(t *testing.T) {
		until(t, t.TempDir(), func(ctx context.Context) (err error) {
			for _, err = range r.Packets(ctx, 0) {
			}
			return err
		})
	})
}

// A stream that says nothing more is no reason to wait.
func TestCancelWaiting(t *testing.T) {
	before := runtime.NumGoroutine()
	pr, pw := io.Pipe()
	asked := make(chan bool)
	go func() {
		_, _ = pw.Write(read(t, eth0))
		close(asked)
	}()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked // all that is there was read
		cancel()
	}()
	r, err := mesh.Stitch(ctx, []mesh.Input{{Name: "pipe", Open: func() (io.ReadCloser, error) { return pr, nil }}}, nil)
	if r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v, want that it was cancelled", r, err)
	}
	settled(t, before)
}
