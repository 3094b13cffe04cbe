package cancel

import (
	"context"
	"os"
	"syscall"
)

// Open opens a file for reading. A named pipe is opened when somebody opens its other
// end (fifo(7)), or ctx is cancelled.
func Open(ctx context.Context, name string) (*os.File, error) {
	if info, err := os.Stat(name); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return os.Open(name) // with the error of Open
	}
	type result struct {
		file *os.File
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(name)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.file, r.err
	case <-ctx.Done():
	}
	discard := func() {
		if r := <-opened; r.err == nil {
			r.file.Close()
		}
	}
	// A writer wakes it. One that reads too does not wait, whoever came first.
	w, err := os.OpenFile(name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil { // not ours to write to: it stays until somebody else comes
		go discard()
		return nil, ctx.Err()
	}
	discard()
	w.Close()
	return nil, ctx.Err()
}
