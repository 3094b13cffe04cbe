//go:build unix

package cancel_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/cancel"
)

func TestOpenPipe(t *testing.T) {
	name := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip("needs named pipes: ", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	said := make(chan error)
	go func() {
		_, err := cancel.Open(ctx, name)
		said <- err
	}()
	stop()
	if err := <-said; err != context.Canceled {
		t.Errorf("without a writer: %v, want that it was cancelled", err)
	}

	go func() {
		if w, err := os.OpenFile(name, os.O_WRONLY, 0); err == nil {
			_, _ = io.WriteString(w, "hello")
			w.Close()
		}
	}()
	f, err := cancel.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); string(text) != "hello" || err != nil {
		t.Errorf("with a writer: %q, %v", text, err)
	}
}
