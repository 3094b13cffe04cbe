package emit

import (
	"context"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
)

// A Chunk is bytes of a stream, in the order they were sent.
type Chunk struct {
	Reply   bool         // sent by the server
	Time    capture.Time // of the packet that carried them
	Ref     capture.Ref  // that packet
	Data    []byte       // valid during the call only
	Missing int64        // bytes that are missing at this place; Data is empty then
}

// Follow reads the inputs again and passes on the bytes of c in the order in
// which they are written.
// It stops at the first error of yield, and when ctx is cancelled.
func (s *Source) Follow(ctx context.Context, c *plan.Conversation, yield func(Chunk) error) error {
	if !c.Rebuilt {
		c = plan.Whole(c)
	}
	sp := &spool{}
	defer sp.Close()
	chunks, err := s.gather(ctx, []*plan.Conversation{c}, sp)
	if err != nil {
		return err
	}
	k := 0
	for k < len(chunks) && !chunks[k].reply {
		k++
	}
	return inOrder(raise(chunks[:k]), raise(chunks[k:]), func(k *chunk) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return passOn(k, sp, yield)
	})
}

// passOn tells one chunk, and after it what was cut off its packet.
func passOn(k *chunk, sp *spool, yield func(Chunk) error) error {
	out := Chunk{Reply: k.reply, Time: capture.Time(k.from.Nanos), Ref: k.from.Ref}
	if k.gap {
		out.Missing = k.n
		return yield(out)
	}
	if k.n > 0 {
		var err error
		if out.Data, err = sp.read(k.spot, int(k.n)); err != nil {
			return err
		}
		if err := yield(out); err != nil {
			return err
		}
	}
	if out.Data, out.Missing = nil, k.cut; k.cut > 0 {
		return yield(out)
	}
	return nil
}
