package judge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// borders returns where the records of a capture begin and where the last one
// ends.
func borders(packets []*capture.Packet, size int64) []int64 {
	var all []int64
	for _, p := range packets {
		all = append(all, p.Offset)
	}
	return append(all, size)
}

// cuts returns offsets at which to cut a capture: n spread over it, and those
// around a few borders of records.
func cuts(at []int64, n int) []int64 {
	size := at[len(at)-1]
	var all []int64
	for i := range n {
		all = append(all, size*int64(i)/int64(n)+int64(i)%7)
	}
	for _, i := range []int{0, 1, len(at) / 2, len(at) - 2} {
		if i >= 0 && i < len(at) {
			all = append(all, at[i]-1, at[i], at[i]+1, at[i]+16)
		}
	}
	all = slices.DeleteFunc(all, func(c int64) bool { return c < 0 || c >= size })
	slices.Sort(all)
	return slices.Compact(all)
}

// A capture that ends anywhere gives every packet before the cut, and says
// where it ends if that is inside a record.
func TestCutCapture(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		for _, in := range s.inputs {
			data, err := os.ReadFile(in.Name)
			if err != nil {
				t.Fatal(err)
			}
			whole := packets(t, in.Name)
			packed := strings.HasSuffix(in.Name, ".gz")
			at := borders(whole, int64(len(data)))
			if packed {
				at = []int64{0, int64(len(data))}
			}
			for _, c := range cuts(at, 60) {
				if s := readCut(data[:c], at, whole, packed); s != "" {
					t.Errorf("%s cut at %d: %s", in.Name, c, s)
				}
			}
		}
	})
}

// readCut says what is wrong with how a capture cut at its end is read. Of a
// compressed one only the compressed bytes are cut: then less is known.
func readCut(data []byte, at []int64, whole []*capture.Packet, packed bool) string {
	r, err := capture.NewReader(strings.NewReader(string(data)), nil)
	n := 0
	if err == nil {
		defer r.Close()
		for {
			var p *capture.Packet
			if p, err = r.Next(); err != nil {
				break
			}
			if n == len(whole) || string(p.Data) != string(whole[n].Data) || p.Time != whole[n].Time {
				return fmt.Sprintf("packet %d is another one", n+1)
			}
			n++
		}
	}
	if packed {
		return ""
	}
	end := int64(len(data))
	want, clean := 0, false
	for i, b := range at {
		if b <= end {
			want, clean = i, b == end
		}
	}
	switch {
	case n != want && end >= at[0]:
		return fmt.Sprintf("%d packets, expected %d (%v)", n, want, err)
	case clean && err != io.EOF:
		return fmt.Sprintf("error %v after %d whole packets", err, n)
	case !clean && err == io.EOF && (r == nil || r.Format() == "pcap"):
		return "no error though the end is missing"
	case !clean && err != io.EOF && !errors.Is(err, capture.ErrTruncated) && !errors.Is(err, capture.ErrNotCapture):
		return fmt.Sprintf("error %v, expected one that says truncated", err)
	}
	return ""
}

// What is found in a capture that is cut inside a record is what is found in
// one that ends before that record.
func TestCutStitch(t *testing.T) {
	wide(t, func(t *testing.T, s *scene) {
		i := len(s.inputs) - 1
		data, err := os.ReadFile(s.inputs[i].Name)
		if err != nil {
			t.Fatal(err)
		}
		whole := packets(t, s.inputs[i].Name)
		if strings.HasSuffix(s.inputs[i].Name, ".gz") || len(whole) == 0 {
			t.Skip("needs an uncompressed last file with packets")
		}
		at := borders(whole, int64(len(data)))
		for _, k := range []int{1, len(whole) / 4, len(whole) / 2, len(whole) * 3 / 4, len(whole) - 1} {
			if k+1 >= len(at) || k+1 == len(whole) && strings.HasSuffix(s.inputs[i].Name, "ng") {
				continue // what follows the last packet of a pcapng file are statistics
			}
			border, middle := s.cut(t, i, data[:at[k]]), s.cut(t, i, data[:(at[k]+at[k+1])/2])
			in := middle.Inputs[i]
			var e *capture.Error
			switch {
			case in.Packets != k || !in.Truncated || !errors.Is(in.Err, capture.ErrTruncated):
				t.Errorf("cut in packet %d: %d packets read, truncated %v, %v", k+1, in.Packets, in.Truncated, in.Err)
			case !errors.As(in.Err, &e) || e.File != in.Name || e.Packet != k+1 || e.Offset != at[k] || strings.Contains(e.Error(), "\n"):
				t.Errorf("cut in packet %d at %d: the error says %v", k+1, at[k], in.Err)
			}
			if border.Inputs[i].Err != nil {
				t.Errorf("cut after packet %d: %v", k, border.Inputs[i].Err)
			}
			if d := changes(canonical(border, nil, nil), canonical(middle, nil, nil)); len(d) > 0 {
				t.Errorf("cut in packet %d: differs from what %d whole packets show: %q", k+1, k, d[:min(len(d), 6)])
			}
			if _, err := middle.WriteCapture(t.Context(), io.Discard, nil); err != nil {
				t.Errorf("cut in packet %d: %v", k+1, err)
			}
		}
	})
}

