package sockets_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// A line is read as if it were alone, whatever stood in the line before it.
func TestLinesAreApart(t *testing.T) {
	for _, tc := range []struct {
		name, before, in string
		want             sockets.Socket // zero: malformed
		why              string
	}{
		{"lsof, then four words", "envoy 17 1337 7u IPv4 34086 0t0 TCP *:81 (LISTEN)", "one two three four",
			sockets.Socket{}, "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"a folder, then four words", "python3 23502 root cwd DIR 8,1 4096 2 /", "one 2 three four",
			sockets.Socket{}, "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"netstat, then ss without state", "tcp 0 0 0.0.0.0:81 0.0.0.0:* LISTEN", "tcp 0 0 10.0.0.1:80 10.0.0.2:1",
			sockets.Socket{State: sockets.Established, Local: ends("10.0.0.1:80"), Remote: ends("10.0.0.2:1"), UID: -1}, ""},
		{"lsof of UDP, then lsof cut", "envoy 17 1337 7u IPv4 34086 0t0 UDP *:81", "envoy 17 1337 7u IPv4 34086 0t0",
			sockets.Socket{}, "lsof: columns are missing"},
		{"users, then none", `LISTEN 0 5 10.0.0.1:81 0.0.0.0:* users:(("a",pid=1,fd=2)) uid:7`, "LISTEN 0 5 10.0.0.1:80 0.0.0.0:*",
			sockets.Socket{State: sockets.Listen, Local: ends("10.0.0.1:80"), UID: -1}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, r := read(t, tc.before+"\n"+tc.in)
			n, first := r.Malformed()
			if tc.why != "" {
				if n != 1 || first[0].Why != tc.why || first[0].Line != 2 {
					t.Errorf("malformed: %v, want %s", first, tc.why)
				}
				return
			}
			if n != 0 {
				t.Fatalf("malformed: %v", first)
			}
			if diff := cmp.Diff(tc.want, list[len(list)-1], comparable, noLine); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What is no socket of TCP is passed over, also if it is cut.
func TestPassedOver(t *testing.T) {
	for _, in := range []string{
		"envoy 17 1337 7u IPv4 34086 0t0 UDP",
		"envoy 17 1337 7u IPv6 34086 0t0 UDP *:53",
		"java 23502 app NOFD", "java 23502 root cwd FIFO",
		"java 23502 5 task root cwd unknown /proc/1/task/59/cwd",
		"# ss", "\tts sack", "udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:*", "", " \r",
		"lsof: WARNING", "(No info could be read for \"-p\": geteuid()=1000 but you should be root.)",
	} {
		t.Run(in, func(t *testing.T) {
			list, r := read(t, in+"\n")
			if n, first := r.Malformed(); n != 0 || len(list) != 0 || r.Lines() != 1 {
				t.Errorf("%d sockets in %d lines, malformed: %v", len(list), r.Lines(), first)
			}
		})
	}
}

// lsof's TYPE stands in the fifth to seventh column.
func TestColumnOfType(t *testing.T) {
	for _, tc := range []struct{ name, in, why string }{
		{"fourth", "envoy 17 7u IPv4 34086 0t0 TCP *:80 (LISTEN)", "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"fifth", "envoy 17 1337 7u IPv4 34086 0t0 TCP *:80 (LISTEN)", ""},
		{"sixth", "envoy 17 18 1337 7u IPv4 34086 0t0 TCP *:80 (LISTEN)", ""},
		{"seventh", "envoy 17 18 task 1337 7u IPv4 34086 0t0 TCP *:80 (LISTEN)", ""},
		{"eighth", "envoy 17 18 task 19 1337 7u IPv4 34086 0t0 TCP *:80", "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"a folder, third", "java 23502 DIR", "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"a folder, eighth", "java 23502 1 2 3 4 5 DIR", "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"a folder, no process", "java x root cwd DIR", "no line of ss, lsof, netstat or /proc/net/tcp"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, r := read(t, tc.in)
			n, first := r.Malformed()
			if tc.why == "" && (n != 0 || len(list) != 1) || tc.why != "" && (n != 1 || first[0].Why != tc.why) {
				t.Errorf("%d sockets, malformed: %v; want %q", len(list), first, tc.why)
			}
		})
	}
}
