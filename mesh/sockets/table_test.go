package sockets_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// table puts what text lists into a table.
func table(t *testing.T, text string) *sockets.Table {
	t.Helper()
	var tab sockets.Table
	list, r := read(t, text)
	if n, first := r.Malformed(); n > 0 {
		t.Fatalf("malformed: %v", first)
	}
	for _, s := range list {
		tab.Add(s)
	}
	return &tab
}

// An outbound connection of a pod, with both of its rows: as the application
// dialled it and as the proxy took it.
const redirected = `
ESTAB 0 0 10.244.1.5:42604 10.96.0.10:80 users:(("curl",pid=40,fd=5)) uid:1000 ino:1 sk:1
ESTAB 0 0 127.0.0.1:15001 10.244.1.5:42604 users:(("envoy",pid=17,fd=7)) uid:1337 ino:2 sk:2
`

func TestOwner(t *testing.T) {
	tab := table(t, redirected)
	for _, tc := range []struct{ local, remote, want string }{
		{"10.244.1.5:42604", "10.96.0.10:80", "curl"},
		{"127.0.0.1:15001", "10.244.1.5:42604", "envoy"},
		{"[::ffff:127.0.0.1]:15001", "[::ffff:10.244.1.5]:42604", "envoy"},
		{"10.244.1.5:42604", "127.0.0.1:15001", ""}, // on the wire, but in no socket
		{"10.96.0.10:80", "10.244.1.5:42604", ""},
	} {
		s, ok := tab.Owner(ends(tc.local), ends(tc.remote))
		got := ""
		if len(s.Processes) > 0 {
			got = s.Processes[0].Name
		}
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("Owner(%s, %s) = %q, %v, want %q", tc.local, tc.remote, got, ok, tc.want)
		}
	}
}

func TestListener(t *testing.T) {
	tab := table(t, `
LISTEN 0 5 *:80 *:* users:(("both",pid=1,fd=1))
LISTEN 0 5 0.0.0.0:80 0.0.0.0:* users:(("four",pid=1,fd=2))
LISTEN 0 5 10.1.0.5:80 0.0.0.0:* users:(("one",pid=1,fd=3))
LISTEN 0 5 *:81 *:* users:(("both",pid=1,fd=4))
LISTEN 0 5 127.0.0.1:82 0.0.0.0:* users:(("one",pid=1,fd=5))
ESTAB 0 0 10.1.0.5:83 10.1.0.6:1000 users:(("conn",pid=1,fd=6))
`)
	for _, tc := range []struct{ addr, want string }{
		{"10.1.0.5:80", "one"},
		{"[::ffff:10.1.0.5]:80", "one"},
		{"10.1.0.6:80", "four"},
		{"[fd00::1]:80", "both"},
		{"10.1.0.6:81", "both"},
		{"[fe80::1%eth0]:81", "both"},
		{"127.0.0.1:82", "one"},
		{"10.1.0.5:82", ""},
		{"10.1.0.5:83", ""},
	} {
		s, ok := tab.Listener(ends(tc.addr))
		got := ""
		if len(s.Processes) > 0 {
			got = s.Processes[0].Name
		}
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("Listener(%s) = %q, %v, want %q", tc.addr, got, ok, tc.want)
		}
	}
}