// cut stitches the scene with other contents of input i.
func (s *scene) cut(t *testing.T, i int, data []byte) *mesh.Result {
	inputs := slices.Clone(s.inputs)
	inputs[i].Name = pcap.WriteFile(t, "cut"+filepath.Ext(inputs[i].Name), data)
	return stitch(t, inputs, mesh.Options{})
}

// Inputs that are no captures are named in one line each; the others count as
// if they were alone.
func TestNoCapture(t *testing.T) {
	s := load(t, filepath.Join(pcaps, "inbound-plain-pooled-truth.json"))
	want := canonical(s.stitch(t, mesh.Options{}), nil, nil)
	good := s.inputs[0].Name
	for _, tt := range []struct {
		name, file string
		is         error
	}{
		{"an empty file", pcap.WriteFile(t, "empty.pcap", nil), capture.ErrNotCapture},
		{"a text", pcap.WriteFile(t, "notes.txt", []byte(strings.Repeat("not a capture\n", 100))), capture.ErrNotCapture},
		{"a short text", pcap.WriteFile(t, "x.txt", []byte("x")), capture.ErrNotCapture},
		{"a packed text", pcap.WriteFile(t, "x.gz", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03junk")), nil},
		{"a directory", t.TempDir(), capture.ErrNotCapture},
		{"the null device", os.DevNull, nil},
		{"a file that does not exist", filepath.Join(t.TempDir(), "none.pcap"), os.ErrNotExist},
		{"the same file twice", good, mesh.ErrRepeated},
		{"the same file under another name", link(t, good), mesh.ErrRepeated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.settle(t, tt.name, besides(t.Context(), s.inputs, tt.file, tt.is, want))
			if tt.file == good || strings.HasSuffix(tt.file, "linked.pcap") {
				return
			}
			if alone, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: tt.file}}, nil); err == nil && alone.Inputs[0].Err == nil {
				t.Error("alone: no error")
			}
		})
	}
}

// besides stitches good inputs and a bad one, and says what is wrong with what
// comes out: the error is one line with the file's name, and all else is as
// without the file.
func besides(ctx context.Context, good []mesh.Input, bad string, is error, want []string) (complaints []string) {
	r, err := mesh.Stitch(ctx, append(slices.Clone(good), mesh.Input{Name: bad}), &mesh.Options{Reread: true})
	if r == nil {
		return []string{fmt.Sprintf("nothing comes out: %v", err)}
	}
	defer r.Close()
	var e *mesh.InputError
	if said := errors.As(err, &e); said == errors.Is(is, mesh.ErrRepeated) || said && (e.Input != len(good) || e.Name != bad) {
		complaints = append(complaints, fmt.Sprintf("besides what comes out: error %v", err))
	}
	switch err := r.Inputs[len(r.Inputs)-1].Err; {
	case err == nil || is != nil && !errors.Is(err, is):
		complaints = append(complaints, fmt.Sprintf("error %v, expected %v", err, is))
	case !strings.Contains(err.Error(), bad) || strings.Contains(err.Error(), "\n"):
		complaints = append(complaints, fmt.Sprintf("error %q: not one line with the file", err))
	}
	return append(complaints, changes(want, canonical(r, nil, nil))...)
}

func link(t *testing.T, file string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "linked.pcap")
	abs, err := filepath.Abs(file)
	if err == nil {
		err = os.Symlink(abs, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// Inputs are never written to, other programs' files are not replaced, and a
// failure leaves nothing behind.
func TestOutput(t *testing.T) {
	s := load(t, filepath.Join(pcaps, "inbound-plain-pooled-truth.json"))
	dir := t.TempDir()
	var inputs []mesh.Input
	for _, in := range s.inputs {
		data, err := os.ReadFile(in.Name)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, filepath.Base(in.Name))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, mesh.Input{Name: name})
	}
	r := stitch(t, inputs, mesh.Options{})
	foreign := filepath.Join(dir, "foreign.pcapng")
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "stitched.pcapng")
	for _, tt := range []struct {
		name, file string
		force      bool
		is         error
	}{
		{"an input", inputs[0].Name, false, mesh.ErrOutputIsInput},
		{"an input, forced", inputs[1].Name, true, mesh.ErrOutputIsInput},
		{"a stranger's file", foreign, false, mesh.ErrOutputExists},
		{"a new file", out, false, nil},
		{"our own file", out, false, nil},
		{"a stranger's file, forced", foreign, true, nil},
	} {
		if _, err := r.WriteFile(t.Context(), tt.file, &mesh.WriteOptions{Replace: tt.force}); !errors.Is(err, tt.is) || (err == nil) != (tt.is == nil) {
			t.Errorf("%s: %v, expected %v", tt.name, err, tt.is)
		}
	}
	before := listing(t, dir)
	if err := os.Truncate(inputs[1].Name, 5000); err != nil {
		t.Fatal(err)
	}
	if _, err := r.WriteFile(t.Context(), filepath.Join(dir, "late.pcapng"), nil); !errors.Is(err, capture.ErrChanged) || !strings.Contains(err.Error(), inputs[1].Name) {
		t.Errorf("an input that shrank: %v, expected %v", err, capture.ErrChanged)
	}
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("left behind: %v, before %v", after, before)
	}
}

func listing(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
