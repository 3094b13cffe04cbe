package mesh

// Better tells whether a candidate whose requests and responses differ in the
// fields a fits strictly better than one with the differences b. Both are
// sorted.
func Better(a, b [2][]uint32) bool {
	r, o := resemblance{differ: a[0], differBack: a[1]}, resemblance{differ: b[0], differBack: b[1]}
	return r.better(&o)
}
