package mesh

import (
	"os"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// A source is what a stitched capture is made of.
type source struct {
	files    []string         // names of the inputs, by their numbers
	inputs   []*capture.Input // by their numbers; nil for one that could not be opened
	unread   []bool           // by their numbers: nothing could be read
	groups   [][]*capture.Input
	where    []int // group of each input
	x        *index.Index
	planner  *plan.Planner
	convs    []*plan.Conversation // of the paths
	lookups  []*names.Lookup
	lookupOf [][]uint32     // by group and message: lookup's ID plus 1
	names    []capture.Name // to write
	comments []string       // on the section
}

// isInput reports whether a file is one of the inputs.
func (s *source) isInput(info os.FileInfo) bool {
	for _, in := range s.inputs {
		if in == nil {
			continue
		}
		if i := in.FileInfo(); i != nil && os.SameFile(i, info) {
			return true
		}
	}
	return false
}
