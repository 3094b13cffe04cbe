// Package scratch has temporary files for what is needed to the end of a run and
// by nobody else: copies of pipes and compressed captures, and rebuilt streams.
package scratch

import (
	"errors"
	"os"
)

// A File is a temporary file of mode 0600. It has no name, so that it goes away
// however the program ends; on Windows, where what is open cannot lose its name,
// it has one until Close.
type File struct {
	*os.File
	named bool
}

// Create makes a File in the directory for temporary files.
func Create() (*File, error) {
	f, err := os.CreateTemp("", "pcapmesh-*")
	if err != nil {
		return nil, err
	}
	return &File{f, os.Remove(f.Name()) != nil}, nil
}

// Close discards the file.
func (f *File) Close() error {
	err := f.File.Close()
	if f.named {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
