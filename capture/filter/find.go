package filter

import (
	"errors"
	"net/netip"
	"strings"
)

// FindNetworks returns the networks of a text in order of appearance, repeated
// ones too. When the text is nothing but networks (in any form of ParseNetwork,
// separated by blanks or commas) all are taken, bare addresses as networks of
// one. Otherwise it is read as prose or a command line, such as
//
//	kube-controller-manager --cluster-cidr=192.168.0.0/12,fd00::/56
//
// and only what has a slash or a mask is a network: full IPv4 and IPv6
// addresses, never the 2026/11 of a date or the bare address of an option.
// Networks that cannot be meant are errors (*Error, joined); what was read is
// returned with them. No network at all is no error.
func FindNetworks(text string) ([]Network, error) {
	words := fields(text)
	list, err := onlyNetworks(words)
	if err == nil {
		return list, nil
	}
	if len(words) == 1 && meantAsNetwork(words[0].text) || len(words) == 2 && lacksSlash(words) {
		return nil, err
	}
	return scanWords(words)
}

// meantAsNetwork reports whether a word is nothing but a network, right or
// wrong.
func meantAsNetwork(w string) bool {
	addr, _, _ := strings.Cut(w, "/")
	ip, err := netip.ParseAddr(addr)
	return strings.Trim(w, networkBytes) == "" && strings.ContainsAny(w, ".:/") || err == nil && ip.Zone() != ""
}

// lacksSlash recognises "192.168.0.0 12", which can be one network or two.
func lacksSlash(words []word) bool {
	_, err := netip.ParseAddr(words[0].text)
	return err == nil && isNumber(words[1].text)
}

// networkBytes are the bytes of a network without blanks.
const networkBytes = "0123456789abcdefABCDEFxX.:/"

// A word is a run of text and where it begins.
type word struct {
	text   string
	offset int
}

// fields splits at blanks and commas.
func fields(text string) []word {
	var out []word
	start := -1
	for i := 0; i <= len(text); i++ {
		if i < len(text) && strings.IndexByte(" \t\r\n,", text[i]) < 0 {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			out = append(out, word{text[start:i], start})
			start = -1
		}
	}
	return out
}

// onlyNetworks reads words that are all networks and returns the first error
// otherwise.
func onlyNetworks(words []word) ([]Network, error) {
	var out []Network
	for i := 0; i < len(words); {
		if words[i].text == "net" && i+1 < len(words) {
			i++
			continue
		}
		given, n := joinMask(words[i:])
		if i > 0 && isNumber(given) && words[i-1].text != "net" {
			return nil, &Error{
				Text: given, Offset: words[i].offset, Reason: "a number alone among networks",
				Remedy: "write it behind a slash if it is a prefix length, behind net if it is a network",
			}
		}
		net, err := ParseNetwork(given)
		if err != nil {
			return nil, at(err, given, words[i].offset)
		}
		out = append(out, net)
		i += n
	}
	return out, nil
}

// joinMask returns the words at the head that are one network: "A", "A mask M",
// and "A / M" with any blanks, and how many it took.
func joinMask(words []word) (string, int) {
	first := words[0].text
	if len(words) > 2 && (words[1].text == "/" || isMaskWord(words[1].text)) {
		return first + " " + words[1].text + " " + words[2].text, 3
	}
	if len(words) > 1 && (strings.HasSuffix(first, "/") || words[1].text[0] == '/') {
		return first + " " + words[1].text, 2
	}
	return first, 1
}

// scanWords finds the networks among words of any kind.
func scanWords(words []word) ([]Network, error) {
	var out []Network
	var errs []error
	for i := 0; i < len(words); {
		if given, offset := maskedWords(words[i:]); given != "" {
			n, err := ParseNetwork(given)
			if err != nil {
				errs = append(errs, at(err, given, offset))
			} else {
				out = append(out, n)
			}
			i += 3
			continue
		}
		found, err := scanWord(words[i])
		out = append(out, found...)
		errs = append(errs, err)
		i++
	}
	return out, errors.Join(errs...)
}

// maskedWords returns "A mask M" and where it begins if it stands at the head of
// words, quotes and brackets around it left out; "" otherwise.
func maskedWords(words []word) (given string, offset int) {
	if len(words) < 3 || !isMaskWord(words[1].text) {
		return "", 0
	}
	const around = "\"'()[]{};"
	rest := strings.TrimLeft(words[0].text, around)
	a, m := strings.TrimRight(rest, around), strings.Trim(words[2].text, around)
	if ip, err := netip.ParseAddr(a); !isQuad(a) && (err != nil || ip.Zone() != "") {
		return "", 0
	}
	if m == "" || strings.Trim(m, networkBytes) != "" {
		return "", 0
	}
	return a + " " + words[1].text + " " + m, words[0].offset + len(words[0].text) - len(rest)
}

// scanWord finds the networks of one word: it looks at what stands around each
// slash.
func scanWord(w word) ([]Network, error) {
	var out []Network
	var errs []error
	for i := range len(w.text) {
		if w.text[i] != '/' {
			continue
		}
		start, given := around(w.text, i)
		if given == "" {
			continue
		}
		n, err := ParseNetwork(given)
		if err != nil {
			errs = append(errs, at(err, given, w.offset+start))
			continue
		}
		out = append(out, n)
	}
	return out, errors.Join(errs...)
}

// around returns the network whose slash is at s[slash], and where it starts;
// "" if what stands there is a path, a date or a ratio. It never looks beyond
// the neighbouring slashes, so a text of slashes takes linear time.
func around(s string, slash int) (start int, given string) {
	start, end := slash, slash+1
	for start > 0 && strings.IndexByte("0123456789abcdefABCDEF:.", s[start-1]) >= 0 {
		start--
	}
	for end < len(s) && (isDigit(s[end]) || s[end] == '.') {
		end++
	}
	for end > slash && s[end-1] == '.' { // the end of a sentence
		end--
	}
	if (end < len(s) && joinsWord(s[end])) || !isLength(s[slash+1:end]) {
		return 0, ""
	}
	start = addressStart(s, start, slash)
	if start == slash {
		return 0, ""
	}
	return start, s[start:end]
}

// addressStart returns where the address in s[start:slash] begins, or slash if
// there is none. A colon may belong to the word before, as in podCIDR:10.0.0.0/8.
func addressStart(s string, start, slash int) int {
	if a := s[start:slash]; strings.HasPrefix(a, ":") && !strings.HasPrefix(a, "::") {
		start++
	}
	if _, err := netip.ParseAddr(s[start:slash]); err != nil {
		start += strings.LastIndexByte(s[start:slash], ':') + 1
		if !isQuad(s[start:slash]) {
			return slash
		}
	}
	if start > 0 && joinsWord(s[start-1]) {
		return slash
	}
	return start
}

// isQuad reports whether s looks like an IPv4 address, be its numbers too large.
func isQuad(s string) bool {
	if strings.Count(s, ".") != 3 || strings.Trim(s, "0123456789.") != "" {
		return false
	}
	return !strings.Contains(s, "..") && isDigit(s[0]) && isDigit(s[len(s)-1])
}

// isLength reports whether s may be meant as a prefix length or mask.
func isLength(s string) bool {
	return s != "" && len(s) <= 3 || strings.Count(s, ".") == 3
}

// joinsWord reports whether a byte beside a candidate makes it part of
// something longer: a name, a path, a URL.
func joinsWord(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z' || strings.IndexByte("_/%", c) >= 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
