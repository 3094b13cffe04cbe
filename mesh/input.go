package mesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// An Input is a capture to read: a file, what Open opens, or a stream.
type Input struct {
	Name      string // of the file, "-" for standard input; with Open or Reader only what the input is called
	Pod       string // inputs of one pod share capture points and loopback addresses
	Interface string // replaces the interface names in the file unless ""

	// Open, if not nil, opens the capture, such as a file of an fs.FS or an object of a
	// store. It is called for every reading, and must give the same each time. What it
	// gives is closed after the reading, or when the context is cancelled, and then also
	// during a Read.
	Open func() (io.ReadCloser, error)

	// Reader, if not nil and Open is, gives the capture once. It is not closed. To read it
	// again, as WriteCapture, WriteFile, Follow and Packets do, it is kept with
	// Options.Reread.
	Reader io.Reader
}

// An InputInfo describes an input that was read.
type InputInfo struct {
	Name        string // as in Input
	Pod         string
	Interface   string
	Packets     int
	Points      []InputPoint
	First, Last capture.Time   // 0 when there is no packet
	NonTCP      int            // packets that are no TCP
	QUIC        int            // of them packets of QUIC (UDP port 443), which is not followed
	Truncated   bool           // the file ends inside a packet
	Clock       *Clock         // of its pod, if there are several; nil where it is the one that counts
	OwnClock    *Clock         // of the capture, held against another of the pod; nil unless connections show that the pod's is another
	Err         error          // why it was not read to its end, or not at all; nil at a clean end
	Application string         // what wrote a pcapng file
	Names       []capture.Name // its name resolution records
	Comments    []string       // on its sections
	Secrets     int            // blocks of secrets in a pcapng file; TLS is decrypted with them if the input can be read again
}

// An InputPoint is an interface of an input.
type InputPoint struct {
	Name     string
	Link     linktype.Type
	Inferred bool // the name is not in the file
}

// An InputError says of one input why it was not read, or not to its end.
type InputError struct {
	Input int    // index into the inputs
	Name  string // of the input
	Err   error
}

// Error returns the name of the input and what is wrong.
func (e *InputError) Error() string {
	text := e.Err.Error()
	var read *capture.Error
	var path *os.PathError
	if errors.As(e.Err, &read) && read.File != "" || errors.As(e.Err, &path) || strings.HasPrefix(text, e.Name+":") {
		return text // names the file already
	}
	return e.Name + ": " + text
}

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

// ErrRepeated is in InputInfo.Err of an input that is an earlier one again. Stitch
// reads it once, and returns no error for it.
var ErrRepeated = errors.New("the same file")

// failed returns what is wrong with inputs: an InputError of each that was not read
// to its end, but for those cut off at their end and those given twice.
func (r *Result) failed() error {
	var errs []error
	for i := range r.Inputs {
		if in := &r.Inputs[i]; in.Err != nil && !in.Truncated && !errors.Is(in.Err, ErrRepeated) {
			errs = append(errs, &InputError{i, in.Name, in.Err})
		}
	}
	return errors.Join(errs...)
}

// open opens all inputs. One that cannot be opened or is no capture is noted
// and left out, as long as there is another.
func (r *Result) open(ctx context.Context, inputs []Input, o *Options) error {
	failed := 0
	for i, in := range inputs {
		r.Inputs = append(r.Inputs, InputInfo{Name: in.Name, Pod: in.Pod, Interface: in.Interface})
		f, err := openInput(ctx, &in, uint32(i), o)
		if err == nil {
			err = r.twice(f)
		}
		r.inputs = append(r.inputs, f)
		if err != nil {
			r.Inputs[i].Err = err
			failed++
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if failed == len(inputs) {
		return r.failed()
	}
	return nil
}

// openInput opens one input and looks at its header, if that can be done
// without using up its bytes.
func openInput(ctx context.Context, in *Input, number uint32, o *Options) (*capture.Input, error) {
	how := &capture.Options{Input: number, Reread: o.Reread, InterfaceName: in.Interface}
	if o.Progress != nil {
		how.Progress = func(n int64) { o.Progress(int(number), n) }
	}
	switch {
	case in.Open != nil:
		return capture.NewInput(in.Name, in.Open, how), nil
	case in.Reader != nil:
		return capture.StreamInput(in.Name, in.Reader, how), nil
	}
	f, err := capture.OpenInput(ctx, in.Name, how)
	if err != nil {
		return nil, err
	}
	if info := f.FileInfo(); info == nil || !info.Mode().IsRegular() {
		return f, nil
	}
	header, err := capture.Open(in.Name, nil)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	header.Close() // nothing of it is wanted
	return f, nil
}

// twice refuses a file that is an input already.
func (r *Result) twice(f *capture.Input) error {
	for i, g := range r.inputs {
		if g == nil {
			continue
		}
		if a, b := f.FileInfo(), g.FileInfo(); a != nil && b != nil && os.SameFile(a, b) {
			return fmt.Errorf("%s: %w as %s; it is read once", f.Name(), ErrRepeated, r.Inputs[i].Name)
		}
	}
	return nil
}

// take fills in what pass 1 found.
func (in *InputInfo) take(f *reassembly.InputFacts) {
	in.Packets, in.NonTCP, in.First, in.Last = f.Packets, f.NonTCP, f.First, f.Last
	in.Err, in.Application, in.Names, in.Comments, in.Secrets = f.Err, f.Application, f.Names, f.Comments, len(f.Secrets)
	in.Truncated = errors.Is(f.Err, capture.ErrTruncated) && f.Format != "" // and not in the file header
	for _, i := range f.Interfaces {
		in.Points = append(in.Points, InputPoint{Name: i.Name, Link: i.Link})
	}
}

// findPoints names the points of inputs that do not say themselves.
func (r *Result) findPoints() {
	for i := range r.Inputs {
		in := &r.Inputs[i]
		if len(in.Points) != 1 || in.Points[0].Name != "" {
			continue
		}
		link := in.Points[0].Link
		var found []InputPoint
		for h := range r.x.Halves {
			if int(r.x.Half(h).First.Input) != i {
				continue
			}
			if p := (InputPoint{r.x.Point(h).Name, link, true}); !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
		for _, name := range r.x.DNSPoints(i) {
			if p := (InputPoint{name, link, true}); !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
		if len(found) > 0 {
			in.Points = found
		}
	}
}
