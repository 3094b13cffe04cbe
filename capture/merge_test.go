package capture_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pcapmesh/pcapmesh/capture"
)

// timedReader reads a capture whose packets have the given seconds.
func timedReader(tb testing.TB, input uint32, tail string, seconds ...uint32) *capture.Reader {
	tb.Helper()
	o := binary.LittleEndian
	file := pcapFile(o, 0xa1b2c3d4, 1)
	for i, s := range seconds {
		text := fmt.Sprint("packet ", i+1)
		file = append(file, pcapRecord(o, s, 0, uint32(len(text)), text)...)
	}
	r, err := capture.NewReader(bytes.NewReader(append(file, tail...)), &capture.Options{Input: input, Buffer: 64})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// mergedText is what a Merger gives, "input.packet" each, "!" for an error.
func mergedText(tb testing.TB, m *capture.Merger) string {
	tb.Helper()
	var b strings.Builder
	for {
		p, err := m.Next()
		switch {
		case err == io.EOF:
			if _, again := m.Next(); again != io.EOF {
				tb.Fatalf("after the end: %v", again)
			}
			return strings.TrimSpace(b.String())
		case err != nil:
			if !errors.Is(err, capture.ErrTruncated) || p != nil {
				tb.Fatalf("packet %v, error %v", p, err)
			}
			b.WriteString("! ")
		default:
			if want := fmt.Sprint("packet ", p.Ref.Packet); string(p.Data) != want {
				tb.Fatalf("data = %q, want %q", p.Data, want)
			}
			fmt.Fprintf(&b, "%d.%d ", p.Ref.Input, p.Ref.Packet)
		}
	}
}

func TestMerger(t *testing.T) {
	type in struct {
		seconds []uint32
		tail    string
	}
	for _, c := range []struct {
		name string
		in   []in
		want string
	}{
		{"nothing", nil, ""},
		{"one", []in{{seconds: []uint32{3, 1, 2}}}, "0.1 0.2 0.3"},
		{"one cut", []in{{seconds: []uint32{1}, tail: "x"}}, "0.1 !"},
		{"two", []in{{seconds: []uint32{1, 4, 5}}, {seconds: []uint32{2, 3, 6}}}, "0.1 1.1 1.2 0.2 0.3 1.3"},
		{"same time", []in{{seconds: []uint32{1, 1, 2}}, {seconds: []uint32{1, 2, 2}}, {seconds: []uint32{1}}}, "0.1 0.2 1.1 2.1 0.3 1.2 1.3"},
		{"out of order", []in{{seconds: []uint32{5, 1}}, {seconds: []uint32{2, 6}}}, "1.1 0.1 0.2 1.2"},
		{"empty ones", []in{{}, {seconds: []uint32{1}}, {}}, "1.1"},
		{"cut in the middle", []in{{seconds: []uint32{1, 3}, tail: "x"}, {seconds: []uint32{2, 4, 5}}}, "0.1 1.1 0.2 ! 1.2 1.3"},
		{"cut at once", []in{{tail: "x"}, {seconds: []uint32{1}}, {tail: "y"}}, "! ! 1.1"},
		{"all cut", []in{{seconds: []uint32{1}, tail: "x"}, {seconds: []uint32{1}, tail: "x"}}, "0.1 ! 1.1 !"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rs []*capture.Reader
			for i, in := range c.in {
				rs = append(rs, timedReader(t, uint32(i), in.tail, in.seconds...))
			}
			if got := mergedText(t, capture.NewMerger(rs...)); got != c.want {
				t.Errorf("merged = %q, want %q", got, c.want)
			}
		})
	}
}

// TestMergerAgainstSort merges sorted inputs of which many times are equal.
func TestMergerAgainstSort(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		type stamp struct{ input, packet, second uint32 }
		var all []stamp
		var rs []*capture.Reader
		for i := range uint32(rng.IntN(9)) {
			seconds := make([]uint32, rng.IntN(20))
			for j := range seconds {
				seconds[j] = rng.Uint32N(12)
			}
			slices.Sort(seconds)
			for j, s := range seconds {
				all = append(all, stamp{i, uint32(j + 1), s})
			}
			rs = append(rs, timedReader(t, i, "", seconds...))
		}
		slices.SortStableFunc(all, func(a, b stamp) int { return int(a.second) - int(b.second) })
		var want []string
		for _, s := range all {
			want = append(want, fmt.Sprintf("%d.%d", s.input, s.packet))
		}
		if d := cmp.Diff(strings.Join(want, " "), mergedText(t, capture.NewMerger(rs...))); d != "" {
			t.Fatal(d)
		}
	}
}

// Of packets with one time those come first of which less is missing, whichever input has
// them.
func TestMergerPutsTheFullestFirst(t *testing.T) {
	o := binary.LittleEndian
	reader := func(input uint32, lens ...int) *capture.Reader {
		file := pcapFile(o, 0xa1b2c3d4, 1)
		for _, n := range lens {
			file = append(file, pcapRecord(o, 7, 0, 40, strings.Repeat("x", n))...)
		}
		r, err := capture.NewReader(bytes.NewReader(file), &capture.Options{Input: input})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	m := capture.NewMerger(reader(0, 20, 20), reader(1, 40, 30), reader(2, 40, 20))
	var got []string
	for {
		p, err := m.Next()
		if err == io.EOF {
			break
		}
		got = append(got, fmt.Sprintf("%d:%d", p.Ref.Input, len(p.Data)))
	}
	if want := "1:40 2:40 1:30 0:20 0:20 2:20"; strings.Join(got, " ") != want {
		t.Errorf("packets %v, want %s", got, want)
	}
}
