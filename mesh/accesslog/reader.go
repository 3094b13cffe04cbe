package accesslog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine is the longest line read, in bytes, also when it was put together
// from pieces. Envoy bounds heads to 60 KiB by default.
const maxLine = 64 << 10

// Of malformed lines so many are kept, and so many bytes of each.
const (
	maxMalformed = 3
	maxText      = 200
)

// A Malformed is a line that looks like an access log and cannot be read. It is
// comparable.
type Malformed struct {
	Line int    // 1-based
	Text string // its beginning, at most 200 bytes
	Why  string
}

// Error returns the place and what is wrong, which quotes what it is about.
func (m Malformed) Error() string { return fmt.Sprintf("line %d: %s", m.Line, m.Why) }

// A Reader reads the lines of an access log. It is not safe for concurrent
// use.
type Reader struct {
	in        *bufio.Reader
	err       error // of in, once there is one
	detector  *detector
	line      Line
	lines     int
	skipped   int
	malformed int
	first     []Malformed // at most maxMalformed
	pieces    [2]pieces   // of stdout, of stderr
}

// pieces are the beginning of a line that goes on.
type pieces struct {
	text  []byte
	first int  // line number, 0 if there are none
	long  bool // more than maxLine; of text only the beginning is kept
}

var (
	errLong = errors.New("longer than 65536 bytes")
	errCut  = errors.New("the log ends inside the line")
)

// NewReader returns a Reader of the log r. Lines are tried with f first, and
// then with all known formats; f may be nil. The Reader reads ahead.
func NewReader(r io.Reader, f *Format) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, maxLine), detector: newDetector(f)}
}

// Next returns the next line of the access log, io.EOF at the end, and else
// the error of the underlying reader. The line is valid until the next call;
// to keep it, copy the value.
func (r *Reader) Next() (*Line, error) {
	for r.err == nil {
		text, err := r.read()
		if err == errLong {
			r.bad(r.lines, text, err)
			continue
		}
		if r.take(text) {
			return &r.line, nil
		}
	}
	for i := range r.pieces {
		if r.flush(i) {
			return &r.line, nil
		}
	}
	return nil, r.err
}

// Lines returns how many lines were read, empty ones and those of other logs
// included.
func (r *Reader) Lines() int { return r.lines }

// Skipped returns how many lines were of other logs.
func (r *Reader) Skipped() int { return r.skipped }

// Malformed returns how many lines could not be read, and the first three. The
// slice must not be changed.
func (r *Reader) Malformed() (n int, first []Malformed) { return r.malformed, r.first }

// bad counts a malformed line, and keeps it if it is one of the first.
func (r *Reader) bad(line int, text string, err error) {
	r.malformed++
	if len(r.first) < maxMalformed {
		text = strings.Clone(strings.TrimSpace(text[:min(len(text), maxText)]))
		r.first = append(r.first, Malformed{line, text, err.Error()})
	}
}

// read returns the next line of the file without its line break. It keeps the
// error of the underlying reader. Of a line that is too long it returns the
// beginning.
func (r *Reader) read() (string, error) {
	b, err := r.in.ReadSlice('\n')
	if len(b) > 0 {
		r.lines++
	}
	if err != bufio.ErrBufferFull {
		r.err = err
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	begin := string(b[:maxText])
	for err == bufio.ErrBufferFull {
		_, err = r.in.ReadSlice('\n')
	}
	r.err = err
	return begin, errLong
}

// take reads one line of the file, and reports whether it completed a line of
// the access log.
func (r *Reader) take(s string) bool {
	if s == "" {
		return false
	}
	if r.detector.whole(s, &r.line) { // what looks like a runtime's time may be the format's own
		r.line.Number = r.lines
		return true
	}
	e, err := open(s)
	if err != nil {
		r.bad(r.lines, s, err)
		return false
	}
	p := &r.pieces[e.stream]
	if !e.partial && p.first == 0 {
		return r.detect(e.text, r.lines)
	}
	if p.first == 0 {
		p.first = r.lines
	}
	if p.long = p.long || len(p.text)+len(e.text) > maxLine; p.long {
		p.text = p.text[:min(len(p.text), maxText)]
	} else {
		p.text = append(p.text, e.text...)
	}
	return !e.partial && r.join(p)
}

// join reads the line that pieces make up.
func (r *Reader) join(p *pieces) bool {
	text, first, long := string(p.text), p.first, p.long
	p.text, p.first, p.long = p.text[:0], 0, false
	if long {
		r.bad(first, text, errLong)
		return false
	}
	return r.detect(text, first)
}

// flush reads what is left of a stream at the end of the file: a line whose
// last piece is missing.
func (r *Reader) flush(stream int) bool {
	p := &r.pieces[stream]
	if p.first == 0 {
		return false
	}
	before := r.malformed
	if r.join(p) {
		return true
	}
	if r.malformed > before && r.malformed <= maxMalformed { // else its beginning looks like nothing of ours
		r.first[r.malformed-1].Why = errCut.Error()
	}
	return false
}

// detect reads a whole line.
func (r *Reader) detect(s string, number int) bool {
	if strings.TrimSpace(s) == "" {
		return false
	}
	v, err := r.detector.detect(s, &r.line)
	switch v {
	case read:
		r.line.Number = number
		return true
	case broken:
		r.bad(number, s, err)
	default:
		r.skipped++
	}
	return false
}
