package conntrack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxUnit is the longest line, or flow on a line, in bytes. The longest entry
// that conntrack prints has some 1,100: its own buffer holds 1,024.
const maxUnit = 64 << 10

// Of malformed lines so many are kept, and so many bytes of each.
const (
	maxMalformed = 3
	maxText      = 200
)

// A Malformed is a line that looks like an entry and is none. It is comparable.
type Malformed struct {
	Line int    // 1-based
	Text string // its beginning, at most 200 bytes
	Why  string
}

// Error returns the place, what is wrong and the beginning of the line.
func (m Malformed) Error() string {
	return fmt.Sprintf("line %d: %s: %.60q", m.Line, m.Why, m.Text)
}

// A Reader reads events from conntrack's output, whatever its form. It holds one
// line at a time. It is not safe for concurrent use.
type Reader struct {
	in    *bufio.Reader
	lines int // that ended
	tail  bool
	draft draft
	names names
	flow  flow
	err   error

	skipped, malformed int
	first              []Malformed
}

// NewReader returns a Reader that reads from r.
func NewReader(r io.Reader) *Reader {
	rd := &Reader{in: bufio.NewReaderSize(r, maxUnit)}
	rd.draft.names = &rd.names
	rd.flow.draft = &rd.draft
	return rd
}

// Next returns the next event, io.EOF at the end, or the error of the underlying
// reader. Errors are sticky. The event is valid until the next call; copy it to
// keep it.
func (r *Reader) Next() (*Event, error) {
	for r.err == nil {
		unit, err := r.unit()
		if len(unit) > 0 && r.read(unit) {
			return &r.draft.event, nil
		}
		if err != nil {
			r.abandon()
			r.err = err
		}
	}
	return nil, r.err
}

// Lines returns the number of lines read so far.
func (r *Reader) Lines() int {
	if r.tail {
		return r.lines + 1
	}
	return r.lines
}

// Skipped returns the number of lines so far that hold no entry: prompts,
// messages, the frame of XML, empty lines.
func (r *Reader) Skipped() int { return r.skipped }

// Malformed returns the number of lines so far that look like an entry and are
// none, and the first three. The slice must not be changed.
func (r *Reader) Malformed() (n int, first []Malformed) { return r.malformed, r.first }

// unit returns the next line, or a part of one that ends with a flow; valid
// until the next call.
func (r *Reader) unit() ([]byte, error) {
	for n := 1; ; n = r.in.Buffered() + 1 {
		_, err := r.in.Peek(min(n, maxUnit))
		buf, _ := r.in.Peek(r.in.Buffered())
		full := len(buf) >= maxUnit // more where r is a bufio.Reader with a longer buffer
		if end := unitEnd(buf, full || err != nil); end > 0 {
			return r.take(buf[:end]), nil
		}
		switch {
		case full:
			if err := r.tooLong(buf); err != nil {
				return nil, err
			}
		case err != nil:
			return r.take(buf), err
		}
	}
}

// unitEnd returns where the first unit of buf ends, 0 if that cannot be told
// before there is more. A unit with a flow goes on to the next tag.
func unitEnd(buf []byte, last bool) int {
	end := bytes.IndexByte(buf, '\n') + 1
	line := buf
	if end > 0 {
		line = buf[:end]
	}
	if bytes.IndexByte(line, '<') < 0 {
		return end
	}
	i := flowEnd(line)
	if i < 0 {
		return end
	}
	if next := bytes.IndexByte(line[i:], '<'); next >= 0 {
		return i + next
	}
	if end == 0 && last {
		return i
	}
	return end
}

// take consumes a unit.
func (r *Reader) take(unit []byte) []byte {
	r.in.Discard(len(unit))
	if len(unit) == 0 { // the end: a line before it may not have ended
		return unit
	}
	if r.tail = unit[len(unit)-1] != '\n'; !r.tail {
		r.lines++
	}
	return unit
}

// tooLong passes over the rest of a line that begins with buf.
func (r *Reader) tooLong(buf []byte) error {
	r.tail = true
	r.bad(r.lines+1, buf, errTooLong)
	r.flow.open = false
	for {
		_, err := r.in.ReadSlice('\n')
		if err == nil {
			r.lines++
			r.tail = false
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// number returns the number of the line that the unit just taken is on.
func (r *Reader) number(unit []byte) int {
	if unit[len(unit)-1] == '\n' {
		return r.lines
	}
	return r.lines + 1
}

// read reads a unit. It reports whether there is an event.
func (r *Reader) read(unit []byte) bool {
	line := r.number(unit)
	if line == 1 {
		unit = bytes.TrimPrefix(unit, []byte("\ufeff"))
	}
	if begin := bytes.Index(unit, flowBegin); begin >= 0 {
		r.abandon()
		r.flow.start(line)
		return r.feed(unit[begin:])
	}
	if r.flow.open && (bytes.IndexByte(unit, '<') >= 0 || len(bytes.TrimSpace(unit)) == 0) {
		return r.feed(unit)
	}
	r.abandon()
	return r.line(unit, line)
}

// feed goes on with a flow.
func (r *Reader) feed(piece []byte) bool {
	return r.flow.feed(piece) && r.done(r.flow.begin, piece)
}

// abandon ends a flow that is not complete.
func (r *Reader) abandon() {
	if r.flow.open {
		r.flow.open = false
		r.bad(r.flow.begin, flowBegin, errCut)
	}
}

// line reads a line of text or of -o save.
func (r *Reader) line(unit []byte, line int) bool {
	r.draft.reset()
	if !r.draft.text(unit) && !r.draft.save(unit) {
		r.skipped++
		return false
	}
	ended := unit[len(unit)-1] == '\n'
	return r.done(line, unit) && (ended || r.whole(line, unit))
}

// done makes an event of the draft, or counts it as malformed.
func (r *Reader) done(line int, text []byte) bool {
	r.draft.event.Line = line
	if err := r.draft.finish(); err != nil {
		r.bad(line, text, err)
		return false
	}
	return true
}

// whole reports whether the last line of a file, which does not end, was cut within
// the last port: it then is a beginning of the port it should be. A wrong
// tuple would be worse than none.
func (r *Reader) whole(line int, text []byte) bool {
	e := &r.draft.event.Entry
	got, want := e.Reply.Dst.Port(), e.Orig.Src.Port()
	if shapeOf(e.Proto()) != shapePorts || !bytes.HasSuffix(text, fmt.Appendf(nil, "dport=%d", got)) {
		return true
	}
	for p := want / 10; p > 0; p /= 10 {
		if p == got {
			r.bad(line, text, errCut)
			return false
		}
	}
	return true
}

// bad counts a malformed line and keeps the first.
func (r *Reader) bad(line int, text []byte, err error) {
	r.malformed++
	if len(r.first) < maxMalformed {
		text = bytes.TrimSpace(text)
		r.first = append(r.first, Malformed{line, string(text[:min(len(text), maxText)]), err.Error()})
	}
}
