package flow

// A Join ties two legs: From is nearer the client. In a pool it is the best of
// the joins of their exchanges; where only which of them belong together is in doubt, it
// is certain.
type Join struct {
	From, To   int // leg IDs
	Confidence float64
	Proven     bool
	Ambiguous  bool
	Evidence   []Evidence
	Rivals     []int // IDs of legs that fit To's place as well, sorted
}
