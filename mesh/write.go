package mesh

import (
	"context"
	"io"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/emit"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Application is what a stitched capture names as the program that wrote it,
// followed by a space and its version if that is known. It tells that a file
// may be replaced.
const Application = emit.Application

// Reasons why a stitched capture is not written; test for them with errors.Is.
var (
	ErrOutputIsInput = emit.ErrOutputIsInput
	ErrOutputExists  = emit.ErrOutputExists
)

// A View says what a stitched capture shows.
type View uint8

// The views.
const (
	ViewPaths View = iota // one TCP stream per path
	ViewLegs              // every leg by itself, nothing joined
)

// Comments says which packets of a stitched capture carry a comment.
type Comments uint8

// The choices for comments.
const (
	CommentFirst Comments = iota // the first packet of each stream: its legs and how they were tied
	CommentAll                   // every packet: where it was captured
	CommentNone
)

// WriteOptions change a stitched capture. The zero value, and nil, are the
// defaults.
type WriteOptions struct {
	View      View
	Comments  Comments
	KeepOther bool   // copy packets that are neither TCP nor DNS
	Classic   bool   // a classic pcap file: no comments, names and interfaces
	NoNames   bool   // no name records
	Replace   bool   // WriteFile replaces a file that pcapmesh did not write
	EmbedKeys bool   // write the TLS secrets, from key logs and inputs, of connections that stay encrypted
	Version   string // of the program that writes, for the section header; may be empty
}

// A Summary counts what was written.
type Summary struct {
	Streams int // TCP streams
	Joined  int // of them, those of joined paths
	Packets int
	Other   int // packets that are no TCP, copied
	DNS     int // packets of DNS over UDP
	Secrets int // connections whose TLS secrets were written
}

// options returns the options as the writer wants them.
func (o *WriteOptions) options() emit.Options {
	if o == nil {
		return emit.Options{}
	}
	return emit.Options{Legs: o.View == ViewLegs, Comments: emit.Comments(o.Comments), KeepOther: o.KeepOther, Classic: o.Classic,
		NoNames: o.NoNames, Replace: o.Replace, EmbedKeys: o.EmbedKeys, Version: o.Version}
}

// WriteCapture writes the paths as a pcapng file in which every conversation
// is one TCP stream, numbered as the paths are. It reads the inputs again. When ctx
// is cancelled it returns its error; a Write of w that waits delays that. After an
// error w may have got a part of the file.
func (r *Result) WriteCapture(ctx context.Context, w io.Writer, o *WriteOptions) (Summary, error) {
	if err := r.usable(); err != nil {
		return Summary{}, err
	}
	sum, err := r.source.Write(ctx, w, o.options())
	return Summary(sum), err
}

// WriteFile writes the stitched capture to the named file, which appears under
// its name only when it is complete. A file that exists is replaced only if
// pcapmesh wrote it, or with WriteOptions.Replace; never if it is an input. After an
// error, also that of a cancelled ctx, nothing is left of what was written.
func (r *Result) WriteFile(ctx context.Context, name string, o *WriteOptions) (Summary, error) {
	if err := r.usable(); err != nil {
		return Summary{}, err
	}
	sum, err := r.source.WriteFile(ctx, name, o.options())
	return Summary(sum), err
}

// sectionComments returns the comments on the inputs' sections.
func (r *Result) sectionComments() []string {
	var cs []string
	for i := range r.Inputs {
		cs = append(cs, r.Inputs[i].Comments...)
	}
	return cs
}

// nameRecords returns the name records of the inputs, and labels addresses that
// stand for a proxy.
func (r *Result) nameRecords() []capture.Name {
	var names []capture.Name
	seen := make(map[capture.Name]bool)
	add := func(n capture.Name) {
		if !seen[n] {
			seen[n] = true
			names = append(names, n)
		}
	}
	for i := range r.Inputs {
		for _, n := range r.Inputs[i].Names {
			add(n)
		}
	}
	for _, n := range r.Names {
		add(capture.Name{Addr: n.Addr.String(), Name: n.Name})
	}
	for _, l := range r.Legs {
		if a := l.Orig.Src.Addr(); profile.IsBindSource(a) {
			add(capture.Name{Addr: a.String(), Name: "inbound-proxy"})
		}
	}
	return names
}
