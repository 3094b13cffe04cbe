package emit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// Reasons why a stitched capture is not written; test for them with errors.Is.
var (
	ErrOutputIsInput = errors.New("is an input too; inputs are never written to")
	ErrOutputExists  = errors.New("exists and was not written by pcapmesh")
)

// WriteFile writes to the named file, which appears under its name only when it is
// complete. A file that exists is replaced only if pcapmesh wrote it, or with Options.Replace;
// never if it is an input.
func (s *Source) WriteFile(ctx context.Context, name string, o Options) (Summary, error) {
	special, err := s.mayReplace(name, o.Replace)
	if err != nil {
		return Summary{}, err
	}
	if special {
		return s.writeInto(ctx, name, o)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return Summary{}, fmt.Errorf("%s: %w", name, index.Cause(err))
	}
	sum, err := s.Write(ctx, f, o)
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
func (o *Options) mode() os.FileMode {
	if o.EmbedKeys {
		return 0o600
	}
	return 0o644
}

// writeInto writes to a device or a named pipe.
func (s *Source) writeInto(ctx context.Context, name string, o Options) (Summary, error) {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return Summary{}, err
	}
	sum, err := s.Write(ctx, f, o)
	return sum, errors.Join(err, f.Close())
}

// mayReplace refuses to replace what is not ours to replace. special tells that
// the file is a device or a pipe, which is written to and not replaced.
func (s *Source) mayReplace(name string, force bool) (special bool, err error) {
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.isInput(info) {
		return false, fmt.Errorf("%s: %w", name, ErrOutputIsInput)
	}
	if info.IsDir() {
		return false, fmt.Errorf("%s: is a directory", name)
	}
	if !info.Mode().IsRegular() || force || writtenByUs(name) {
		return !info.Mode().IsRegular(), nil
	}
	return false, fmt.Errorf("%s: %w", name, ErrOutputExists)
}

// writtenByUs reports whether the named file is a capture that pcapmesh wrote.
func writtenByUs(name string) bool {
	c, err := capture.Open(name, nil)
	if err != nil {
		return false
	}
	defer c.Close()
	return c.Application() == Application || strings.HasPrefix(c.Application(), Application+" ")
}

// Application is what a stitched capture names as the program that wrote it,
// followed by a space and its version if that is known. It tells that a file
// may be replaced.
const Application = "pcapmesh"
