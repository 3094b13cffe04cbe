package sockets_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// What stands in users:( is read as far as it is closed.
func TestUsers(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     []sockets.Process // none: malformed
	}{
		{"one", `(("a",pid=1,fd=2))`, one("a", 1, 2)},
		{"two", `(("a",pid=1,fd=2),("b",pid=3,fd=4))`, []sockets.Process{{Name: "a", PID: 1, FD: 2}, {Name: "b", PID: 3, FD: 4}}},
		{"process 0", `(("a",pid=0,fd=0))`, one("a", 0, 0)},
		{"no name", `(("",pid=1,fd=2))`, one("", 1, 2)},
		{"no name, before 2013", `(("",1,2))`, one("", 1, 2)},
		{"before 2013, no descriptor", `(("a",1))`, one("a", 1, -1)},
		{"before 2013, more numbers", `(("a",1,2,3))`, one("a", 1, 2)},
		{"no descriptor", `(("a",pid=1))`, one("a", 1, -1)},
		{"descriptor first", `(("a",pid=1,fd=7,tid=9))`, one("a", 1, 7)},
		{"thread", `(("a",pid=1,tid=9,fd=7))`, one("a", 1, 7)},
		{"a fact that is no number", `(("a",pid=x,pid=1,fd=2))`, one("a", 1, 2)},
		{"largest", `(("a",pid=2147483647,fd=2147483647))`, one("a", 2147483647, 2147483647)},
		{"descriptor too large", `(("a",pid=1,fd=2147483648))`, one("a", 1, -1)},
		{"process too large", `(("a",pid=2147483648,fd=1))`, nil},
		{"no number", `(("a",pid=,fd=1))`, nil},
		{"empty", `()`, nil},
		{"no quote", `((a,pid=1,fd=2))`, nil},
		{"name alone", `(("a"))`, nil},
		{"list not closed", `(("a",pid=1,fd=2)`, nil},
		{"process not closed", `(("a",pid=1,fd=2`, nil},
		{"neither comma nor end", `(("a",pid=1,fd=2)x("b",pid=1,fd=2))`, nil},
		{"comma at the end", `(("a",pid=1,fd=2),)`, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, r := read(t, "LISTEN 0 5 10.0.0.1:80 0.0.0.0:* users:"+tc.in+" uid:7 ino:8")
			var want []sockets.Socket
			if n, first := r.Malformed(); tc.want != nil {
				want = []sockets.Socket{{State: sockets.Listen, Local: ends("10.0.0.1:80"), Processes: tc.want, UID: 7, Inode: 8}}
			} else if n != 1 || first[0].Why != "ss: users:( is not closed" {
				t.Errorf("%d malformed: %v", n, first)
			}
			if diff := cmp.Diff(want, list, comparable, noLine); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What ss -e adds, up to the largest numbers.
func TestExtended(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		want     sockets.Socket
	}{
		{"nothing", "", sockets.Socket{UID: -1}},
		{"root, by the kernel's pointer", "ino:1 sk:1", sockets.Socket{Inode: 1}},
		{"inode that would wrap", "ino:18446744073709551617", sockets.Socket{UID: -1}},
		{"inode alone", "ino:1", sockets.Socket{UID: -1, Inode: 1}},
		{"pointer alone", "sk:1", sockets.Socket{UID: -1}},
		{"user and pointer", "uid:0 ino:1 sk:1", sockets.Socket{Inode: 1}},
		{"largest user", "uid:4294967295 ino:1 sk:1", sockets.Socket{UID: 4294967295, Inode: 1}},
		{"user too large", "uid:4294967296", sockets.Socket{UID: -1}},
		{"largest inode", "ino:9223372036854775807", sockets.Socket{UID: -1, Inode: 9223372036854775807}},
		{"mark, decimal", "fwmark:7", sockets.Socket{UID: -1, Mark: 7}},
		{"largest mark", "fwmark:0xffffffff", sockets.Socket{UID: -1, Mark: 0xffffffff}},
		{"mark too large", "fwmark:0x100000000", sockets.Socket{UID: -1}},
		{"blanks", "  uid:7\t ino:8 \t", sockets.Socket{UID: 7, Inode: 8}},
		{"names within names", "xuid:7 inode:8 uid", sockets.Socket{UID: -1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.State, tc.want.Local, tc.want.Remote = sockets.Established, ends("10.0.0.1:80"), ends("10.0.0.2:1000")
			if diff := cmp.Diff(tc.want, sole(t, "ESTAB 0 0 10.0.0.1:80 10.0.0.2:1000 "+tc.in), comparable, noLine); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// netstat says of a socket without owner that it is root's, and that it has no
// inode.
func TestNetstatOwner(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		uid      int64
		inode    uint64
	}{
		{"nobody's", "0 0 -", -1, 0},
		{"left by daemon", "1 0 -", 1, 0},
		{"root's", "0 9 -", 0, 9},
		{"by name", "root 9 -", 0, 9},
		{"by a name that is not known", "app 9 -", -1, 9},
		{"neither", "-", -1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := sole(t, "tcp 0 0 10.0.0.1:80 10.0.0.2:1 FIN_WAIT2 "+tc.in)
			if s.UID != tc.uid || s.Inode != tc.inode || s.Processes != nil {
				t.Errorf("uid %d, inode %d, %v; want %d, %d", s.UID, s.Inode, s.Processes, tc.uid, tc.inode)
			}
		})
	}
}

// Columns are looked for from both sides of what a line may have.
func TestColumns(t *testing.T) {
	for _, tc := range []struct {
		name, in, why string // why: malformed
	}{
		{"state, four columns", "ESTAB 0 0 10.0.0.1:80 10.0.0.2:1", ""},
		{"four columns", "0 0 10.0.0.1:80 10.0.0.2:1", ""},
		{"three columns", "0 0 10.0.0.1:80", "ss: columns are missing"},
		{"protocol, state, four columns", "tcp ESTAB 0 0 10.0.0.1:80 10.0.0.2:1", ""},
		{"protocol, state, three columns", "tcp ESTAB 0 0 10.0.0.1:80", "ss: columns are missing"},
		{"queues are no numbers", "ESTAB x 0 10.0.0.1:80 10.0.0.2:1", "ss: columns are missing"},
		{"the second queue is none", "ESTAB 0 x 10.0.0.1:80 10.0.0.2:1", "ss: columns are missing"},
		{"netstat", "tcp 0 0 10.0.0.1:80 10.0.0.2:1 ESTABLISHED", ""},
		{"netstat, first queue", "tcp x 0 10.0.0.1:80 10.0.0.2:1 ESTABLISHED", "netstat: columns are missing"},
		{"lsof, all columns", "envoy 17 1337 7u IPv4 34086 0t0 TCP *:80 (LISTEN)", ""},
		{"lsof, no state", "envoy 17 1337 7u IPv4 34086 0t0 TCP *:80", "lsof: columns are missing"},
		{"lsof, two more columns", "envoy 17 18 task 1337 7u IPv4 34086 0t0 TCP *:80 (LISTEN)", ""},
		{"lsof, the first end is none", "envoy 17 1337 7u IPv4 34086 0t0 TCP web->10.0.0.2:1 (ESTABLISHED)", `"web" has no port`},
		{"users closed once at the end", `ESTAB 0 0 10.0.0.1:80 10.0.0.2:1 users:(("a",pid=1,fd=2)`, "ss: users:( is not closed"},
		{"a port alone", "ESTAB 0 0 :80 10.0.0.2:1", `":80" has no IP address`},
		{"proc, ten columns", "0: 0100007F:3A99 00000000:0000 0A 0:0 0:0 0 0 0 1", ""},
		{"proc, nine columns", "0: 0100007F:3A99 00000000:0000 0A 0:0 0:0 0 0 0", "/proc/net/tcp: columns are missing"},
		{"proc, no owner", "0: 0100007F:3A99 00000000:0000 0A 0:0 0:0 0 x 0 1", "/proc/net/tcp: no uid and inode"},
		{"proc, remote end cut", "0: 0100007F:3A99 00000000 0A 0:0 0:0 0 0 0 1", `"00000000" is no hexadecimal address and port`},
		{"proc, port too large", "0: 0100007F:13A99 00000000:0000 0A 0:0 0:0 0 0 0 1", `"0100007F:13A99" is no hexadecimal address and port`},
		{"proc, state 0", "0: 0100007F:3A99 00000000:0000 00 0:0 0:0 0 0 0 1", "/proc/net/tcp: columns are missing"},
		{"proc, state of no number", "0: 0100007F:3A99 00000000:0000 0x 0:0 0:0 0 0 0 1", "/proc/net/tcp: columns are missing"},
		{"proc, number of the line is none", "x: 0100007F:3A99 00000000:0000 0A 0:0 0:0 0 0 0 1", "no line of ss, lsof, netstat or /proc/net/tcp"},
		{"a state and nothing like an end", "LISTEN 0 0 x y", "ss: columns are missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			list, r := read(t, tc.in)
			n, first := r.Malformed()
			if tc.why == "" && (n != 0 || len(list) != 1) {
				t.Errorf("%d sockets, malformed: %v", len(list), first)
			}
			if tc.why != "" && (n != 1 || first[0].Why != tc.why || len(list) != 0) {
				t.Errorf("%d sockets, malformed: %v; want %s", len(list), first, tc.why)
			}
		})
	}
}
