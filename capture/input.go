package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// InputOptions change how an Input is read. The zero value, and nil, are the
// defaults.
type InputOptions struct {
	// Reread says that the capture will be read more than once. A pipe or a
	// compressed file is then copied, decompressed, to an unlinked temporary
	// file of mode 0600 while it is first read, and read from there later.
	Reread bool

	InterfaceName string        // as in Options
	Buffer        int           // as in Options
	Progress      func(n int64) // as in Options; n starts again from 0 with each Reader
}

// An Input is a capture that can be read more than once. Every Reader after
// the first sees exactly the bytes that the first saw, and ends as it ended,
// even when the file has grown since. Readers after the first may be used at
// the same time; the Input itself is not safe for concurrent use.
type Input struct {
	name    string
	file    *os.File
	info    os.FileInfo
	options Options
	reread  bool

	seekable bool
	start    int64     // where the capture begins: standard input may have been read from
	first    *recorder // nil before the first Reader
	ended    bool      // the first Reader needs no more
}

// A recorder is where the first Reader of an Input gets its bytes from.
type recorder struct {
	src   io.Reader
	spool *os.File // gets a copy; nil for none
	n     int64    // bytes read from src
	err   error    // how src ended; nil when it was not read that far
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

// OpenInput opens the named capture file, of whose packets Ref.Input is
// number; "-" is standard input. The contents are not looked at before the
// first Reader, but a directory or an empty file is an *Error that matches
// ErrNotCapture. The caller closes the Input.
func OpenInput(name string, number uint32, o *InputOptions) (*Input, error) {
	if o == nil {
		o = &InputOptions{}
	}
	in := &Input{
		name: name, reread: o.Reread,
		options: Options{Input: number, InterfaceName: o.InterfaceName, Buffer: o.Buffer, Progress: o.Progress},
	}
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

// Name returns the name the Input was opened with.
func (in *Input) Name() string { return in.name }

// Size returns the size of the file in bytes when it was opened, compressed if
// it is; 0 for a pipe.
func (in *Input) Size() int64 {
	if !in.seekable {
		return 0
	}
	return in.info.Size()
}

// FileInfo returns the file's description when it was opened. With os.SameFile
// it tells whether two inputs, or an input and an output, are one file.
func (in *Input) FileInfo() os.FileInfo { return in.info }

var (
	errReadOnce   = errors.New("a pipe can be read only once")
	errUnfinished = errors.New("the first reader has not reached the end")
)

// Reader returns a Reader from the start of the capture. The first one must
// reach its end, which may be an error, before the second is made. The caller
// closes the Reader, and before the Input.
//
// It is an error to ask twice for a pipe without InputOptions.Reread. A Reader
// meets ErrChanged when the file is now shorter than it was.
func (in *Input) Reader() (*Reader, error) { return in.open(&in.options) }

func (in *Input) open(o *Options) (*Reader, error) {
	h := readerHooks{name: in.label()}
	if in.first == nil {
		h.wrap = in.spooled
		h.onEnd = func() { in.ended = true }
		in.first = &recorder{src: in.source()}
		return newReader(in.first, o, h)
	}
	spool := in.first.spool
	switch {
	case spool == nil && !in.seekable:
		return nil, &Error{File: in.label(), Err: errReadOnce}
	case !in.ended:
		return nil, &Error{File: in.label(), Err: errUnfinished}
	case spool == nil:
		return newReader(in.replay(in.file, in.start), o, h)
	}
	return newReader(in.replay(spool, 0), o, h)
}

// source returns the bytes of the file. A regular file is read by position, so
// that several Readers can share it.
func (in *Input) source() io.Reader {
	if in.seekable {
		return io.NewSectionReader(in.file, in.start, 1<<62-in.start)
	}
	return in.file
}

// spooled makes the first Reader leave a copy of src, where later ones could
// not read the file itself or only at the cost of unpacking it again.
func (in *Input) spooled(src io.Reader, compressed bool) (io.Reader, error) {
	if !in.reread || in.seekable && !compressed {
		return src, nil
	}
	f, err := os.CreateTemp("", "pcapmesh-*") // mode 0600
	if err != nil {
		return nil, err
	}
	in.first = &recorder{src: src, spool: f}
	return in.first, os.Remove(f.Name())
}

// replay returns what the first Reader saw, which now stands in f.
func (in *Input) replay(f *os.File, start int64) io.Reader {
	p := &replayer{file: f, off: start, end: start + in.first.n, err: in.first.err}
	if p.err == nil {
		p.err = io.EOF
	}
	return p
}

// A replayer reads a part of a file and ends with err.
type replayer struct {
	file     *os.File
	off, end int64
	err      error
}

// Read implements io.Reader.
func (p *replayer) Read(b []byte) (int, error) {
	if p.off >= p.end {
		return 0, p.err
	}
	n, err := p.file.ReadAt(b[:min(int64(len(b)), p.end-p.off)], p.off)
	p.off += int64(n)
	switch {
	case n > 0:
		return n, nil
	case err == io.EOF:
		return 0, fmt.Errorf("%w: it is %d bytes shorter", ErrChanged, p.end-p.off)
	}
	return 0, err
}

// Close closes the file and discards the copy. Readers of the Input are to be
// closed before.
func (in *Input) Close() error {
	var err error
	if in.first != nil && in.first.spool != nil {
		err = in.first.spool.Close()
	}
	if in.file != nil && in.name != "-" {
		err = errors.Join(err, in.file.Close())
	}
	return err
}
