package recorded

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// What a list says of a socket is its process, or its user at least.
func TestProcess(t *testing.T) {
	files := []record.Info{{}, {File: record.File{Name: "ss"}}}
	book := &Sockets{File: 1}
	source := record.Source{Kind: record.Sockets, File: "ss", Line: 4}
	for _, tc := range []struct {
		name   string
		socket sockets.Socket
		want   *record.Process
	}{
		{"nothing", sockets.Socket{Line: 4, UID: -1}, nil},
		{"root", sockets.Socket{Line: 4, UID: 0}, &record.Process{UID: 0, Source: source}},
		{"a user", sockets.Socket{Line: 4, UID: 1337}, &record.Process{UID: 1337, Source: source}},
		{"a process", sockets.Socket{Line: 4, UID: -1, Processes: []sockets.Process{{Name: "envoy", PID: 9}, {Name: "sh", PID: 1}}},
			&record.Process{Name: "envoy", PID: 9, UID: -1, Source: source}},
		{"both", sockets.Socket{Line: 4, UID: 1, Processes: []sockets.Process{{Name: "app", PID: 3}}}, &record.Process{Name: "app", PID: 3, UID: 1, Source: source}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, book.process(tc.socket, files)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Of several ends the first counts of which a process is known, and those that say
// nothing were looked at.
func TestFirst(t *testing.T) {
	files := []record.Info{{File: record.File{Name: "ss"}}}
	book := new(Sockets)
	add := func(line int, local, remote string, uid int64) {
		book.Add(sockets.Socket{Line: line, State: sockets.Established, Local: ap(local), Remote: ap(remote), UID: uid})
	}
	add(1, client, service, -1)
	add(2, listener, client, 1337)
	add(3, server, client, 7)
	ends := func(list ...[2]string) [][2]string { return list }
	for _, tc := range []struct {
		name string
		ends [][2]string
		uid  int64 // -1 = nobody
		told []int
	}{
		{"no end", nil, -1, nil},
		{"not listed", ends([2]string{service, client}), -1, nil},
		{"says nothing", ends([2]string{client, service}), -1, []int{1}},
		{"says nothing, then one that does", ends([2]string{client, service}, [2]string{listener, client}), 1337, []int{1, 2}},
		{"not listed, then one that is", ends([2]string{service, client}, [2]string{server, client}), 7, []int{3}},
		{"the first", ends([2]string{server, client}, [2]string{listener, client}), 7, []int{3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var at [][2]netip.AddrPort
			for _, e := range tc.ends {
				at = append(at, [2]netip.AddrPort{ap(e[0]), ap(e[1])})
			}
			p, told := book.First(files, at...)
			if got := p; (got == nil) != (tc.uid < 0) || got != nil && got.UID != tc.uid {
				t.Errorf("process %+v, want one of user %d", got, tc.uid)
			}
			var lines []int
			for _, k := range told {
				if k.Book != book {
					t.Error("told by another list")
				}
				lines = append(lines, k.Line)
			}
			if !cmp.Equal(lines, tc.told) {
				t.Errorf("told by lines %v, want %v", lines, tc.told)
			}
		})
	}
}

// What a proxy accepts behind a redirect has its listener's port at its own end, and
// the client at the other.
func TestSocketTouches(t *testing.T) {
	seen := &touched{
		tuples:  map[uint64]struct{}{hashTuple(tuple(client, service)): {}},
		ends:    map[uint64]struct{}{hashEnd(ap(client)): {}, hashEnd(ap(service)): {}},
		inbound: map[uint16]bool{15006: true},
	}
	for _, tc := range []struct {
		name, local, remote string
		want                bool
	}{
		{"the client's", client, service, true},
		{"the server's", service, client, true},
		{"of the proxy", "10.244.1.10:15006", client, true},
		{"of the proxy, for another client", "10.244.1.10:15006", "192.0.2.1:1", false},
		{"at another port", "10.244.1.10:15007", client, false},
		{"of others", server, "192.0.2.1:1", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := seen.socket(sockets.Socket{Local: ap(tc.local), Remote: ap(tc.remote)}); got != tc.want {
				t.Errorf("touches %v, want %v", got, tc.want)
			}
		})
	}
}

// Listeners are kept, and sockets of connections that were captured.
func TestReadSockets(t *testing.T) {
	x, _, _ := dialled(t)
	files, file := given(t, record.Sockets, `LISTEN 0 5 0.0.0.0:15001 0.0.0.0:*
ESTAB 0 0 10.244.1.10:40000 10.96.10.1:80
ESTAB 0 0 192.0.2.1:1 192.0.2.2:2
`)
	rs := readBeside(t, files, x)
	if len(rs.Sockets) != 1 || rs.Sockets[0].File != 0 || rs.Sockets[0].Pod != "p" {
		t.Fatalf("lists %+v, want one of pod p", rs.Sockets)
	}
	book := rs.Sockets[0]
	for _, tc := range []struct {
		local, remote string
		want          bool
	}{{client, service, true}, {"192.0.2.1:1", "192.0.2.2:2", false}} {
		if _, got := book.Owner(ap(tc.local), ap(tc.remote)); got != tc.want {
			t.Errorf("%s is kept: %v, want %v", tc.local, got, tc.want)
		}
	}
	if got := book.Listeners(); len(got) != 1 || got[0].Line != 1 {
		t.Errorf("listeners %+v, want that of line 1", got)
	}
	want := []record.Info{{File: file, Kind: record.Sockets, Lines: 3, Entries: 3}}
	if diff := cmp.Diff(want, rs.Files); diff != "" {
		t.Errorf("files, -want +got:\n%s", diff)
	}
}
