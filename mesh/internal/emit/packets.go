package emit

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// Packets reads the inputs again and passes on the packets of a leg in the order of
// time, without second copies of loopback packets. It stops at the first error of
// yield, and when ctx is cancelled. The packet is valid during the call only.
func (s *Source) Packets(ctx context.Context, leg int, yield func(*capture.Packet) error) error {
	c := s.Planner.Legs[leg].Conn
	var want reassembly.HalfSet
	left := uint32(0)
	add := func(h index.HalfNo) {
		_, id := s.Index.Locate(h)
		want.Add(id)
		left += s.Index.Half(h).Packets
	}
	for h := range c.Halves {
		add(h)
	}
	for _, stray := range c.Strays {
		add(stray.Half)
	}
	g := c.Place.Group
	table := s.Index.Groups[g].Table
	readers, err := s.openGroup(ctx, g)
	defer closeAll(readers)
	if err != nil {
		return err
	}
	m := capture.NewMerger(readers...)
	for left > 0 {
		p, err := m.Next()
		if err == io.EOF || errors.Is(err, capture.ErrChanged) {
			return fmt.Errorf("leg %d: %d packets are gone: %w", leg, left, capture.ErrChanged)
		}
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue // as in the first reading: what could be read counts
		}
		if id := table.At(p.Ref); id == 0 || id.Dup() || !want.Has(id) {
			continue
		}
		left--
		if err := ctx.Err(); err != nil { // a Reader gives first what it has
			return err
		}
		if err := yield(p); err != nil {
			return err
		}
	}
	return nil
}
