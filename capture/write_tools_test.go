package capture_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
)

// runTool runs a program on a capture and returns what it prints.
func runTool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("needs " + name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.WaitDelay = 30 * time.Second
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, &complaints)
	}
	for line := range strings.Lines(complaints.String()) {
		if !strings.Contains(line, "Running as user") && !strings.Contains(line, "reading from file") {
			t.Errorf("%s: %s", name, line)
		}
	}
	return out.String()
}

func writtenFile(t *testing.T) (string, []capture.Packet) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.pcapng")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return path, plainCapture(t, f)
}

// plainCapture writes what every reader of pcapng can show: packets that are
// within libpcap's limits, and interfaces alike.
func plainCapture(tb testing.TB, dst io.Writer) []capture.Packet {
	tb.Helper()
	w := capture.NewWriter(dst, &capture.WriterOptions{Application: "pcapmesh", Comments: []string{"of the section"}})
	for _, name := range []string{"eth0", "lo"} {
		if _, err := w.AddInterface(capture.Interface{Name: name, Link: 1, Filter: "tcp", Comments: []string{"of " + name}}); err != nil {
			tb.Fatal(err)
		}
	}
	err := errors.Join(w.WriteNames(fullNames()), w.WriteSecret(capture.Secret{Type: 0x544c534b, Data: []byte("# none\n")}))
	var want []capture.Packet
	for i := range 50 {
		p := capture.Packet{Time: capture.Time(1_700_000_000_000_000_001 + int64(i)*1e6), Interface: i % 2, WireLen: uint32(1000 + i),
			Flags: uint32(i%2 + 1), Data: append(append(make([]byte, 12), 0x88, 0xb5), make([]byte, i)...)}
		if i%3 == 0 {
			p.Comments = []string{"note"}
		}
		want = append(want, p)
		err = errors.Join(err, w.WritePacket(p.Interface, p.Time, p.WireLen, p.Flags, p.Comments, p.Data[:14], p.Data[14:]))
	}
	if err := errors.Join(err, w.Flush()); err != nil {
		tb.Fatal(err)
	}
	return want
}

func TestWriterWithTshark(t *testing.T) {
	path, want := writtenFile(t)
	out := runTool(t, "tshark", "-r", path, "-T", "fields", "-E", "separator=|", "-e", "frame.time_epoch", "-e", "frame.len",
		"-e", "frame.cap_len", "-e", "frame.interface_name", "-e", "frame.comment")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(want) {
		t.Fatalf("tshark shows %d packets, want %d", len(lines), len(want))
	}
	if got, want := lines[3], "1700000000.003000001|1003|17|lo|note"; got != want {
		t.Errorf("packet 4 = %q, want %q", got, want)
	}
}

func TestWriterWithCapinfos(t *testing.T) {
	path, _ := writtenFile(t)
	out := runTool(t, "capinfos", path)
	for _, want := range []string{"Capture application: pcapmesh", "Number of packets:   50", "Capture comment:     of the section", "Number of interfaces in file: 2", "Name = lo"} {
		if !strings.Contains(out, want) {
			t.Errorf("capinfos does not print %q:\n%s", want, out)
		}
	}
}

func TestWriterWithTcpdump(t *testing.T) {
	path, want := writtenFile(t)
	out := runTool(t, "tcpdump", "-n", "-r", path)
	if n := strings.Count(out, "ethertype Unknown"); n < len(want) {
		t.Errorf("tcpdump shows %d packets, want %d:\n%s", n, len(want), out)
	}
}
