package filter

// An Error says what is wrong with one network and what to write instead. All
// errors of this package are of this type, or several of them joined with
// errors.Join.
type Error struct {
	Text   string // the network as written
	Offset int    // of Text in the text given, 0-based, in bytes
	Reason string // one sentence without capital or period
	Remedy string // what to do instead; may be empty
}

// Error returns the network and the reason.
func (e *Error) Error() string { return e.Text + ": " + e.Reason }

// Hint returns the remedy, "" when none is known.
func (e *Error) Hint() string { return e.Remedy }

// at returns a copy of the error that names text at offset; err must come from
// this package.
func at(err error, text string, offset int) *Error {
	e := *err.(*Error)
	e.Text, e.Offset = text, offset
	return &e
}
