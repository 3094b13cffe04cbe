package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/pcapmesh/pcapmesh/internal/cancel"
)

// A source is where the bytes of an Input come from.
type source interface {
	again() bool // it can be opened more than once
	// open returns the bytes from the start, until ctx is cancelled.
	open(ctx context.Context) (*cancel.Reader, error)
	io.Closer
}

// A file is a source that was opened by its name.
type file struct {
	*os.File
	info     os.FileInfo
	start    int64 // where the capture begins: standard input may have been read from
	standard bool  // it is standard input
}

func openFile(ctx context.Context, name string) (*file, error) {
	f := &file{File: os.Stdin, standard: name == "-"}
	var err error
	if !f.standard {
		if f.File, err = cancel.Open(ctx, name); err != nil {
			return nil, err
		}
	}
	if f.info, err = f.Stat(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// check finds out what kind of file was opened.
func (f *file) check() (err error) {
	if f.info.IsDir() {
		return fmt.Errorf("%w: a directory", ErrNotCapture)
	}
	if !f.again() {
		return nil
	}
	if f.start, err = f.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	if f.info.Size() <= f.start {
		return notCapture(nil)
	}
	return nil
}

func (f *file) again() bool { return f.info.Mode().IsRegular() }

// open reads what is no pipe by position, so that several Readers can share it.
func (f *file) open(ctx context.Context) (*cancel.Reader, error) {
	if f.again() {
		return cancel.NewReader(ctx, io.NewSectionReader(f.File, f.start, math.MaxInt64-f.start)), nil
	}
	return cancel.NewReader(ctx, f.File), nil
}

// Close implements io.Closer.
func (f *file) Close() error {
	if f.standard {
		return nil
	}
	return f.File.Close()
}

// An opener is a source that a function opens.
type opener func() (io.ReadCloser, error)

func (opener) again() bool { return true }

var errNothing = errors.New("opening it gave nothing")

func (open opener) open(ctx context.Context) (*cancel.Reader, error) {
	src, err := open()
	if err == nil && src == nil {
		err = errNothing
	}
	if err != nil {
		return nil, err
	}
	return cancel.NewReadCloser(ctx, src), nil
}

// Close implements io.Closer.
func (opener) Close() error { return nil }

// A stream is a source that can be read once.
type stream struct{ io.Reader }

func (*stream) again() bool { return false }

func (s *stream) open(ctx context.Context) (*cancel.Reader, error) {
	return cancel.NewReader(ctx, s.Reader), nil
}

// Close implements io.Closer.
func (*stream) Close() error { return nil }
