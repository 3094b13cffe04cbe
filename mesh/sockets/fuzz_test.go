package sockets_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// A socket that was read and printed is read as the same, and no line is lost
// count of.
func FuzzReader(f *testing.F) {
	for line := range strings.Lines(mixed + "\n" + redirected) {
		f.Add(line)
	}
	f.Add(mixed)
	f.Add("   4: 0000000000000000FFFF00000100007F:61BC 0000000000000000FFFF00000100007F:BBC0 0C 0:0 0:0 0 0 0 1\n")
	f.Add(`nginx:\x20m\xff\x22 1 root 6u IPv6 3549203 0t0 TCP [fe80::1%lo]:25021->[::1]:0 (CLOSED)`)
	f.Add(`LISTEN 0 128 :::22 :::* users:(("a"b",12,4),("c\",pid=3,fd=x)) uid:0 ino:9 sk:0 fwmark:0x1`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 16<<10 {
			return // printed, a line might be too long
		}
		list, r := read(t, text)
		n, first := r.Malformed()
		if lines := strings.Count(text+"\n", "\n"); len(list)+n > lines || r.Lines() > lines || len(first) != min(n, 3) {
			t.Fatalf("%d sockets, %d malformed (%v), %d lines of %d", len(list), n, first, r.Lines(), lines)
		}
		for _, s := range list {
			printed := s.String()
			again, r := read(t, printed)
			if _, first := r.Malformed(); len(first) > 0 || strings.ContainsAny(printed, "\r\n\x1b") {
				t.Fatalf("%q: %v", printed, first)
			}
			if diff := cmp.Diff([]sockets.Socket{s}, again, comparable, noLine); diff != "" {
				t.Fatalf("%q, -read +read again:\n%s", printed, diff)
			}
		}
	})
}

// repeated is a line over and over, n times.
type repeated struct {
	line string
	n    int
	rest string
}

func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if r.rest == "" {
			if r.n == 0 {
				break
			}
			r.rest, r.n = r.line, r.n-1
		}
		c := copy(p[n:], r.rest)
		n, r.rest = n+c, r.rest[c:]
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// A million lines of each tool; the bound is 1.5 s.
func BenchmarkReader(b *testing.B) {
	const lines = 1_000_000
	for _, bc := range []struct{ name, line string }{
		{"ss", `ESTAB      0      0               127.0.0.1:15001         10.200.1.2:42604 users:(("envoy",pid=17,fd=7)) uid:1337 ino:34086 sk:5 cgroup:/kubepods.slice <->             `},
		{"lsof", "envoy 17 1337 7u IPv4 34086 0t0 TCP 127.0.0.6:40791->10.200.1.2:8080 (ESTABLISHED)"},
		{"netstat", "tcp        1      0 127.0.0.1:25006         127.0.0.1:45066         CLOSE_WAIT  23502/python3       "},
		{"proc", "   4: 0100007F:DDFE 0100007F:61A9 01 00000000:00000000 00:00000000 00000000     0        0 3549198 1 0000000015a04fd7 20 0 0 10 -1"},
		{"malformed", "LISTEN 0 5 0.0.0.0:http 0.0.0.0:*"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := sockets.NewReader(&repeated{line: bc.line + "\n", n: lines})
				for {
					if _, err := r.Next(); err == io.EOF {
						break
					}
				}
				if r.Lines() != lines {
					b.Fatalf("%d lines", r.Lines())
				}
			}
		})
	}
}