func TestListenersInOrder(t *testing.T) {
	tab := table(t, `
LISTEN 0 5 *:80 *:*
LISTEN 0 5 127.0.0.1:8080 0.0.0.0:*
LISTEN 0 5 127.0.0.1:80 0.0.0.0:*
LISTEN 0 5 0.0.0.0:80 0.0.0.0:*
LISTEN 0 5 0.0.0.0:79 0.0.0.0:*
`)
	var got []string
	for _, s := range tab.Listeners() {
		got = append(got, s.Local.String())
	}
	want := []string{"0.0.0.0:79", "0.0.0.0:80", "127.0.0.1:80", "[::]:80", "127.0.0.1:8080"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What several lists say of one socket is put together.
func TestMerge(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"owner and process", `
   0: 0100007F:3A99 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1337        0 34086 1 0000000020b42e53 100 0 0 10 0
LISTEN 0 5 127.0.0.1:15001 0.0.0.0:* users:(("envoy",pid=17,fd=7))`,
			`LISTEN 0 0 127.0.0.1:15001 0.0.0.0:* users:(("envoy",pid=17,fd=7)) uid:1337 ino:34086`},
		{"process and owner", `
LISTEN 0 5 127.0.0.1:15001 0.0.0.0:* users:(("envoy",pid=17,fd=7)) fwmark:0x539
   0: 0100007F:3A99 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1337        0 34086 1 0000000020b42e53 100 0 0 10 0`,
			`LISTEN 0 0 127.0.0.1:15001 0.0.0.0:* users:(("envoy",pid=17,fd=7)) uid:1337 ino:34086 fwmark:0x539`},
		{"lsof has a row per process", `
consul-da 23502 root    3u  IPv4 3549194      0t0  TCP 127.0.0.1:25001 (LISTEN)
consul-da 23544 root    3u  IPv4 3549194      0t0  TCP 127.0.0.1:25001 (LISTEN)
LISTEN 0 5 127.0.0.1:25001 0.0.0.0:* users:(("consul-dataplan",pid=23544,fd=3))
tcp 0 0 127.0.0.1:25001 0.0.0.0:* LISTEN 23502/consul-dataplane`,
			`LISTEN 0 0 127.0.0.1:25001 0.0.0.0:* users:(("consul-dataplane",pid=23502,fd=3),("consul-dataplan",pid=23544,fd=3)) uid:0 ino:3549194`},
		{"workers with a listener each", `
LISTEN 0 5 0.0.0.0:15001 0.0.0.0:* users:(("envoy",pid=17,fd=7)) uid:1337 ino:1
LISTEN 0 5 0.0.0.0:15001 0.0.0.0:* users:(("envoy",pid=17,fd=8)) uid:1337 ino:2`,
			`LISTEN 0 0 0.0.0.0:15001 0.0.0.0:* users:(("envoy",pid=17,fd=7),("envoy",pid=17,fd=8)) uid:1337 ino:1`},
		{"same ports again", `
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 users:(("a",pid=1,fd=1)) ino:1
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 users:(("b",pid=2,fd=1)) ino:2`,
			`ESTAB 0 0 10.1.0.5:80 10.1.0.6:1000 users:(("a",pid=1,fd=1)) ino:1`},
		{"same ports again, only the later known", `
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 ino:1
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 users:(("b",pid=2,fd=1)) ino:2`,
			`ESTAB 0 0 10.1.0.5:80 10.1.0.6:1000 users:(("b",pid=2,fd=1)) ino:2`},
		{"same ports again, nobody known", `
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 ino:1
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 uid:7 ino:2`,
			`ESTAB 0 0 10.1.0.5:80 10.1.0.6:1000 ino:1`},
		{"root stays root", `
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* uid:0 ino:1 fwmark:1
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* uid:7 ino:2 fwmark:2`,
			`LISTEN 0 0 127.0.0.1:80 0.0.0.0:* uid:0 ino:1 fwmark:0x1`},
		{"the inode comes later", `
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 users:(("a",pid=1,fd=1))
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 users:(("b",pid=2,fd=1)) ino:2`,
			`ESTAB 0 0 10.1.0.5:80 10.1.0.6:1000 users:(("a",pid=1,fd=1),("b",pid=2,fd=1)) ino:2`},
		{"one process, descriptors 0 and 1", `
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("a",pid=1,fd=0))
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("a",pid=1,fd=1))
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("a",pid=1,fd=0))`,
			`LISTEN 0 0 127.0.0.1:80 0.0.0.0:* users:(("a",pid=1,fd=0),("a",pid=1,fd=1))`},
		{"names of one length", `
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("ab",pid=1,fd=0))
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("cd",pid=1,fd=0))
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("e",pid=1,fd=0))`,
			`LISTEN 0 0 127.0.0.1:80 0.0.0.0:* users:(("ab",pid=1,fd=0))`},
		{"the descriptor comes later", `
tcp 0 0 127.0.0.1:80 0.0.0.0:* LISTEN 1/ab
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("ab",pid=1,fd=0))
tcp 0 0 127.0.0.1:80 0.0.0.0:* LISTEN 1/ab`,
			`LISTEN 0 0 127.0.0.1:80 0.0.0.0:* users:(("ab",pid=1,fd=0))`},
		{"gone since", `
ESTAB 0 5 10.1.0.5:80 10.1.0.6:1000 users:(("a",pid=1,fd=1)) ino:1
TIME-WAIT 0 5 10.1.0.5:80 10.1.0.6:1000`,
			`ESTAB 0 0 10.1.0.5:80 10.1.0.6:1000 users:(("a",pid=1,fd=1)) ino:1`},
		{"not open", "UNCONN 0 0 10.1.0.5:80 0.0.0.0:*", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tab := table(t, tc.in)
			got := ""
			for _, s := range tab.Listeners() {
				got += s.String()
			}
			if s, ok := tab.Owner(ends("10.1.0.5:80"), ends("10.1.0.6:1000")); ok {
				got += s.String()
			}
			if got != tc.want || tab.Len() != min(1, len(tc.want)) {
				t.Errorf("got  %s\nwant %s\nlen %d", got, tc.want, tab.Len())
			}
		})
	}
}

// A table leaves the sockets it was given alone.
func TestTableCopies(t *testing.T) {
	list, _ := read(t, `
LISTEN 0 5 127.0.0.1:80 0.0.0.0:* users:(("a",pid=1,fd=1))
tcp 0 0 127.0.0.1:80 0.0.0.0:* LISTEN 1/another
`)
	var tab sockets.Table
	for _, s := range list {
		tab.Add(s)
	}
	if got := list[0].Processes[0].Name; got != "a" {
		t.Errorf("name became %q", got)
	}
}

func TestManyProcesses(t *testing.T) {
	var tab sockets.Table
	for i := range 10_000 {
		tab.Add(sockets.Socket{State: sockets.Listen, Local: ends("0.0.0.0:80"), UID: -1, Processes: one("worker", i, 3)})
	}
	if s, ok := tab.Listener(ends("10.0.0.1:80")); !ok || len(s.Processes) != 256 {
		t.Errorf("%d processes, want 256", len(s.Processes))
	}
}

func TestEmptyTable(t *testing.T) {
	var tab sockets.Table
	_, owner := tab.Owner(none, none)
	_, listener := tab.Listener(none)
	if owner || listener || tab.Len() != 0 || len(tab.Listeners()) != 0 {
		t.Error("the zero table is not empty")
	}
}

func TestStateNames(t *testing.T) {
	want := []string{
		"unknown", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2",
		"CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT", "CLOSED", "UNKNOWN",
	}
	for i, name := range want {
		if got := fmt.Sprint(sockets.State(i)); got != name {
			t.Errorf("state %d is %s, want %s", i, got, name)
		}
	}
}
