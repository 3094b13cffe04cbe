package mesh_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/linktype"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

const (
	pcaps = "../testdata/pcaps/"
	eth0  = pcaps + "inbound-plain-eth0.pcap"
	lo    = pcaps + "inbound-plain-lo.pcap"
)

// read returns a whole file.
func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// packed returns data as gzip makes it.
func packed(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(data)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// stitched is what came out, and the capture made of it.
type stitched struct {
	Legs, Joins, Paths any
	File               []byte
}

// stitch stitches inputs that are whole.
func stitch(t testing.TB, inputs []mesh.Input, o *mesh.Options) stitched {
	t.Helper()
	r, err := mesh.Stitch(t.Context(), inputs, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var file bytes.Buffer
	if _, err := r.WriteCapture(t.Context(), &file, nil); err != nil {
		t.Fatal(err)
	}
	return stitched{r.Legs, r.Joins, r.Paths, file.Bytes()}
}

// An input may be a file, something that can be opened again, or a stream: what comes
// out is the same.
func TestInputs(t *testing.T) {
	opened := func(data []byte) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	}
	files := os.DirFS(pcaps)
	of := func(name string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return files.Open(filepath.Base(name)) }
	}
	want := stitch(t, []mesh.Input{{Name: eth0}, {Name: lo}}, nil)
	if len(want.File) < 10000 {
		t.Fatalf("a capture of %d bytes", len(want.File))
	}
	for name, in := range map[string][2]mesh.Input{
		"of a file system": {{Name: eth0, Open: of(eth0)}, {Name: lo, Open: of(lo)}},
		"packed":           {{Name: eth0, Open: opened(packed(t, read(t, eth0)))}, {Name: lo, Open: opened(read(t, lo))}},
		"streams":          {{Name: eth0, Reader: bytes.NewReader(read(t, eth0))}, {Name: lo, Reader: bytes.NewReader(packed(t, read(t, lo)))}},
	} {
		t.Run(name, func(t *testing.T) {
			got := stitch(t, in[:], &mesh.Options{Reread: true})
			if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
				t.Errorf("not as from files (- files, +):\n%.2000s", diff)
			}
		})
	}
}

// A stream that is not kept can be read, and cannot be read again.
func TestStreamThatIsNotKept(t *testing.T) {
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: "upload", Reader: bytes.NewReader(read(t, eth0))}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.WriteCapture(t.Context(), io.Discard, nil); err == nil || !strings.HasPrefix(err.Error(), "upload: ") || len(r.Legs) == 0 {
		t.Errorf("%d legs, and then %v, want a reason why it cannot be read again", len(r.Legs), err)
	}
}

