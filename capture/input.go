package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pcapmesh/pcapmesh/internal/cancel"
	"github.com/pcapmesh/pcapmesh/internal/scratch"
)

// An Input is a capture that can be read more than once. Every Reader after
// the first sees exactly the bytes that the first saw, and ends as it ended,
// even when the file has grown since. Readers after the first may be used at
// the same time; the Input itself is not safe for concurrent use.
type Input struct {
	name    string
	src     source
	info    os.FileInfo // nil if it is no file
	options Options
	first   *recorder // nil before the first Reader
}

// A recorder stands under the first Reader of an Input and notes what later
// ones have to see.
type recorder struct {
	src   io.Reader     // unpacked
	spool *scratch.File // gets a copy; nil for none
	n     int64         // bytes read from src
	err   error         // how src ended; nil when it was not read that far
	ended bool          // the Reader needs no more
	order order         // of the packets by their times
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
// is an *Error that matches ErrNotCapture. A named pipe is opened when somebody opens
// it for writing; ctx ends that wait. The caller closes the Input.
func OpenInput(ctx context.Context, name string, o *Options) (*Input, error) {
	f, err := openFile(ctx, name)
	if err != nil {
		return nil, err
	}
	in := newInput(name, f, o)
	in.info = f.info
	if err := f.check(); err != nil {
		f.Close()
		return nil, &Error{File: in.label(), Err: err}
	}
	return in, nil
}

// NewInput returns an Input of what open opens, such as a file of an fs.FS or an
// object of a store. It is opened anew for every Reader, which closes it, and must
// be the same every time. When the context of the Reader is cancelled it is closed at
// once, also during a Read. The name is for errors.
func NewInput(name string, open func() (io.ReadCloser, error), o *Options) *Input {
	return newInput(name, opener(open), o)
}

// StreamInput returns an Input of a stream, which is read once: with Options.Reread
// it is kept in a temporary file as a pipe is. The Input does not close src. The name
// is for errors.
func StreamInput(name string, src io.Reader, o *Options) *Input {
	return newInput(name, &stream{src}, o)
}

func newInput(name string, src source, o *Options) *Input {
	if o == nil {
		o = &Options{}
	}
	return &Input{name: name, src: src, options: *o}
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

// FileInfo returns the description of the file when it was opened by OpenInput, nil
// for other Inputs. With os.SameFile it tells whether two inputs, or an input and an
// output, are one file.
func (in *Input) FileInfo() os.FileInfo { return in.info }

// SetClock has later Readers correct the time of every packet: the clock of the host
// that captured them is known to be wrong. correct must not change which of two times
// is earlier.
func (in *Input) SetClock(correct func(Time) Time) { in.options.clock = correct }

var errUnfinished = errors.New("the first reader has not reached the end")

// Reader returns a Reader from the start of the capture. The first that comes
// to its end, be it an error, decides what all later ones see; one given up
// before that is as if it had not been. The caller closes the Reader, and
// before the Input.
//
// When ctx is cancelled the Reader ends with its error, in an *Error, after the packets
// that it has in its buffer. That ends also a Read that waits, if what is read has a
// SetReadDeadline that works, as a named pipe has, or is of NewInput and Close ends it;
// else it is as late as that Read.
//
// A pipe or stream can be read once: it is ErrReadOnce to ask again. With Options.Reread
// it can be read again after the first Reader has come to its end. A Reader meets
// ErrChanged when the file is now shorter than it was.
func (in *Input) Reader(ctx context.Context) (*Reader, error) { return in.open(ctx, &in.options) }

func (in *Input) open(ctx context.Context, o *Options) (*Reader, error) {
	first := in.first
	switch {
	case first == nil || in.src.again() && !first.ended:
		return in.firstReader(ctx, o)
	case first.spool == nil && !in.src.again():
		return nil, &Error{File: in.label(), Err: ErrReadOnce}
	case !first.ended:
		return nil, &Error{File: in.label(), Err: errUnfinished}
	}
	return in.read(ctx, o, readerHooks{
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
func (in *Input) firstReader(ctx context.Context, o *Options) (*Reader, error) {
	if err := in.closeSpool(); err != nil { // of a Reader given up
		return nil, err
	}
	c := &recorder{}
	in.first = c
	return in.read(ctx, o, readerHooks{
		order: &c.order,
		onEnd: func() { c.ended = ctx.Err() == nil }, // one that was cancelled was given up
		wrap: func(src io.Reader, compressed bool) (_ io.Reader, err error) {
			c.src = src
			if in.options.Reread && (compressed || !in.src.again()) {
				c.spool, err = scratch.Create()
			}
			return c, err
		},
	})
}

// read returns a Reader of the copy if there is one, else of the source.
func (in *Input) read(ctx context.Context, o *Options, h readerHooks) (*Reader, error) {
	h.name = in.label()
	if in.first.ended && in.first.spool != nil {
		copied := cancel.NewReader(ctx, io.NewSectionReader(in.first.spool, 0, in.first.n))
		h.closers = []io.Closer{copied}
		return newReader(copied, o, h)
	}
	src, err := in.src.open(ctx)
	if err != nil {
		return nil, in.named(err)
	}
	h.closers = []io.Closer{src}
	return newReader(src, o, h)
}

// named returns err, of opening the Input, with its name.
func (in *Input) named(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return err
	}
	return fmt.Errorf("%s: %w", in.label(), err)
}

func (in *Input) closeSpool() error {
	if in.first == nil || in.first.spool == nil {
		return nil
	}
	return in.first.spool.Close()
}

// Close closes the file and discards the copy. Readers of the Input are to be
// closed before.
func (in *Input) Close() error { return errors.Join(in.closeSpool(), in.src.Close()) }
