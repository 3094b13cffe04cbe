//go:build linux

package assembly

import (
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/packets"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// files lists the captures with their sizes and sums.
func (e *Evidence) files() ([]truth.File, error) {
	var out []truth.File
	for _, s := range e.Sniffers {
		names := []string{s.File}
		if s.Rotated {
			more, err := filepath.Glob(filepath.Join(e.Dir, s.File+"*"))
			if err != nil {
				return nil, err
			}
			names = names[:0]
			for _, n := range more {
				names = append(names, filepath.Base(n))
			}
		}
		for _, n := range names {
			f, err := packets.Describe(filepath.Join(e.Dir, n))
			if err != nil {
				return nil, err
			}
			f.Pod, f.Interface = s.Pod, s.Iface
			out = append(out, f)
		}
	}
	return out, nil
}
