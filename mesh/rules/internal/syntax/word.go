package syntax

import "errors"

var errQuote = errors.New("a quote is not closed")

// ErrValue says that the words end where a value is wanted.
var ErrValue = errors.New("a value is missing")

// Words splits a line as a shell and iptables-restore do: words are
// separated by blanks, double quotes take backslash escapes, single quotes take
// nothing. The words are appended to list. Words without quotes alias line.
func Words(list [][]byte, line []byte) ([][]byte, error) {
	for i := 0; i < len(line); {
		if IsBlank(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && !IsBlank(line[i]) && line[i] != '"' && line[i] != '\'' && line[i] != '\\' {
			i++
		}
		if i == len(line) || IsBlank(line[i]) {
			list = append(list, line[start:i:i])
			continue
		}
		word, n, err := quoted(line[start:])
		if err != nil {
			return list, err
		}
		list = append(list, word)
		i = start + n
	}
	return list, nil
}

// quoted reads a word with quotes in it, and returns it with its length in s.
func quoted(s []byte) (word []byte, n int, err error) {
	var quote byte
	for n = 0; n < len(s); n++ {
		c := s[n]
		switch {
		case quote == 0 && IsBlank(c):
			return word, n, nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && n+1 < len(s):
			n++
			word = append(word, s[n])
		default:
			word = append(word, c)
		}
	}
	if quote != 0 {
		return nil, n, errQuote
	}
	return word, n, nil
}

// IsBlank reports whether c parts words.
func IsBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'
}
