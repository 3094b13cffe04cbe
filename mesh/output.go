package mesh

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
)

// Reasons why a stitched capture is not written; test for them with errors.Is.
var (
	ErrOutputIsInput = errors.New("is an input too; inputs are never written to")
	ErrOutputExists  = errors.New("exists and was not written by pcapmesh")
)

// WriteFile writes the stitched capture to the named file, which appears under
// its name only when it is complete. A file that exists is replaced only if
// pcapmesh wrote it, or with force; never if it is an input.
func (r *Result) WriteFile(name string, force bool, o *WriteOptions) (Summary, error) {
	special, err := r.mayReplace(name, force)
	if err != nil {
		return Summary{}, err
	}
	if special {
		return r.writeInto(name, o)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return Summary{}, fmt.Errorf("%s: %w", name, cause(err))
	}
	sum, err := r.WriteCapture(f, o)
	if err == nil {
		err = f.Chmod(o.mode())
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return sum, errors.Join(err, os.Remove(f.Name()))
	}
	return sum, nil
}

// mode returns the permissions of the file that is written: TLS secrets in it
// are for its owner only.
func (o *WriteOptions) mode() os.FileMode {
	if o != nil && o.EmbedKeys {
		return 0o600
	}
	return 0o644
}

// cause strips what the os package says of a temporary name.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// writeInto writes to a device or a named pipe.
func (r *Result) writeInto(name string, o *WriteOptions) (Summary, error) {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return Summary{}, err
	}
	sum, err := r.WriteCapture(f, o)
	return sum, errors.Join(err, f.Close())
}

// mayReplace refuses to replace what is not ours to replace. special tells that
// the file is a device or a pipe, which is written to and not replaced.
func (r *Result) mayReplace(name string, force bool) (special bool, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, in := range r.inputs {
		if in == nil {
			continue
		}
		if i := in.FileInfo(); i != nil && os.SameFile(i, info) {
			return false, fmt.Errorf("%s: %w", name, ErrOutputIsInput)
		}
	}
	if info.IsDir() {
		return false, fmt.Errorf("%s: is a directory", name)
	}
	if !info.Mode().IsRegular() || force || writtenByUs(name) {
		return !info.Mode().IsRegular(), nil
	}
	return false, fmt.Errorf("%s: %w", name, ErrOutputExists)
}

// writtenByUs tells whether the named file is a capture that pcapmesh wrote.
func writtenByUs(name string) bool {
	c, err := capture.Open(name, nil)
	if err != nil {
		return false
	}
	defer c.Close()
	return c.Application() == Application || strings.HasPrefix(c.Application(), Application+" ")
}
