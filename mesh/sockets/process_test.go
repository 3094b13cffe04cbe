package sockets_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// sole reads a line that is one socket.
func sole(t *testing.T, line string) sockets.Socket {
	t.Helper()
	list, r := read(t, line)
	if n, first := r.Malformed(); n > 0 || len(list) != 1 {
		t.Fatalf("%q: %d sockets, malformed: %v", line, len(list), first)
	}
	return list[0]
}

// A process may call itself anything; its name stays on its line.
func TestProcessNames(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "envoy", "envoy"},
		{"first and last of ASCII", " !~", " !~"},
		{"bell", "a\ab", "a?b"},
		{"delete", "a\x7fb", "a?b"},
		{"no UTF-8", "a\xffb", "a?b"},
		{"UTF-8", "zürich", "zürich"},
		{"not printable in UTF-8", "a\u200bb", "a?b"},
		{"quote", `a"b`, "a?b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := sole(t, `LISTEN 0 5 10.0.0.1:80 0.0.0.0:* users:(("`+tc.in+`",pid=1,fd=2))`)
			if len(s.Processes) != 1 || s.Processes[0].Name != tc.want {
				t.Errorf("%v, want %q", s.Processes, tc.want)
			}
		})
	}
}

func TestLsofEscapes(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{`nginx:\x20worker`, "nginx: worker"},
		{`a\x20`, "a "},
		{`\x41`, "A"},
		{`\x4a\x4B`, "JK"},
		{`a\x4`, `a\x4`},
		{`a\x`, `a\x`},
		{`a\xzz`, `a\xzz`},
		{`a\n\x41`, `a\nA`},
		{`ax41\x42`, `ax41B`},
		{`a\\x41`, `a\A`},
	} {
		t.Run(tc.in, func(t *testing.T) {
			s := sole(t, tc.in+" 17 1337 7u IPv4 34086 0t0 TCP *:80 (LISTEN)")
			if got := s.Processes[0].Name; got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func TestUserIDs(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int64
	}{
		{"0", 0}, {"root", 0}, {"1", 1}, {"4294967295", 4294967295}, {"4294967296", -1}, {"www-data", -1}, {"-1", -1},
	} {
		t.Run(tc.in, func(t *testing.T) {
			if got := sole(t, "envoy 17 "+tc.in+" 7u IPv4 34086 0t0 TCP *:80 (LISTEN)").UID; got != tc.want {
				t.Errorf("uid %d, want %d", got, tc.want)
			}
		})
	}
}
