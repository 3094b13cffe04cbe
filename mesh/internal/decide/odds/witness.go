package odds

// A Witness is what one strand said when last was learned.
type Witness struct {
	X int64   // what it said
	P float64 // how sure it was
}

// of returns how much the witness said x.
func (w Witness) of(x int64) float64 {
	if w.X == x {
		return w.P
	}
	return 0
}
