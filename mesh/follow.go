package mesh

import (
	"errors"
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture"
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
	p := r.Paths[path]
	c := p.conv
	if no >= 0 {
		if no >= len(p.Exchanges) {
			return fmt.Errorf("stream %d, exchange %d: %w: there are %d", path, no, ErrNoExchange, len(p.Exchanges))
		}
		e := r.planner.hop(&p.Exchanges[no])
		if e == nil {
			return fmt.Errorf("stream %d, exchange %d: not readable on any leg", path, no)
		}
		c = r.planner.rebuild(p, p.client, []*exchange{e})
	}
	if !c.rebuilt {
		c = whole(c)
	}
	return r.yield(c, yield)
}

// yield gathers the pieces of c and passes them on in the order of time.
func (r *Result) yield(c *conversation, yield func(Chunk) error) error {
	sp := &spool{}
	defer sp.Close()
	chunks, err := r.gather([]*conversation{c}, sp)
	if err != nil {
		return err
	}
	k := 0
	for k < len(chunks) && !chunks[k].reply {
		k++
	}
	sent, received := raise(chunks[:k]), raise(chunks[k:])
	for len(sent)+len(received) > 0 {
		from := &received
		if len(received) == 0 || len(sent) > 0 && sent[0].at.nanos <= received[0].at.nanos {
			from = &sent
		}
		k := (*from)[0]
		*from = (*from)[1:]
		if err := passOn(&k, sp, yield); err != nil {
			return err
		}
	}
	return nil
}

// passOn tells one chunk, and after it what was cut off its packet.
func passOn(k *chunk, sp *spool, yield func(Chunk) error) error {
	out := Chunk{Reply: k.reply, Nanos: k.from.nanos, Ref: k.from.ref}
	if k.gap {
		out.Missing = k.n
		return yield(out)
	}
	if k.n > 0 {
		var err error
		if out.Data, err = sp.read(nil, k.spot, int(k.n)); err != nil {
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
