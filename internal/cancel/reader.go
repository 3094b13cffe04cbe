package cancel

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// A Reader reads until its context is cancelled. It must be closed.
type Reader struct {
	ctx    context.Context
	src    io.Reader
	closer func() error // nil: src is somebody else's
	stop   func() bool

	mu   sync.Mutex
	late bool // src has a read deadline that has passed
	done bool // the Reader is closed
}

// NewReader returns a Reader of what is somebody else's. When ctx is cancelled, a Read
// that waits is woken if src has a SetReadDeadline that works.
func NewReader(ctx context.Context, src io.Reader) *Reader { return newReader(ctx, src, nil) }

// NewReadCloser returns a Reader that closes src. When ctx is cancelled it is closed at
// once, also during a Read, which ends in most readers that wait.
func NewReadCloser(ctx context.Context, src io.ReadCloser) *Reader {
	return newReader(ctx, src, sync.OnceValue(src.Close))
}

func newReader(ctx context.Context, src io.Reader, closer func() error) *Reader {
	r := &Reader{ctx: ctx, src: src, closer: closer}
	r.stop = context.AfterFunc(ctx, r.interrupt)
	return r
}

type deadlined interface{ SetReadDeadline(time.Time) error }

// interrupt wakes a Read that waits.
func (r *Reader) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done {
		return
	}
	if r.closer != nil {
		_ = r.closer() // Close tells
		return
	}
	if d, ok := r.src.(deadlined); ok {
		r.late = d.SetReadDeadline(time.Unix(1, 0)) == nil
	}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.src.Read(p)
	if err != nil && err != io.EOF && r.ctx.Err() != nil {
		err = r.ctx.Err() // and not what its interruption looks like
	}
	return n, err
}

// Close ends reading. What is somebody else's is as it was.
func (r *Reader) Close() error {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	var err error
	if d, ok := r.src.(deadlined); ok && r.late {
		r.late = false
		err = d.SetReadDeadline(time.Time{})
	}
	if r.closer != nil {
		err = errors.Join(err, r.closer())
	}
	return err
}

// NewWriter returns a writer that writes to w until ctx is cancelled. A Write of w that
// waits is not woken.
func NewWriter(ctx context.Context, w io.Writer) io.Writer { return &writer{ctx, w} }

type writer struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}
