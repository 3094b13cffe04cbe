package index

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"

	"github.com/pcapmesh/pcapmesh/internal/cancel"
)

// A Text is a file of keys or records that is being read, as it is or as gzip made it
// from.
type Text struct {
	*bufio.Reader
	src  *cancel.Reader
	file *os.File // nil: standard input
}

// OpenText opens the file with the given name, "-" is standard input. It is read until
// ctx is cancelled, and must be closed.
func OpenText(ctx context.Context, name string) (*Text, error) {
	t := new(Text)
	in := os.Stdin
	if name != "-" {
		var err error
		if in, err = cancel.Open(ctx, name); err != nil {
			return nil, err
		}
		t.file = in
	}
	t.src = cancel.NewReader(ctx, in)
	if err := t.unpack(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// unpack looks whether gzip made the file.
func (t *Text) unpack() error {
	t.Reader = bufio.NewReader(t.src)
	magic, err := t.Peek(2)
	if string(magic) != "\x1f\x8b" {
		if err == io.EOF {
			err = nil // short, and no gzip
		}
		return err
	}
	z, err := gzip.NewReader(t.Reader)
	if err != nil {
		return err
	}
	t.Reader = bufio.NewReader(z)
	return nil
}

// Close implements io.Closer.
func (t *Text) Close() error {
	err := t.src.Close()
	if t.file != nil {
		err = errors.Join(err, t.file.Close())
	}
	return err
}
