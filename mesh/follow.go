package mesh

import (
	"errors"
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/emit"
)

// A Chunk is bytes of a path's stream, in the order they were sent.
type Chunk struct {
	Reply   bool        // sent by the server
	Nanos   int64       // of the packet that carried them
	Ref     capture.Ref // that packet
	Data    []byte      // valid during the call only
	Missing int64       // bytes that are missing at this place; Data is empty then
}

// Errors for numbers that name nothing; test for them with errors.Is.
var (
	ErrNoPath     = errors.New("no such stream")
	ErrNoExchange = errors.New("no such exchange")
)

// Follow reads the inputs again and calls yield with the bytes of a path: what
// following its stream in the stitched capture shows. no selects one
// exchange, -1 all of the stream. It stops at the first error of yield.
func (r *Result) Follow(path, no int, yield func(Chunk) error) error {
	if path < 0 || path >= len(r.Paths) {
		return fmt.Errorf("stream %d: %w: there are %d", path, ErrNoPath, len(r.Paths))
	}
	c := r.source.Conversations[path]
	if no >= 0 {
		p := r.Paths[path]
		if no >= len(p.Exchanges) {
			return fmt.Errorf("stream %d, exchange %d: %w: there are %d", path, no, ErrNoExchange, len(p.Exchanges))
		}
		if c = r.source.Plan.Exchange(c, no); c == nil {
			return fmt.Errorf("stream %d, exchange %d: not readable on any leg", path, no)
		}
	}
	return r.source.Follow(c, func(k emit.Chunk) error { return yield(Chunk(k)) })
}
