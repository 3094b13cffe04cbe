package sockets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxLine is the longest line in bytes. A line of ss that names a thousand
// processes has 40,000.
const maxLine = 64 << 10

// A Reader reads sockets one by one. It keeps one line. It is not safe for
// concurrent use.
type Reader struct {
	b         *bufio.Reader
	row       row
	lines     int
	malformed int
	first     []Malformed // at most maxMalformed
	err       error       // that ended reading
}

// Of malformed lines so many are kept, and so many bytes of each.
const (
	maxMalformed = 3
	maxText      = 200
)

// A Malformed is a line that is no socket, and nothing else that the tools print.
// It is comparable.
type Malformed struct {
	Line int    // 1-based
	Text string // its beginning, at most 200 bytes
	Why  string
}

// Error returns the place and what is wrong, which quotes what it is about.
func (m Malformed) Error() string { return fmt.Sprintf("line %d: %s", m.Line, m.Why) }

// NewReader returns a Reader of what ss, lsof, netstat or the kernel wrote.
func NewReader(r io.Reader) *Reader {
	return &Reader{b: bufio.NewReaderSize(r, maxLine)}
}

// Next returns the next TCP socket. Other sockets and headings are passed over,
// malformed lines counted. At the end the error is io.EOF; another is that of the
// reader below.
func (r *Reader) Next() (Socket, error) {
	for {
		line, err := r.line()
		if err != nil {
			return Socket{}, err
		}
		s, err := r.parse(line)
		if err == nil {
			s.Line = r.lines
			return s, nil
		}
		if err != errNoSocket {
			r.bad(line, err)
		}
	}
}

// Lines returns the number of lines read so far.
func (r *Reader) Lines() int { return r.lines }

// Malformed returns the number of malformed lines so far, and the first three.
// The slice must not be changed.
func (r *Reader) Malformed() (n int, first []Malformed) { return r.malformed, r.first }

// bad counts a malformed line, the one at hand, and keeps it if it is one of the
// first.
func (r *Reader) bad(line []byte, err error) {
	r.malformed++
	if len(r.first) < maxMalformed {
		line = bytes.TrimSpace(line[:min(len(line), maxText)])
		r.first = append(r.first, Malformed{r.lines, string(line), err.Error()})
	}
}

var errTooLong = fmt.Errorf("longer than %d bytes", maxLine)

// line returns the next line that is not too long. It is valid until the next
// call.
func (r *Reader) line() ([]byte, error) {
	var begin []byte // of the line at hand, if it is too long
	for r.err == nil {
		line, err := r.b.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			if begin == nil {
				begin = bytes.Clone(line[:maxText])
			}
			continue
		}
		r.err = err
		if err != nil && (err != io.EOF || len(line) == 0 && begin == nil) {
			break
		}
		r.lines++
		if begin == nil {
			return line, nil
		}
		r.bad(begin, errTooLong)
		begin = nil
	}
	return nil, r.err
}

// errNoSocket says that a line is what the tools print, but no TCP socket.
var errNoSocket = errors.New("no TCP socket")

// parse recognises one line by the words in it.
func (r *Reader) parse(line []byte) (Socket, error) {
	if line[0] == '\t' { // ss -i and -m go on like that below the socket
		return Socket{}, errNoSocket
	}
	w := &r.row
	w.split(line)
	first := w.word(0)
	switch {
	case w.n == 0 || heading(w):
		return Socket{}, errNoSocket
	case stateNamed(first) != 0 && isEnd(w.word(3)):
		return parseSS(w, 1, stateNamed(first))
	case digits(first) && isEnd(w.word(2)):
		return parseSS(w, 0, 0)
	case inetFile(w) > 0:
		return parseLsof(w)
	case numbered(first):
		return parseProc(w)
	case string(first) == "tcp" || string(first) == "tcp6":
		return parseTCP(w)
	case foreign(w), notice(w):
		return Socket{}, errNoSocket
	case stateNamed(first) != 0:
		return Socket{}, errors.New("ss: columns are missing")
	}
	return Socket{}, errors.New("no line of ss, lsof, netstat or /proc/net/tcp")
}

// isEnd reports whether a word can be the end of a connection. It tells ss from
// lsof, where a process may be called "LISTEN", and in ss one "a IPv6".
func isEnd(b []byte) bool { return bytes.IndexByte(b, ':') >= 0 }

// parseTCP reads a line that begins with the protocol: in ss the state is next or
// left out, in netstat it is behind the ends.
func parseTCP(w *row) (Socket, error) {
	if state := stateNamed(w.word(1)); state != 0 {
		return parseSS(w, 2, state)
	}
	if stateNamed(w.word(5)) == 0 {
		return parseSS(w, 1, 0)
	}
	return parseNetstat(w)
}

// heading reports whether a line is the heading of a list.
func heading(w *row) bool {
	switch string(w.words[0]) {
	case "State", "Netid", "Recv-Q", "COMMAND", "Proto", "Active", "sl":
		return true
	}
	return false
}

// notice reports whether a line is a comment, or what one of the tools says to
// those who are not root.
func notice(w *row) bool {
	line := bytes.TrimSpace(w.line)
	for _, p := range []string{"#", "lsof:", "(Not all processes could be identified", "will not be shown, you would have to be root", "(No info could be read", "Output information may be incomplete"} {
		if bytes.HasPrefix(line, []byte(p)) {
			return true
		}
	}
	return false
}

// foreign reports whether a line is a socket or, in lsof, a file of another kind.
func foreign(w *row) bool {
	switch string(w.word(0)) {
	case "udp", "udp6", "udpl", "udplite", "udplite6", "raw", "raw6", "icmp6", "sctp", "dccp", "mptcp", "tipc", "xdp", "vsock",
		"unix", "nl", "p_raw", "p_dgr", "u_str", "u_dgr", "u_seq", "v_str", "v_dgr", "ti_rd", "ti_sq", "ti_st", "ti_dg", "???":
		return true
	}
	return otherFile(w)
}
