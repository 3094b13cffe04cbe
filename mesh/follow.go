package mesh

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/emit"
)

// A Chunk is bytes of a path's stream, in the order they were sent.
type Chunk struct {
	Reply   bool         // sent by the server
	Time    capture.Time // of the packet that carried them
	Ref     capture.Ref  // that packet
	Data    []byte       // not owned; valid until the next step
	Missing int64        // bytes that are missing at this place; Data is empty then
}

// Errors for numbers that name nothing; test for them with errors.Is.
var (
	ErrNoPath     = errors.New("no such stream")
	ErrNoExchange = errors.New("no such exchange")
	ErrNoLeg      = errors.New("no such leg")
)

// AllExchanges stands for all of a path in Follow.
const AllExchanges = -1

// Follow reads the inputs again and iterates over the bytes of a path: what following
// its stream in the stitched capture shows, or one exchange of it, which is as it was
// read even where the stream has it re-encoded. An error, also that of a cancelled ctx,
// ends the sequence; the chunk beside it is empty.
func (r *Result) Follow(ctx context.Context, path, exchange int) iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		c, err := r.conversation(path, exchange)
		if err == nil {
			err = r.source.Follow(ctx, c, func(k emit.Chunk) error {
				if !yield(Chunk(k), nil) {
					return errEnough
				}
				return nil
			})
		}
		if err != nil && err != errEnough {
			yield(Chunk{}, err)
		}
	}
}

// Packets reads the inputs again and iterates over the packets of a leg in the order of
// time, as they were captured where the leg's ranges lie, without the second copies of
// loopback packets. An error, also that of a cancelled ctx, ends the sequence; the
// packet beside it is empty. The data of a packet is not owned and valid until the next
// step.
func (r *Result) Packets(ctx context.Context, leg int) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		err := r.usable()
		switch {
		case err != nil:
		case leg < 0 || leg >= len(r.Legs):
			err = fmt.Errorf("leg %d: %w: there are %d", leg, ErrNoLeg, len(r.Legs))
		default:
			err = r.source.Packets(ctx, leg, func(p *capture.Packet) error {
				if !yield(*p, nil) {
					return errEnough
				}
				return nil
			})
		}
		if err != nil && err != errEnough {
			yield(capture.Packet{}, err)
		}
	}
}

// errEnough ends a reading of which nobody wants more.
var errEnough = errors.New("enough")

// conversation returns what is followed.
func (r *Result) conversation(path, exchange int) (*plan.Conversation, error) {
	if err := r.usable(); err != nil {
		return nil, err
	}
	if path < 0 || path >= len(r.Paths) {
		return nil, fmt.Errorf("stream %d: %w: there are %d", path, ErrNoPath, len(r.Paths))
	}
	c := r.source.Conversations[path]
	if exchange < 0 {
		return c, nil
	}
	if n := len(r.Paths[path].Exchanges); exchange >= n {
		return nil, fmt.Errorf("stream %d, exchange %d: %w: there are %d", path, exchange, ErrNoExchange, n)
	}
	if c = r.source.Planner.Exchange(c, exchange); c == nil {
		return nil, fmt.Errorf("stream %d, exchange %d: not readable on any leg", path, exchange)
	}
	return c, nil
}
