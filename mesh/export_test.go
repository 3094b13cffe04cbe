package mesh

import "github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"

// Better tells whether a candidate whose requests and responses differ in the
// fields a fits strictly better than one with the differences b. Both are
// sorted.
func Better(a, b [2][]uint32) bool {
	r, o := crossing.Resemblance{Differ: a[0], DifferBack: a[1]}, crossing.Resemblance{Differ: b[0], DifferBack: b[1]}
	return r.Better(&o)
}
