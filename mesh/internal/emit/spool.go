package emit

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/scratch"
)

// spoolMemory is how many bytes a spool keeps in memory before it takes to a
// file.
const spoolMemory = 8 << 20

// A spool keeps bytes between the pass that finds them and the pass that
// writes them in another order: in memory as long as they are few, then in a
// temporary file. The zero value is empty.
type spool struct {
	head []byte
	file *scratch.File
	n    int64
}

// add appends p and returns where it is.
func (s *spool) add(p []byte) (int64, error) {
	at := s.n
	s.n += int64(len(p))
	if s.file == nil && len(s.head)+len(p) <= spoolMemory {
		s.head = append(s.head, p...)
		return at, nil
	}
	if s.file == nil {
		f, err := scratch.Create()
		if err != nil {
			return at, fmt.Errorf("temporary file: %w", err)
		}
		s.file = f
	}
	if _, err := s.file.Write(p); err != nil {
		return at, fmt.Errorf("temporary file: %w", err)
	}
	return at, nil
}

// read returns the n bytes at offset at, which were added together.
func (s *spool) read(at int64, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if at < int64(len(s.head)) {
		return slices.Clone(s.head[at : at+int64(n)]), nil
	}
	p := make([]byte, n)
	if _, err := s.file.ReadAt(p, at-int64(len(s.head))); err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	return p, nil
}

// Close discards the bytes.
func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
