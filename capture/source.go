package capture

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"
)

// A source is where the bytes of an Input come from.
type source interface {
	again() bool            // it can be opened more than once
	open() (*opened, error) // the bytes from the start
	io.Closer
}

// opened is the bytes of a source for one Reader.
type opened struct {
	io.Reader
	interrupt func() // ends a Read that waits, as far as that can be done
	close     func() error
}

// Close implements io.Closer.
func (o *opened) Close() error {
	if o.close == nil {
		return nil
	}
	return o.close()
}

// A file is a source that was opened by its name.
type file struct {
	*os.File
	info     os.FileInfo
	start    int64 // where the capture begins: standard input may have been read from
	standard bool  // it is standard input
}

func openFile(name string) (*file, error) {
	f := &file{File: os.Stdin, standard: name == "-"}
	var err error
	if !f.standard {
		if f.File, err = os.Open(name); err != nil {
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
func (f *file) open() (*opened, error) {
	if f.again() {
		return &opened{Reader: io.NewSectionReader(f.File, f.start, math.MaxInt64-f.start), interrupt: func() {}}, nil
	}
	return (&stream{f.File}).open()
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

func (open opener) open() (*opened, error) {
	src, err := open()
	if err != nil {
		return nil, err
	}
	once := sync.OnceValue(src.Close)
	return &opened{Reader: src, interrupt: func() { _ = once() }, close: once}, nil
}

// Close implements io.Closer.
func (opener) Close() error { return nil }

// A stream is a source that can be read once.
type stream struct{ io.Reader }

func (*stream) again() bool { return false }

func (s *stream) open() (*opened, error) {
	interrupt := func() {}
	if d, ok := s.Reader.(interface{ SetReadDeadline(time.Time) error }); ok {
		interrupt = func() { _ = d.SetReadDeadline(time.Now()) } // where it cannot be set, the Read waits
	}
	return &opened{Reader: s.Reader, interrupt: interrupt}, nil
}

// Close implements io.Closer.
func (*stream) Close() error { return nil }

// cancelled reads until its context is cancelled.
type cancelled struct {
	ctx context.Context
	src io.Reader
}

// Read implements io.Reader.
func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.src.Read(p)
	if err != nil && err != io.EOF && c.ctx.Err() != nil {
		err = c.ctx.Err() // and not what its interruption looks like
	}
	return n, err
}

type closeFunc func() error

// Close implements io.Closer.
func (f closeFunc) Close() error { return f() }
