//go:build linux

package testbed

import (
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// thinned removes packets from all captures where the scenario wants it.
func (b *bed) thinned() error {
	if b.notes.missing == 0 {
		return nil
	}
	for _, s := range b.sniffers {
		lost := func() bool { return b.between(1, b.notes.missing) == 1 }
		if err := pcap.Thin(filepath.Join(b.dir, s.file), lost); err != nil {
			return err
		}
	}
	return nil
}

// pack gzips the files of rotating and of large captures, when those have
// ended.
func (b *bed) pack() error {
	for _, s := range b.sniffers {
		if s.packed && !s.rotated {
			if err := truth.Pack(filepath.Join(b.dir, s.file)); err != nil {
				return err
			}
			s.file += ".gz"
		}
		if !s.rotated {
			continue
		}
		names, err := filepath.Glob(filepath.Join(b.dir, s.file+"*"))
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
func (b *bed) halved() (err error) {
	if !b.notes.halves {
		return nil
	}
	for _, s := range b.sniffers {
		if s.iface == "lo" {
			b.notes.lost, err = pcap.ThinHalves(filepath.Join(b.dir, s.file), uint16(b.pods[0].rules.out))
		}
	}
	return err
}
