package recorded

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
	"github.com/pcapmesh/pcapmesh/mesh/record"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// scanned returns what each notes of a text, and how many entries it hands out.
func scanned[E any, M error](t *testing.T, r entries[E, M]) (info record.Info, handed int) {
	t.Helper()
	if err := each(r, &info, func(E) { handed++ }); err != nil {
		t.Fatal(err)
	}
	return info, handed
}

// All readers are counted alike, and what is wrong with a line is said with its
// number.
func TestEach(t *testing.T) {
	const entry = "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n"
	const socket = "LISTEN 0 5 127.0.0.1:80 0.0.0.0:*\n"
	for _, tc := range []struct {
		kind record.Kind
		scan func(string) (record.Info, int)
		text string
		want record.Info
	}{
		{record.Conntrack, func(s string) (record.Info, int) { return scanned(t, conntrack.NewReader(strings.NewReader(s))) },
			entry + "$ conntrack -L\ntcp 6 src=1.1.1.1\n" + entry,
			record.Info{Lines: 4, Entries: 2, Malformed: 1, Faults: []string{`line 3: a tuple without address: "tcp 6 src=1.1.1.1"`}}},
		{record.AccessLog, func(s string) (record.Info, int) {
			return scanned(t, accesslog.NewReader(strings.NewReader(s), nil))
		},
			"\nhello\n" + `{"start_time":"yesterday"}`,
			record.Info{Lines: 3, Malformed: 1, Faults: []string{`line 3: cannot read "yesterday" of key "start_time"`}}},
		{record.Sockets, func(s string) (record.Info, int) { return scanned(t, sockets.NewReader(strings.NewReader(s))) },
			socket + strings.Repeat("x\n", 5) + socket,
			record.Info{Lines: 7, Entries: 2, Malformed: 5, Faults: []string{
				"line 2: no line of ss, lsof, netstat or /proc/net/tcp",
				"line 3: no line of ss, lsof, netstat or /proc/net/tcp",
				"line 4: no line of ss, lsof, netstat or /proc/net/tcp"}}},
	} {
		got, handed := tc.scan(tc.text)
		if diff := cmp.Diff(tc.want, got); diff != "" || handed != got.Entries {
			t.Errorf("%s: %d handed out, -want +got:\n%s", tc.kind, handed, diff)
		}
	}
	broken := errors.New("broken")
	if err := each(sockets.NewReader(iotest.ErrReader(broken)), new(record.Info), func(sockets.Socket) {}); !errors.Is(err, broken) {
		t.Errorf("error %v of a reader that fails", err)
	}
}

// Rules are counted as the entries of other records are.
func TestReadRules(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) record.File {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return record.File{Name: name, Pod: "p"}
	}
	some := write("rules", "*nat\n-A OUTPUT -d 10.0.0.300 -j X\n-A OUTPUT -p tcp -j REDIRECT --to-ports 15001\nCOMMIT")
	none := write("none", "hello\n")
	rs, err := ReadRules(t.Context(), &record.Files{Rules: []record.File{some, none}})
	if err != nil {
		t.Fatal(err)
	}
	want := []record.Info{
		{File: some, Kind: record.Rules, Lines: 4, Entries: 1, Malformed: 1, Faults: []string{`line 2: -d: "10.0.0.300" is no address: "-A OUTPUT -d 10.0.0.300 -j X"`}},
		{File: none, Kind: record.Rules, Lines: 1},
	}
	if diff := cmp.Diff(want, rs.Files); diff != "" || len(rs.Rules) != 1 || rs.Rules[0].Pod != "p" {
		t.Errorf("%d rule sets, -want +got:\n%s", len(rs.Rules), diff)
	}
	_, err = ReadRules(t.Context(), &record.Files{Sockets: []record.File{{Name: filepath.Join(dir, "nowhere")}}})
	if err == nil || !strings.HasPrefix(err.Error(), "sockets "+dir) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v of a file that is not there", err)
	}
}

// Whatever kind a file is of, one that is not there is named before anything is read.
func TestCheckFiles(t *testing.T) {
	there := pcap.WriteFile(t, "there", nil)
	for _, kind := range record.Kinds() {
		var files record.Files
		files.Add(kind, record.File{Name: there})
		files.Add(kind, record.File{Name: "-"})
		if err := checkFiles(&files); err != nil {
			t.Errorf("%s: error %v of files that are there", kind, err)
		}
		files.Add(kind, record.File{Name: there + "/not"})
		if err := checkFiles(&files); err == nil || !strings.HasPrefix(err.Error(), kind.String()+" "+there) {
			t.Errorf("%s: error %v of a file that is not there", kind, err)
		}
	}
}

// A file that went away since it was looked for is an error too, of each kind.
func TestReadOfFileThatWentAway(t *testing.T) {
	x := captured(t)
	for _, kind := range []record.Kind{record.Conntrack, record.AccessLog, record.Sockets} {
		var files record.Files
		files.Add(kind, record.File{Name: filepath.Join(t.TempDir(), "gone")})
		err := new(Records).Read(t.Context(), &files, x)
		if err == nil || !strings.HasPrefix(err.Error(), kind.String()+" ") || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: error %v", kind, err)
		}
	}
}

// Records are unpacked, and taken from standard input if they are to be.
func TestOpen(t *testing.T) {
	const text = "LISTEN 0 5 127.0.0.1:80 0.0.0.0:*\n"
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plain, packed := pcap.WriteFile(t, "plain", []byte(text)), pcap.WriteFile(t, "packed", zipped.Bytes())
	stdin, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	defer func(in *os.File) { os.Stdin = in }(os.Stdin)
	os.Stdin = stdin
	for _, name := range []string{plain, packed, "-"} {
		rs := readBeside(t, &record.Files{Sockets: []record.File{{Name: name}}}, captured(t))
		if len(rs.Sockets) != 1 || len(rs.Sockets[0].Listeners()) != 1 {
			t.Errorf("%s: lists %+v, want one with a listener", name, rs.Sockets)
		}
	}
	torn := pcap.WriteFile(t, "torn", zipped.Bytes()[:5])
	if err := new(Records).Read(t.Context(), &record.Files{Sockets: []record.File{{Name: torn}}}, captured(t)); err == nil {
		t.Error("no error of a torn file")
	}
}

// Equal strings are kept once, as long as there are not too many.
func TestOnce(t *testing.T) {
	var rd reader
	address := func(s string) *byte { return unsafe.StringData(s) }
	line := strings.Repeat("ab", 2)
	a, b := rd.once(line[:2]), rd.once(line[2:])
	if a != "ab" || address(a) != address(b) || address(a) == address(line) {
		t.Errorf("%q is kept twice, or in its line", a)
	}
	for i := range maxOnce {
		rd.once(strconv.Itoa(i))
	}
	if len(rd.strings) != maxOnce {
		t.Errorf("%d strings are kept, want %d", len(rd.strings), maxOnce)
	}
	if s := rd.once("one too many"); s != "one too many" || rd.strings[s] != "" {
		t.Errorf("%q is kept beyond the bound", s)
	}
}
