//go:build linux

package stage

import (
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/packets"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// thinned removes packets from all captures where the scenario wants it.
func (b *Bed) thinned() error {
	if b.Notes.Missing == 0 {
		return nil
	}
	for _, s := range b.Sniffers {
		lost := func() bool { return b.Between(1, b.Notes.Missing) == 1 }
		if err := packets.Thin(filepath.Join(b.Dir, s.File), lost); err != nil {
			return err
		}
	}
	return nil
}

// pack gzips the files of rotating and of large captures, when those have
// ended.
func (b *Bed) pack() error {
	for _, s := range b.Sniffers {
		if s.Packed && !s.Rotated {
			if err := truth.Pack(filepath.Join(b.Dir, s.File)); err != nil {
				return err
			}
			s.File += ".gz"
		}
		if !s.Rotated {
			continue
		}
		names, err := filepath.Glob(filepath.Join(b.Dir, s.File+"*"))
		if err != nil {
			return err
		}
		for _, n := range names {
			if err := truth.Pack(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// halved takes one direction of redirected connections out of lo.
func (b *Bed) halved() (err error) {
	if !b.Notes.Halves {
		return nil
	}
	for _, s := range b.Sniffers {
		if s.Iface == "lo" {
			b.Notes.Lost, err = packets.ThinHalves(filepath.Join(b.Dir, s.File), uint16(b.Pods[0].Rules.Out))
		}
	}
	return err
}
