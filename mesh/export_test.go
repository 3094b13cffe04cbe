package mesh

// Assign computes an assignment of nDown downstream items to upstream items,
// of which up lists the candidates: the one matched with each (-1 for none) and
// whether nothing else is possible.
func Assign(nDown int, up [][]int) (ofUp []int, forced []bool) {
	a := assign(nDown, up)
	return a.ofUp, a.forced
}