// What is wrong with an input comes beside what can be had of the others, or, if there
// is nothing, alone.
func TestInputErrors(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.pcap")
	broken := errors.New("broken")
	text := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("not a capture")), nil }
	cut := read(t, lo)
	torn := bytes.Clone(cut)
	copy(torn[len(torn)/2:], bytes.Repeat([]byte{0xff}, 4096))
	for _, tt := range []struct {
		name  string
		input mesh.Input
		is    error  // what the error is; nil: there is none
		want  string // how it begins
	}{
		{"a file that is not there", mesh.Input{Name: none}, os.ErrNotExist, "open " + none},
		{"what cannot be opened", mesh.Input{Name: "store", Open: func() (io.ReadCloser, error) { return nil, broken }}, broken, "store: broken"},
		{"no capture", mesh.Input{Name: "text", Open: text}, capture.ErrNotCapture, "text: "},
		{"a directory", mesh.Input{Name: pcaps}, capture.ErrNotCapture, pcaps},
		{"corrupt in the middle", mesh.Input{Name: "torn", Reader: bytes.NewReader(torn)}, capture.ErrTooLarge, "torn: packet "},
		{"cut off in its header", mesh.Input{Name: "head", Reader: bytes.NewReader(cut[:10])}, capture.ErrTruncated, "head: "},
		{"cut off at its end", mesh.Input{Name: "cut", Reader: bytes.NewReader(cut[:len(cut)-5])}, nil, ""},
		{"given twice", mesh.Input{Name: eth0}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}, tt.input}, nil)
			if r == nil {
				t.Fatalf("nothing comes out: %v", err)
			}
			defer r.Close()
			var e *mesh.InputError
			switch {
			case (err == nil) != (tt.is == nil) || err != nil && !errors.Is(err, tt.is):
				t.Errorf("error %v, want %v", err, tt.is)
			case err != nil && (!errors.As(err, &e) || e.Input != 1 || e.Name != tt.input.Name || !strings.HasPrefix(err.Error(), tt.want)):
				t.Errorf("error %v of input %+v, want it to begin with %q", err, e, tt.want)
			}
			if len(r.Legs) == 0 || r.Inputs[0].Err != nil || r.Inputs[1].Name != tt.input.Name || r.Inputs[1].Err == nil {
				t.Errorf("%d legs of inputs %+v", len(r.Legs), r.Inputs)
			}
			if tt.input.Reader == nil { // what could not be read is left out
				if sum, err := r.WriteCapture(t.Context(), io.Discard, nil); err != nil || sum.Packets == 0 {
					t.Errorf("written: %+v, %v", sum, err)
				}
			}
		})
	}
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: none}, {Name: "text", Open: text}}, nil)
	if r != nil || !errors.Is(err, os.ErrNotExist) || !errors.Is(err, capture.ErrNotCapture) {
		t.Errorf("of nothing %v comes out, and %v", r, err)
	}
	_, err = mesh.Stitch(t.Context(), []mesh.Input{{Name: "a", Reader: strings.NewReader("one text")}, {Name: "b", Reader: strings.NewReader("two texts")}}, nil)
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], "a: ") || !strings.HasPrefix(lines[1], "b: ") {
		t.Errorf("of two that are no captures: %v", err)
	}
	if r, err := mesh.Stitch(t.Context(), nil, nil); r != nil || err == nil {
		t.Errorf("of no inputs %v, %v", r, err)
	}
	if _, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}}, &mesh.Options{KeyLogs: []string{none}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without its key log: %v", err)
	}
}

// After Close everything says so, and what was found can still be looked at.
func TestClosed(t *testing.T) {
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}, {Name: lo}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, written := r.WriteCapture(t.Context(), io.Discard, nil)
	_, named := r.WriteFile(t.Context(), filepath.Join(t.TempDir(), "out"), nil)
	errs := []error{written, named}
	for _, err := range r.Follow(t.Context(), 0, mesh.AllExchanges) {
		errs = append(errs, err)
	}
	for _, err := range r.Packets(t.Context(), 0) {
		errs = append(errs, err)
	}
	for _, err := range errs {
		if err != mesh.ErrClosed {
			t.Errorf("%v, want that it is closed", err)
		}
	}
	if len(errs) != 4 || len(r.Paths) == 0 || r.Paths[0].Client.String() == "" {
		t.Errorf("%d errors, %d paths", len(errs), len(r.Paths))
	}
}

// The packets of a leg are those that were counted, in the order of time, and no others.
func TestPackets(t *testing.T) {
	for _, in := range [][]mesh.Input{{{Name: eth0}, {Name: lo}}, {{Name: pcaps + "any-sll2-any.pcap"}}} {
		r, err := mesh.Stitch(t.Context(), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		seen := make(map[capture.Ref]int)
		for i, l := range r.Legs {
			n, last := 0, capture.Time(0)
			for p, err := range r.Packets(t.Context(), i) {
				if err != nil {
					t.Fatal(err)
				}
				if of, twice := seen[p.Ref]; twice || p.Time < last || p.Time < l.Start || p.Time > l.End || len(p.Data) == 0 {
					t.Fatalf("leg %d: packet %v at %v, after %v, also of leg %d (%v)", i, p.Ref, p.Time, last, of, twice)
				}
				n, last = n+1, p.Time
				seen[p.Ref] = i
			}
			if want := l.OrigPackets + l.ReplyPackets; n != want {
				t.Errorf("leg %d: %d packets, want %d", i, n, want)
			}
		}
		for range r.Packets(t.Context(), 0) { // an early end is one
			break
		}
	}
}

// A second reading that fails is an error, unless it could not be expected: of a stream
// that is not kept what was read first counts.
func TestSecondReading(t *testing.T) {
	const keys, eth0, lo = pcaps + "mtls-http-keys.txt", pcaps + "mtls-http-eth0.pcap.gz", pcaps + "mtls-http-lo.pcap.gz"
	down, opened := errors.New("the store is down"), 0
	store := func() (io.ReadCloser, error) {
		if opened++; opened > 1 {
			return nil, down
		}
		return os.Open(eth0)
	}
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: "store", Open: store}, {Name: lo}}, &mesh.Options{KeyLogs: []string{keys}})
	if r != nil || !errors.Is(err, down) {
		t.Errorf("%v, %v, want that the store is down", r, err)
	}
	for _, kept := range []bool{false, true} {
		r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: "stream", Reader: bytes.NewReader(read(t, eth0))}, {Name: lo}}, &mesh.Options{KeyLogs: []string{keys}, Reread: kept})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if decrypted := slices.ContainsFunc(r.Legs, func(l *flow.Leg) bool { return l.Decrypted }); decrypted != kept {
			t.Errorf("kept %v: decrypted %v", kept, decrypted)
		}
	}
}

