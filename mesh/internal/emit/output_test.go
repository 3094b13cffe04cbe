package emit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// capturedBy is a capture that the given program wrote.
func capturedBy(program string) []byte {
	var b bytes.Buffer
	w := capture.NewWriter(&b, &capture.WriterOptions{Application: program})
	if err := w.Flush(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// A file is replaced if we wrote it, or if that is asked for; never an input.
func TestWhatIsReplaced(t *testing.T) {
	input := pcap.WriteFile(t, "in.pcapng", capturedBy("pcapmesh"))
	in, err := capture.OpenInput(t.Context(), input, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(input, link); err != nil {
		t.Fatal(err)
	}
	s := &Source{Index: new(index.Index), Inputs: []*capture.Input{nil, in}}
	for _, tt := range []struct {
		name    string
		file    string // what it holds
		path    string // in place of file
		replace bool
		want    error // nil: it is written
	}{
		{"a new file", "", filepath.Join(t.TempDir(), "new"), false, nil},
		{"ours", string(capturedBy("pcapmesh")), "", false, nil},
		{"ours, of some version", string(capturedBy("pcapmesh 1.2")), "", false, nil},
		{"another program's", string(capturedBy("dumpcap")), "", false, ErrOutputExists},
		{"one with a name like ours", string(capturedBy("pcapmeshed")), "", false, ErrOutputExists},
		{"another program's, asked for", string(capturedBy("dumpcap")), "", true, nil},
		{"no capture", "a letter", "", false, ErrOutputExists},
		{"no capture, asked for", "a letter", "", true, nil},
		{"an input", "", input, false, ErrOutputIsInput},
		{"an input, asked for", "", input, true, ErrOutputIsInput},
		{"an input by another name", "", link, true, ErrOutputIsInput},
	} {
		t.Run(tt.name, func(t *testing.T) {
			name := tt.path
			if name == "" {
				name = pcap.WriteFile(t, "out.pcapng", []byte(tt.file))
			}
			before, _ := os.ReadFile(name)
			_, err := s.WriteFile(t.Context(), name, Options{Replace: tt.replace})
			if !errors.Is(err, tt.want) || err != nil && !strings.HasPrefix(err.Error(), name+": ") {
				t.Fatalf("error %v, want %v of %s", err, tt.want, name)
			}
			after, _ := os.ReadFile(name)
			if written := !bytes.Equal(before, after) || tt.file == string(capturedBy("pcapmesh")); written != (err == nil) {
				t.Errorf("written: %v, error %v", written, err)
			}
			if err == nil && !writtenByUs(name) {
				t.Error("what is written cannot be replaced again")
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(name), ".*")); len(left) > 0 {
				t.Errorf("temporary files are left: %q", left)
			}
		})
	}
}

func TestWriteFileElsewhere(t *testing.T) {
	s := &Source{Index: new(index.Index)}
	dir := t.TempDir()
	for _, tt := range []struct{ name, path, want string }{
		{"a directory", dir, dir + ": is a directory"},
		{"in no directory", filepath.Join(dir, "none", "out"), filepath.Join(dir, "none", "out") + ": no such file or directory"},
		{"behind a file", filepath.Join(pcap.WriteFile(t, "file", nil), "out"), "not a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := s.WriteFile(t.Context(), tt.path, Options{Replace: true}); err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Errorf("error %v, want one that ends in %q", err, tt.want)
			}
		})
	}
	if _, err := s.WriteFile(t.Context(), os.DevNull, Options{}); err != nil {
		t.Errorf("a device: %v, want it to be written to", err)
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Errorf("a device was replaced: %v, %v", info, err)
	}
}

// A file with secrets is for its owner only.
func TestModeOfOutput(t *testing.T) {
	for keys, want := range map[bool]os.FileMode{false: 0o644, true: 0o600} {
		name := filepath.Join(t.TempDir(), "out.pcapng")
		if _, err := (&Source{Index: new(index.Index)}).WriteFile(t.Context(), name, Options{EmbedKeys: keys}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil || info.Mode() != want {
			t.Errorf("with secrets %v: mode %v, %v, want %v", keys, info.Mode(), err, want)
		}
	}
}

// What cannot be written to its end leaves nothing behind, and what was there
// before stays.
func TestWriteFileFails(t *testing.T) {
	tr := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80")
	tr.Handshake()
	name := pcap.WriteFile(t, "in.pcapng", tr.PCAPNG())
	s := sourceOf(t, name)
	if err := os.Truncate(name, 100); err != nil {
		t.Fatal(err)
	}
	out := pcap.WriteFile(t, "out.pcapng", capturedBy("pcapmesh"))
	if _, err := s.WriteFile(t.Context(), out, Options{}); err == nil {
		t.Error("a capture that was cut after it was read is no error")
	}
	if got, err := os.ReadFile(out); err != nil || !slices.Equal(got, capturedBy("pcapmesh")) {
		t.Errorf("what was there is %d bytes, %v, want it as it was", len(got), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
		t.Errorf("%d files beside it, want none", len(left)-1)
	}
}
