package capture

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/pcapmesh/pcapmesh/internal/scratch"
)

// An Input is a capture that can be read more than once. Every Reader after
// the first sees exactly the bytes that the first saw, and ends as it ended,
// even when the file has grown since. Readers after the first may be used at
// the same time; the Input itself is not safe for concurrent use.
type Input struct {
	name    string
	file    *os.File
	info    os.FileInfo
	options Options

	seekable bool
	start    int64     // where the capture begins: standard input may have been read from
	first    *recorder // nil before the first Reader
}

// A recorder stands under the first Reader of an Input and notes what later
// ones have to see.
type recorder struct {
	src   io.Reader     // unpacked
	spool *scratch.File // gets a copy; nil for none
	n     int64         // bytes read from src
	err   error         // how src ended; nil when it was not read that far
	ended bool          // the Reader needs no more
}

// Read implements io.Reader.
func (c *recorder) Read(p []byte) (int, error) {
	n, err := c.src.Read(p)
	if c.spool != nil && n > 0 {
		if _, werr := c.spool.Write(p[:n]); werr != nil {
			n, err = 0, fmt.Errorf("copy to a temporary file: %w", werr)
		}
	}
	c.n += int64(n)
	c.err = err
	return n, err
}

// A replayer stands under later Readers, which get what the recorder saw.
type replayer struct {
	src  io.Reader // unpacked
	left int64     // bytes
	end  error     // comes after them
}

// Read implements io.Reader.
func (p *replayer) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, p.end
	}
	n, err := p.src.Read(b[:min(int64(len(b)), p.left)])
	p.left -= int64(n)
	switch {
	case p.left == 0:
		return n, p.end
	case err == io.EOF || errors.Is(err, ErrTruncated):
		err = fmt.Errorf("%w: it lacks %d bytes that were there before", ErrChanged, p.left)
	}
	return n, err
}

// OpenInput opens the named capture file; "-" is standard input. The contents
// are not looked at before the first Reader, but a directory or an empty file
// is an *Error that matches ErrNotCapture. The caller closes the Input.
func OpenInput(name string, o *Options) (*Input, error) {
	if o == nil {
		o = &Options{}
	}
	in := &Input{name: name, options: *o}
	if err := in.openFile(); err != nil {
		return nil, err
	}
	if err := in.examine(); err != nil {
		in.Close()
		return nil, err
	}
	return in, nil
}

func (in *Input) openFile() error {
	if in.name == "-" {
		in.file = os.Stdin
		return nil
	}
	f, err := os.Open(in.name)
	in.file = f
	return err
}

// examine finds out what kind of file was opened.
func (in *Input) examine() error {
	var err error
	if in.info, err = in.file.Stat(); err != nil {
		return err
	}
	if in.info.IsDir() {
		return &Error{File: in.label(), Err: fmt.Errorf("%w: a directory", ErrNotCapture)}
	}
	if !in.info.Mode().IsRegular() {
		return nil
	}
	in.seekable = true
	if in.start, err = in.file.Seek(0, io.SeekCurrent); err != nil {
		return err
	}
	if in.info.Size() <= in.start {
		return &Error{File: in.label(), Err: notCapture(nil)}
	}
	return nil
}

// label is the name used in errors.
func (in *Input) label() string {
	if in.name == "-" {
		return "standard input"
	}
	return in.name
}

// Number returns what Ref.Input is in the packets of the Input.
func (in *Input) Number() uint32 { return in.options.Input }

// Name returns the name the Input was opened with.
func (in *Input) Name() string { return in.name }

// FileInfo returns the file's description when it was opened. With os.SameFile
// it reports whether two inputs, or an input and an output, are one file.
func (in *Input) FileInfo() os.FileInfo { return in.info }

var (
	errReadOnce   = errors.New("a pipe can be read only once")
	errUnfinished = errors.New("the first reader has not reached the end")
)

// Reader returns a Reader from the start of the capture. The first that comes
// to its end, be it an error, decides what all later ones see; one given up
// before that is as if it had not been. The caller closes the Reader, and
// before the Input.
//
// It is an error to ask twice for a pipe without Options.Reread, or before
// the first Reader has come to its end. A Reader meets ErrChanged when the file
// is now shorter than it was.
func (in *Input) Reader() (*Reader, error) { return in.open(&in.options) }

func (in *Input) open(o *Options) (*Reader, error) {
	first := in.first
	switch {
	case first == nil || in.seekable && !first.ended:
		return in.firstReader(o)
	case first.spool == nil && !in.seekable:
		return nil, &Error{File: in.label(), Err: errReadOnce}
	case !first.ended:
		return nil, &Error{File: in.label(), Err: errUnfinished}
	}
	return newReader(in.source(), o, readerHooks{
		name: in.label(),
		wrap: func(src io.Reader, _ bool) (io.Reader, error) {
			end := first.err
			if end == nil {
				end = io.EOF
			}
			return &replayer{src: src, left: first.n, end: end}, nil
		},
	})
}

// firstReader starts the pass that decides what later ones see.
func (in *Input) firstReader(o *Options) (*Reader, error) {
	if err := in.closeSpool(); err != nil { // of a Reader given up
		return nil, err
	}
	c := &recorder{}
	in.first = c
	return newReader(in.source(), o, readerHooks{
		name:  in.label(),
		onEnd: func() { c.ended = true },
		wrap: func(src io.Reader, compressed bool) (_ io.Reader, err error) {
			c.src = src
			if in.options.Reread && (compressed || !in.seekable) {
				c.spool, err = scratch.Create()
			}
			return c, err
		},
	})
}

// source returns the bytes of the copy if there is one, else of the file. What
// is not a pipe is read by position, so that several Readers can share it.
func (in *Input) source() io.Reader {
	switch {
	case in.first != nil && in.first.ended && in.first.spool != nil:
		return io.NewSectionReader(in.first.spool, 0, in.first.n)
	case in.seekable:
		return io.NewSectionReader(in.file, in.start, math.MaxInt64-in.start)
	}
	return in.file
}

func (in *Input) closeSpool() error {
	if in.first == nil || in.first.spool == nil {
		return nil
	}
	return in.first.spool.Close()
}

// Close closes the file and discards the copy. Readers of the Input are to be
// closed before.
func (in *Input) Close() error {
	err := in.closeSpool()
	if in.name != "-" {
		err = errors.Join(err, in.file.Close())
	}
	return err
}
