package reassembly

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

// InputFacts is what a first reading found in one input beside halves.
type InputFacts struct {
	Packets     int          // of all kinds
	NonTCP      int          // of them those with no half: other protocols, and what could not be decoded
	First, Last capture.Time // lowest and highest capture time; 0 when Packets is 0
	Format      string
	Application string // the program that wrote a pcapng file, "" when unknown
	Comments    []string
	Interfaces  []capture.Interface
	Secrets     []capture.Secret
	Names       []capture.Name
	Err         error // why reading stopped before the end of the file; what came before counts
}

// Facts is what a first reading found in a group of inputs beside halves.
type Facts struct {
	Inputs    []InputFacts // in the order of the inputs
	Decode    tcpip.DecodeStats
	Datagrams tcpip.DecodeStats // of the packets that are no segments, if Options.Datagrams is set
}

// Index is the first reading of a group of inputs: it fills t, which must be
// empty, and delivers the streams to c. The packets of the inputs are put in
// the order of time; the inputs' numbers must differ and stay small, for they
// index tables. points gets the capture points.
//
// An input that cannot be read to its end, or not at all, is a fact, not an
// error. The error joins those of all inputs if none can be read; which is whose the
// Facts say. It is that of ctx if it is cancelled meanwhile: then there are no Facts,
// and c is not told how the halves ended.
func Index(ctx context.Context, inputs []*capture.Input, points *tcpip.Points, t *Table, c Consumer, o *Options) (*Facts, error) {
	f := &Facts{Inputs: make([]InputFacts, len(inputs))}
	readers := make([]*capture.Reader, len(inputs))
	var open []*capture.Reader
	var errs []error
	for i, in := range inputs {
		r, err := in.Reader(ctx)
		if err != nil {
			f.Inputs[i].Err = err
			errs = append(errs, err)
			continue
		}
		readers[i], open = r, append(open, r)
	}
	defer shut(open)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(open) == 0 {
		return f, errors.Join(errs...)
	}
	d := decoder(inputs, readers, points)
	a := NewAssembler(t, c, o)
	if err := f.read(ctx, open, places(inputs), d, a, newDatagrams(inputs, readers, points, o), o); err != nil {
		return nil, err
	}
	a.Finish()
	f.Decode = d.Stats()
	for i, r := range readers {
		if r != nil {
			f.Inputs[i].finish(r)
		}
	}
	return f, nil
}

// stopEvery is after how many packets it is asked whether to stop. That takes no
// time that could be measured, and so many packets take less than a millisecond.
const stopEvery = 1 << 10

// read brings the packets of all readers to the assembler. The error is that of ctx.
func (f *Facts) read(ctx context.Context, readers []*capture.Reader, place []int, d *tcpip.Decoder, a *Assembler, g *datagrams, o *Options) error {
	defer g.count(f)
	m := capture.NewMerger(readers...)
	var s tcpip.Segment
	for n := 1; ; n++ {
		if n%stopEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p, err := m.Next()
		if err == io.EOF {
			return ctx.Err()
		}
		if err != nil {
			continue // finish asks the reader again
		}
		f.Inputs[place[p.Ref.Input]].count(p)
		if !d.Decode(p, &s) {
			g.offer(p)
			continue
		}
		if id := a.Add(&s); o != nil && o.Segments != nil && !id.Dup() {
			o.Segments(id, &s)
		}
		f.Inputs[place[p.Ref.Input]].NonTCP--
		for _, r := range s.Parts {
			f.Inputs[place[r.Input]].NonTCP--
		}
	}
}

// count adds a packet, which is no TCP until it has been decoded.
func (f *InputFacts) count(p *capture.Packet) {
	if f.Packets == 0 {
		f.First, f.Last = p.Time, p.Time
	}
	f.First, f.Last = min(f.First, p.Time), max(f.Last, p.Time)
	f.Packets++
	f.NonTCP++
}

