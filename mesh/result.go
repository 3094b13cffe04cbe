package mesh

import (
	"errors"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/emit"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
	"github.com/pcapmesh/pcapmesh/mesh/names"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// A Result is what the inputs show: legs, how they are joined, and the paths
// they form. Its slices are in a fixed order and must not be changed. They may be used
// after Close; the methods may not. Methods may be called by several goroutines at
// once, but none during Close.
type Result struct {
	Inputs  []InputInfo
	Legs    []*flow.Leg
	Joins   []flow.Join
	Paths   []*flow.Path
	Profile *profile.Profile // of the mesh, as given or recognised
	// Records says what became of the records that were given, and Conflicts
	// which of them contradict the packets.
	Records   []record.Info
	Conflicts []record.Conflict

	Lookups []*names.Lookup // names looked up over UDP
	Names   []names.Learned // what addresses are called, ordered by address
	NotDNS  int             // UDP datagrams at ports of DNS that hold no DNS message

	x       *index.Index
	records *recorded.Records
	conns   []*conn.Conn
	inputs  []*capture.Input
	groups  [][]*capture.Input // as in x.groups
	where   []int              // group of each input
	source  *emit.Source
	closed  bool
}

// ErrClosed is the error of a Result's methods after Close.
var ErrClosed = errors.New("the result is closed")

// Close closes the inputs and discards copies of them. A second Close does nothing.
func (r *Result) Close() error {
	r.closed = true
	var errs []error
	for _, in := range r.inputs {
		if in != nil {
			errs = append(errs, in.Close())
		}
	}
	r.inputs = nil
	return errors.Join(errs...)
}

// usable returns ErrClosed after Close.
func (r *Result) usable() error {
	if r.closed {
		return ErrClosed
	}
	return nil
}
