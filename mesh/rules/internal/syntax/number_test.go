package syntax_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// complaint returns what an error says, "" for none.
func complaint(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		bits       int
		want       uint32
		err        string
	}{
		{"zero", "0", 16, 0, ""},
		{"a digit", "7", 16, 7, ""},
		{"all digits", "123456789", 32, 123456789, ""},
		{"ten digits", "1234567890", 32, 1234567890, ""},
		{"the largest of 16 bits", "65535", 16, 65535, ""},
		{"one more", "65536", 16, 0, `"65536" is no number below 65536`},
		{"the largest of 32 bits", "4294967295", 32, 4294967295, ""},
		{"one more of these", "4294967296", 32, 0, `"4294967296" is no number below 4294967296`},
		{"the largest of 8 bits", "255", 8, 255, ""},
		{"one more of eight", "256", 8, 0, `"256" is no number below 256`},
		{"hexadecimal", "0x53a", 32, 0x53a, ""},
		{"octal, as strtoul reads it", "010", 16, 8, ""},
		{"nothing", "", 16, 0, `"" is no number below 65536`},
		{"signed", "-1", 16, 0, `"-1" is no number below 65536`},
		{"what stands before 0", "1/", 16, 0, `"1/" is no number below 65536`},
		{"what stands behind 9", "1:", 16, 0, `"1:" is no number below 65536`},
		{"a name", "http", 16, 0, `"http" is no number below 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := syntax.Number([]byte(tt.text), tt.bits)
			if got != tt.want || complaint(err) != tt.err {
				t.Errorf("got %d, %v, want %d, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestMark(t *testing.T) {
	for _, tt := range []struct {
		name, text  string
		value, mask uint32
		err         string
	}{
		{"alone", "0x539", 0x539, 0xffffffff, ""},
		{"with a mask", "0x539/0xfff", 0x539, 0xfff, ""},
		{"decimal", "1337/255", 1337, 255, ""},
		{"no value", "/0xfff", 0, 0xffffffff, `"" is no number below 4294967296`},
		{"no mask", "1/", 1, 0, `"" is no number below 4294967296`},
		{"a mask of words", "1/all", 1, 0, `"all" is no number below 4294967296`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			value, mask, err := syntax.Mark([]byte(tt.text))
			if value != tt.value || mask != tt.mask || complaint(err) != tt.err {
				t.Errorf("got %#x/%#x, %v, want %#x/%#x, %q", value, mask, err, tt.value, tt.mask, tt.err)
			}
		})
	}
}

func TestPrefix(t *testing.T) {
	for _, tt := range []struct{ name, text, want, err string }{
		{"an address", "10.0.0.1", "10.0.0.1/32", ""},
		{"an address of IPv6", "fd00::1", "fd00::1/128", ""},
		{"a network", "10.0.0.0/8", "10.0.0.0/8", ""},
		{"all of them", "0.0.0.0/0", "0.0.0.0/0", ""},
		{"the longest prefix", "10.0.0.1/32", "10.0.0.1/32", ""},
		{"bits behind the prefix are cleared", "10.1.2.3/16", "10.1.0.0/16", ""},
		{"a mask", "10.0.0.0/255.128.0.0", "10.0.0.0/9", ""},
		{"a mask of all bits", "10.0.0.1/255.255.255.255", "10.0.0.1/32", ""},
		{"a mask of none", "10.0.0.1/0.0.0.0", "0.0.0.0/0", ""},
		{"a mask of IPv6", "fd00::1/ffff::", "fd00::/16", ""},
		{"a mask with a hole", "10.0.0.0/255.0.255.0", "", `"255.0.255.0" has holes`},
		{"a mask that begins late", "10.0.0.0/127.0.0.0", "", `"127.0.0.0" has holes`},
		{"too long", "10.0.0.0/33", "", `"33" is no prefix length`},
		{"too long for IPv6", "fd00::/129", "", `"129" is no prefix length`},
		{"a mask of the other family", "10.0.0.0/ffff::", "", `"ffff::" is no prefix length`},
		{"no length", "10.0.0.0/", "", `"" is no prefix length`},
		{"a name", "localhost", "", `"localhost" is no address`},
		{"with a zone", "fe80::1%eth0", "", `"fe80::1%eth0" is no address`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := syntax.Prefix([]byte(tt.text))
			if text := got.String(); text != tt.want && (got.IsValid() || tt.want != "") || complaint(err) != tt.err {
				t.Errorf("got %v, %v, want %s, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestCount(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       uint64
		err        string
	}{
		{"exact", "720", 720, ""},
		{"thousands", "12K", 12_000, ""},
		{"millions", "12M", 12_000_000, ""},
		{"billions", "12G", 12_000_000_000, ""},
		{"more", "1T", 1_000_000_000_000, ""},
		{"the largest", "18446744073709551615", 18446744073709551615, ""},
		{"one more", "18446744073709551616", 0, `"18446744073709551616" is no count`},
		{"the largest of thousands", "18446744073709551K", 18446744073709551000, ""},
		{"one more of these", "18446744073709552K", 0, `"18446744073709552" is no count`},
		{"a unit alone", "K", 0, `"K" is no count`},
		{"nothing", "", 0, `"" is no count`},
		{"another unit", "1P", 0, `"1P" is no count`},
		{"hexadecimal", "0x10", 0, `"0x10" is no count`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := syntax.Count([]byte(tt.text))
			if got != tt.want || complaint(err) != tt.err {
				t.Errorf("got %d, %v, want %d, %q", got, err, tt.want, tt.err)
			}
		})
	}
}
