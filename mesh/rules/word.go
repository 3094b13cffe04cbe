package rules

import "errors"

var errQuote = errors.New("a quote is not closed")

// splitWords splits a line as a shell and iptables-restore do: words are
// separated by blanks, double quotes take backslash escapes, single quotes take
// nothing. The words are appended to list. Words without quotes alias line.
func splitWords(list [][]byte, line []byte) ([][]byte, error) {
	for i := 0; i < len(line); {
		if isBlank(line[i]) {
			i++
			continue
		}
		start := i
		for i < len(line) && !isBlank(line[i]) && line[i] != '"' && line[i] != '\'' && line[i] != '\\' {
			i++
		}
		if i == len(line) || isBlank(line[i]) {
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
		case quote == 0 && isBlank(c):
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

func isBlank(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'
}

// plain tells whether a word can stand without quotes.
func plain(w string) bool {
	for i := 0; i < len(w); i++ {
		switch c := w[i]; {
		case isWordByte(c), c >= 0x80:
		case c == '.', c == '/', c == ':', c == ',', c == '+', c == '!', c == '*', c == '@', c == '%', c == '=', c == '[', c == ']', c == '&', c == '|', c == '<', c == '>', c == '(', c == ')':
		default:
			return false
		}
	}
	return w != ""
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// appendWord adds a word, in quotes if it needs them.
func appendWord(b []byte, w string) []byte {
	if plain(w) {
		return append(b, w...)
	}
	return appendQuoted(b, w)
}

// appendComment adds a comment as libxtables writes it, which takes fewer bytes
// for plain (xtables_save_string).
func appendComment(b []byte, w string) []byte {
	for i := 0; i < len(w); i++ {
		if !isWordByte(w[i]) {
			return appendQuoted(b, w)
		}
	}
	return appendWord(b, w)
}

func appendQuoted(b []byte, w string) []byte {
	b = append(b, '"')
	for i := 0; i < len(w); i++ {
		if w[i] == '"' || w[i] == '\\' || w[i] == '\'' {
			b = append(b, '\\')
		}
		b = append(b, w[i])
	}
	return append(b, '"')
}
