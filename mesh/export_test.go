package mesh

// Assign computes an assignment of nDown downstream items to upstream items,
// of which up lists the candidates: the one matched with each (-1 for none) and
// whether nothing else is possible.
func Assign(nDown int, up [][]int) (ofUp []int, forced []bool) {
	a := assign(nDown, up)
	return a.ofUp, a.forced
}

// Better tells whether a candidate whose requests and responses differ in the
// fields a fits strictly better than one with the differences b. Both are
// sorted.
func Better(a, b [2][]uint32) bool {
	r, o := resemblance{differ: a[0], differBack: a[1]}, resemblance{differ: b[0], differBack: b[1]}
	return r.better(&o)
}
