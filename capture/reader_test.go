package capture_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
)

func TestOpenFaults(t *testing.T) {
	dir := t.TempDir()
	cases := []struct {
		name, path string
		kind       error
		text       string
	}{
		{"directory", dir, capture.ErrNotCapture, dir + ": no capture file: a directory"},
		{"missing", dir + "/missing", os.ErrNotExist, "open " + dir + "/missing: no such file or directory"},
		{"empty", writeTemp(t, "empty", nil), capture.ErrNotCapture, "no capture file: empty"},
		{"device", os.DevNull, capture.ErrNotCapture, os.DevNull + ": no capture file: empty"},
		{"text", writeTemp(t, "text", []byte("hello\nworld\n")), capture.ErrNotCapture, `text: no capture file: text that begins with "hello"`},
	}
	secret := writeTemp(t, "secret", noisyCapture(1))
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	if f, err := os.Open(secret); err == nil {
		f.Close() // root may read everything
	} else {
		cases = append(cases, cases[0])
		c := &cases[len(cases)-1]
		c.name, c.path, c.kind, c.text = "unreadable", secret, os.ErrPermission, "permission denied"
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := capture.Open(c.path, nil)
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error = %v, want %q", err, c.text)
			}
		})
	}
}

func TestOpen(t *testing.T) {
	file := noisyCapture(20)
	for how, path := range inputs(t, file) {
		var seen []int64
		r, err := capture.Open(path, &capture.Options{Input: 9, Progress: func(n int64) { seen = append(seen, n) }})
		if err != nil {
			t.Fatal(how, err)
		}
		n := 0
		for p, err := range r.Packets() {
			if err != nil {
				t.Fatal(how, err)
			}
			if n++; p.Ref != (capture.Ref{Input: 9, Packet: uint32(n)}) {
				t.Fatal(how, p.Ref)
			}
		}
		if n != 20 {
			t.Errorf("%s: %d packets", how, n)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && seen[len(seen)-1] != info.Size() {
			t.Errorf("%s: progress %v of %d bytes", how, seen, info.Size())
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestReadAfterClose(t *testing.T) {
	r, err := capture.Open(writeTemp(t, "a", noisyCapture(2)), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	kept := keepPacket(p)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	samePackets(t, []capture.Packet{*p}, []capture.Packet{kept})
	if _, err := r.Next(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error = %v, want %v", err, os.ErrClosed)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestPacketsStops leaves the loop and goes on later.
func TestPacketsStops(t *testing.T) {
	_, r, _ := readBytes(t, noisyCapture(2), nil)
	for range r.Packets() {
		t.Error("packet after the end")
	}
	r, err := capture.NewReader(strings.NewReader(string(noisyCapture(3))), nil)
	if err != nil {
		t.Fatal(err)
	}
	for range r.Packets() {
		break
	}
	if p, err := r.Next(); err != nil || p.Ref.Packet != 2 {
		t.Errorf("next = %v, %v", p, err)
	}
}