// finish takes over what a reader knows at its end.
func (f *InputFacts) finish(r *capture.Reader) {
	if _, err := r.Next(); err != io.EOF {
		f.Err = err // a Reader repeats its error
	}
	f.Format, f.Application = r.Format(), r.Application()
	f.Interfaces, f.Comments = r.Interfaces(), r.Comments()
	f.Secrets, f.Names = r.Secrets(), r.Names()
}

// Read reads the halves in want once more and delivers them to c: for each half
// the same events with the same offsets as in the first reading, except that
// skipping is up to c. inputs and t are those of Index, which must have ended;
// t is not changed. Inputs without a wanted packet are not read, and reading
// stops after the last one. The error is not nil when a packet of the first
// reading cannot be read again; c has been told the ends of the halves even then. It
// is that of ctx if it is cancelled meanwhile, and c is not told.
func Read(ctx context.Context, inputs []*capture.Input, t *Table, want *HalfSet, c Consumer) error {
	a := Again(t, want, c)
	var with []*capture.Input
	left := uint64(0)
	for _, in := range inputs {
		if n := a.wantedIn(in.Number()); n > 0 {
			with = append(with, in)
			left += n
		}
	}
	readers, err := open(ctx, with)
	defer shut(readers)
	if err := cmp.Or(ctx.Err(), err); err != nil {
		return err
	}
	left = a.readAgain(ctx, readers, decoder(with, readers, tcpip.NewPoints()), left)
	if err := ctx.Err(); err != nil {
		return err
	}
	a.Finish()
	if left != 0 {
		return lost(readers, left)
	}
	return nil
}

// readAgain brings the wanted packets, of which there are left, to the
// assembler, until ctx is cancelled, and returns how many did not come.
func (a *Assembler) readAgain(ctx context.Context, readers []*capture.Reader, d *tcpip.Decoder, left uint64) uint64 {
	m := capture.NewMerger(readers...)
	var s tcpip.Segment
	for n := 1; left > 0; n++ {
		if n%stopEvery == 0 && ctx.Err() != nil {
			break
		}
		p, err := m.Next()
		if err == io.EOF {
			break
		}
		if err != nil || !a.Wants(p.Ref) {
			continue
		}
		left--
		if d.Decode(p, &s) {
			a.Add(&s)
		}
	}
	return left
}

// wantedIn counts the packets of an input that a later reading needs.
func (a *Assembler) wantedIn(input uint32) (n uint64) {
	for packet := range a.t.Packets(input) {
		if a.Wants(capture.Ref{Input: input, Packet: packet + 1}) {
			n++
		}
	}
	return n
}

// lost says why packets of the first reading did not come again.
func lost(readers []*capture.Reader, n uint64) error {
	var errs []error
	for _, r := range readers {
		if _, err := r.Next(); err != nil && err != io.EOF {
			errs = append(errs, err)
		}
	}
	return fmt.Errorf("read again: %d packets are gone: %w", n, errors.Join(append(errs, capture.ErrChanged)...))
}

// open returns a reader of each input, those opened so far with an error.
func open(ctx context.Context, inputs []*capture.Input) (readers []*capture.Reader, err error) {
	for _, in := range inputs {
		r, err := in.Reader(ctx)
		if err != nil {
			return readers, err
		}
		readers = append(readers, r)
	}
	return readers, nil
}

func shut(readers []*capture.Reader) {
	for _, r := range readers {
		r.Close()
	}
}

// decoder returns a decoder for the packets of the inputs.
func decoder(inputs []*capture.Input, readers []*capture.Reader, points *tcpip.Points) *tcpip.Decoder {
	place := places(inputs)
	return tcpip.NewDecoder(points, func(input uint32) []capture.Interface {
		return readers[place[input]].Interfaces()
	})
}

// places returns the place of an input in inputs by its number.
func places(inputs []*capture.Input) []int {
	var place []int
	for i, in := range inputs {
		for len(place) <= int(in.Number()) {
			place = append(place, -1)
		}
		place[in.Number()] = i
	}
	return place
}
