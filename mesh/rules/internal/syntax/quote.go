package syntax

// Plain reports whether a word can stand without quotes.
func Plain(w string) bool {
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

// AppendWord adds a word, in quotes if it needs them.
func AppendWord(b []byte, w string) []byte {
	if Plain(w) {
		return append(b, w...)
	}
	return AppendQuoted(b, w)
}

// AppendComment adds a comment as libxtables writes it, which takes fewer bytes
// for plain (xtables_save_string).
func AppendComment(b []byte, w string) []byte {
	for i := 0; i < len(w); i++ {
		if !isWordByte(w[i]) {
			return AppendQuoted(b, w)
		}
	}
	return AppendWord(b, w)
}

// AppendQuoted adds a word in double quotes.
func AppendQuoted(b []byte, w string) []byte {
	b = append(b, '"')
	for i := 0; i < len(w); i++ {
		if w[i] == '"' || w[i] == '\\' || w[i] == '\'' {
			b = append(b, '\\')
		}
		b = append(b, w[i])
	}
	return append(b, '"')
}
