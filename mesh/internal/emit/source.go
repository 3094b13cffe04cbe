package emit

import (
	"os"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/names"
)

// A Source is what a stitched capture is made of.
type Source struct {
	Files         []string         // names of the inputs, by their numbers
	Inputs        []*capture.Input // by their numbers; nil for one that could not be opened
	Unread        []bool           // by their numbers: nothing could be read
	Groups        [][]*capture.Input
	GroupOf       []int // group of each input
	Index         *index.Index
	Planner       *plan.Planner
	Conversations []*plan.Conversation // of the paths
	Lookups       []*names.Lookup
	LookupOf      [][]uint32     // by group and message: lookup's ID plus 1
	Names         []capture.Name // to write
	Comments      []string       // on the section
}

// isInput reports whether a file is one of the inputs.
func (s *Source) isInput(info os.FileInfo) bool {
	for _, in := range s.Inputs {
		if in == nil {
			continue
		}
		if i := in.FileInfo(); i != nil && os.SameFile(i, info) {
			return true
		}
	}
	return false
}
