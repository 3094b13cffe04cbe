package sockets

import "bytes"

// A row is a line split at blanks.
type row struct {
	line  []byte
	words [12][]byte // the first ones, n of them
	ends  [12]int    // where each ends in line
	n     int
}

// split sets the row to a line, which it keeps.
func (r *row) split(line []byte) {
	r.line, r.n = line, 0
	for i := 0; r.n < len(r.words); r.n++ {
		for i < len(line) && blank(line[i]) {
			i++
		}
		begin := i
		for i < len(line) && !blank(line[i]) {
			i++
		}
		if begin == i {
			return
		}
		r.words[r.n], r.ends[r.n] = line[begin:i], i
	}
}

// word returns word i, nil if there are fewer.
func (r *row) word(i int) []byte {
	if i < r.n {
		return r.words[i]
	}
	return nil
}

// after returns what follows word i.
func (r *row) after(i int) []byte { return bytes.TrimSpace(r.line[r.ends[i]:]) }

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
