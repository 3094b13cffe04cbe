package capture

import (
	"errors"
	"fmt"
)

// Causes of an Error; test for them with errors.Is.
var (
	ErrTruncated   = errors.New("truncated")                    // the file ends inside a packet or block; also matches io.ErrUnexpectedEOF
	ErrCorrupt     = errors.New("corrupt")                      // the structure contradicts itself
	ErrUnsupported = errors.New("unsupported")                  // a link type, version or format this package does not read
	ErrNotCapture  = errors.New("no capture file")              // neither pcap nor pcapng, compressed or not
	ErrTooLarge    = errors.New("too large")                    // a length beyond a named limit
	ErrReadOnce    = errors.New("a pipe can be read only once") // or a stream, asked for again without Options.Reread
	ErrChanged     = errors.New("file changed")                 // shorter than it was when it was first read
)

// An Error says where in an input reading stopped. All errors of this package
// that concern the contents of a file are of this type.
type Error struct {
	File   string // as given by the user; "" when the Reader was made from an io.Reader
	Packet int    // 1-based number of the packet being read; 0 before the first
	Offset int64  // of the record or block in the uncompressed file
	Err    error
}

// Error returns "file: packet N at offset N: cause".
func (e *Error) Error() string {
	s := ""
	if e.File != "" {
		s = e.File + ": "
	}
	if e.Packet > 0 {
		s += fmt.Sprintf("packet %d ", e.Packet)
	}
	if e.Packet > 0 || e.Offset > 0 {
		s += fmt.Sprintf("at offset %d: ", e.Offset)
	}
	return s + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