// Numbers that name nothing are errors that say how many there are.
func TestNothingOfThatNumber(t *testing.T) {
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}, {Name: lo}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	check := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "there are ") {
			t.Errorf("%v, want %v", err, want)
		}
	}
	for _, n := range []int{-1, len(r.Paths)} {
		for _, err := range r.Follow(t.Context(), n, mesh.AllExchanges) {
			check(err, mesh.ErrNoPath)
		}
	}
	for _, err := range r.Follow(t.Context(), 0, len(r.Paths[0].Exchanges)) {
		check(err, mesh.ErrNoExchange)
	}
	for _, n := range []int{-1, len(r.Legs)} {
		for _, err := range r.Packets(t.Context(), n) {
			check(err, mesh.ErrNoLeg)
		}
	}
}

// settled waits until no more goroutines run than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for range 500 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

// One exchange of a path is what both ends said in it, and no more.
func TestFollowOneExchange(t *testing.T) {
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: eth0}, {Name: lo}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	said := func(exchange int) (text [2]string) {
		for c, err := range r.Follow(t.Context(), 0, exchange) {
			if err != nil {
				t.Fatal(err)
			}
			if c.Reply {
				text[1] += string(c.Data)
			} else {
				text[0] += string(c.Data)
			}
		}
		return text
	}
	var all [2]string
	for k := range r.Paths[0].Exchanges {
		one := said(k)
		if strings.Count(one[0], "GET ") != 1 || strings.Count(one[1], "HTTP/1.1 ") != 1 {
			t.Errorf("exchange %d: %.200q", k, one)
		}
		all[0], all[1] = all[0]+one[0], all[1]+one[1]
	}
	if all != said(mesh.AllExchanges) || len(r.Paths[0].Exchanges) < 2 {
		t.Errorf("the exchanges put together are not the whole path: %.200q", all)
	}
}

// Files of one pod are read together: a connection that goes on in the next file is one.
func TestFilesOfOnePod(t *testing.T) {
	names, err := filepath.Glob(pcaps + "rotated-*.pcap*")
	if err != nil || len(names) < 3 {
		t.Fatal(names, err)
	}
	var inputs, apart []mesh.Input
	for i, n := range names {
		inputs = append(inputs, mesh.Input{Name: n})
		apart = append(apart, mesh.Input{Name: n, Pod: string(rune('a' + i))})
	}
	count := func(inputs []mesh.Input) (legs, midstream int) {
		r, err := mesh.Stitch(t.Context(), inputs, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, l := range r.Legs {
			if l.Midstream {
				midstream++
			}
		}
		return len(r.Legs), midstream
	}
	legs, midstream := count(inputs)
	if torn, _ := count(apart); midstream != 0 || legs == 0 || torn <= legs {
		t.Errorf("%d legs, %d of them from the middle; %d if every file is a pod's", legs, midstream, torn)
	}
}

// Where an input shows no point by name, and nothing tells it, that stays unknown.
func TestPointsUnknown(t *testing.T) {
	var file bytes.Buffer
	w := capture.NewWriter(&file, nil)
	_, err := w.AddInterface(capture.Interface{Link: linktype.Ethernet})
	if err := errors.Join(err, w.WritePacket(0, 1, 0, 0, nil, make([]byte, 60)), w.Flush()); err != nil {
		t.Fatal(err)
	}
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: "nothing", Reader: &file}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, want := r.Inputs[0].Points, []mesh.InputPoint{{Link: linktype.Ethernet}}; !slices.Equal(got, want) {
		t.Errorf("points %+v, want %+v", got, want)
	}
}
