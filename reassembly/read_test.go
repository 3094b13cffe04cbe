package reassembly_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// twoLegs is a half-flow pair on lo and a connection on eth0, interleaved.
func twoLegs() *pcap.Connection {
	c := pcap.Conn("10.244.1.10:40000", "10.96.0.1:80").Redirect("127.0.0.1:15001").At(0, "lo")
	d := c.Trace.Conn("10.244.1.10:52538", "10.244.2.20:8080").At(1, "eth0")
	c.Handshake()
	c.Send("GET /a")
	d.Handshake()
	d.Send("get /a")
	d.Send(strings.Repeat("x", 3000))
	d.Send("after")
	d.Swap()
	d.Reply("200 ok")
	c.Reply("200 OK")
	c.Lose(1)
	c.Reply("more")
	c.Ack()
	d.Close()
	c.Close()
	return c
}

func openInputs(t *testing.T, files ...string) []*capture.Input {
	t.Helper()
	var inputs []*capture.Input
	for i, f := range files {
		in, err := capture.OpenInput(t.Context(), f, &capture.Options{Input: uint32(i), InterfaceName: []string{"lo", "eth0"}[i]})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close() })
		inputs = append(inputs, in)
	}
	return inputs
}

func index(t *testing.T, inputs []*capture.Input) (*reassembly.Table, *recorder, *reassembly.Facts) {
	t.Helper()
	table, rec := new(reassembly.Table), newRecorder(t)
	f, err := reassembly.Index(t.Context(), inputs, tcpip.NewPoints(), table, rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return table, rec, f
}

func TestIndexAndRead(t *testing.T) {
	c := twoLegs()
	inputs := openInputs(t,
		pcap.WriteFile(t, "lo.pcap", c.PCAP("lo")), pcap.WriteFile(t, "eth0.pcapng", c.PCAPNG("eth0")))
	table, first, facts := index(t, inputs)

	want := []string{"GET /a", "......more", "get /a" + strings.Repeat("x", 3000) + "after", "200 ok"}
	for i, w := range want {
		if got := first.text(reassembly.HalfID(i + 1)); got != w {
			t.Errorf("half %d = %q, want %q", i+1, got, w)
		}
	}
	if d := cmp.Diff([]string{"1<-2", "3<-4"}, first.binds); d != "" {
		t.Errorf("bound (-want +got):\n%s", d)
	}
	for i, n := range []int{9, 10} {
		f := facts.Inputs[i]
		if f.Packets != n || f.NonTCP != 0 || f.Err != nil {
			t.Errorf("input %d: %+v, want %d packets, all TCP", i, f, n)
		}
		if got := int(table.Packets(uint32(i))); got != n {
			t.Errorf("input %d: table has %d packets, want %d", i, got, n)
		}
	}

	if f, segs := facts.Inputs[0], c.Segments(); f.First != segs[0].Time || f.Last != segs[len(segs)-1].Time {
		t.Errorf("lo from %d to %d, want %d to %d", f.First, f.Last, segs[0].Time, segs[len(segs)-1].Time)
	}

	for id := reassembly.HalfID(1); int(id) <= table.Len(); id++ {
		var set reassembly.HalfSet
		set.Add(id)
		second := newRecorder(t)
		if err := reassembly.Read(t.Context(), inputs, table, &set, second); err != nil {
			t.Fatal(err)
		}
		compare(t, id, true, first, second)
		if len(second.halves) != 1 {
			t.Errorf("half %d alone: %d halves read", id, len(second.halves))
		}
	}
}

func TestReadNothing(t *testing.T) {
	inputs := openInputs(t, pcap.WriteFile(t, "lo.pcap", twoLegs().PCAP("lo")))
	table, _, _ := index(t, inputs)
	rec := newRecorder(t)
	if err := reassembly.Read(t.Context(), inputs, table, new(reassembly.HalfSet), rec); err != nil || len(rec.halves) != 0 {
		t.Errorf("Read of no half: %d halves, %v", len(rec.halves), err)
	}
}

func TestIndexTruncated(t *testing.T) {
	whole := twoLegs().PCAP("lo")
	inputs := openInputs(t, pcap.WriteFile(t, "lo.pcap", whole[:len(whole)-10]))
	table, first, facts := index(t, inputs)
	if f := facts.Inputs[0]; f.Packets != 8 || !errors.Is(f.Err, capture.ErrTruncated) {
		t.Errorf("facts: %d packets, error %v; want 8 and truncated", f.Packets, f.Err)
	}
	var set reassembly.HalfSet
	set.Add(1)
	second := newRecorder(t)
	if err := reassembly.Read(t.Context(), inputs, table, &set, second); err != nil {
		t.Fatal(err)
	}
	compare(t, 1, true, first, second)
}

func TestReadShrunk(t *testing.T) {
	path := pcap.WriteFile(t, "lo.pcap", twoLegs().PCAP("lo"))
	inputs := openInputs(t, path)
	table, _, _ := index(t, inputs)
	if err := os.Truncate(path, 200); err != nil {
		t.Fatal(err)
	}
	var set reassembly.HalfSet
	set.Add(1)
	if err := reassembly.Read(t.Context(), inputs, table, &set, newRecorder(t)); !errors.Is(err, capture.ErrChanged) {
		t.Errorf("error = %v, want ErrChanged", err)
	}
}

func TestIndexNoCapture(t *testing.T) {
	inputs := openInputs(t, pcap.WriteFile(t, "lo.pcap", []byte("GIF89a, not a capture at all")))
	_, err := reassembly.Index(t.Context(), inputs, tcpip.NewPoints(), new(reassembly.Table), newRecorder(t), nil)
	if !errors.Is(err, capture.ErrNotCapture) {
		t.Errorf("error = %v, want ErrNotCapture", err)
	}
}

// TestIndexNumbers gives inputs numbers with holes, against their order, one of which
// cannot be read: the others are.
func TestIndexNumbers(t *testing.T) {
	c := twoLegs()
	var inputs []*capture.Input
	for _, f := range []struct {
		number uint32
		data   []byte
	}{{5, c.PCAPNG("eth0")}, {1, []byte("GIF89a, not a capture at all")}, {2, c.PCAP("lo")}} {
		in, err := capture.OpenInput(t.Context(), pcap.WriteFile(t, "x", f.data), &capture.Options{Input: f.number})
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		inputs = append(inputs, in)
	}
	table, first, facts := index(t, inputs)
	for i, want := range []int{10, 0, 9} {
		f, n := facts.Inputs[i], table.Packets(inputs[i].Number())
		if f.Packets != want || f.NonTCP != 0 || int(n) != want || errors.Is(f.Err, capture.ErrNotCapture) != (want == 0) {
			t.Errorf("input %d: %+v, %d with a half; want %d packets", inputs[i].Number(), f, n, want)
		}
	}
	for id := reassembly.HalfID(1); int(id) <= table.Len(); id++ {
		var set reassembly.HalfSet
		set.Add(id)
		second := newRecorder(t)
		if err := reassembly.Read(t.Context(), inputs, table, &set, second); err != nil {
			t.Fatal(err)
		}
		compare(t, id, true, first, second)
	}
}

// A stopper cancels when it is given the first bytes.
type stopper struct {
	*recorder
	stop func()
}

func (s stopper) Bytes(at reassembly.At, p []byte) int64 { s.stop(); return s.recorder.Bytes(at, p) }

// TestStop cancels before and while it is read: it is soon over, and nobody is told
// that the halves have ended.
func TestStop(t *testing.T) {
	c := pcap.Conn(client, server).At(0, "lo")
	for range 3000 {
		c.Send("x")
		c.AckReply()
	}
	inputs := openInputs(t, pcap.WriteFile(t, "x.pcap", c.PCAP("lo")))
	table, _, _ := index(t, inputs)
	var all reassembly.HalfSet
	all.Add(1)
	for name, read := range map[string]func(ctx context.Context, c reassembly.Consumer) error{
		"Index": func(ctx context.Context, c reassembly.Consumer) error {
			_, err := reassembly.Index(ctx, inputs, tcpip.NewPoints(), new(reassembly.Table), c, nil)
			return err
		},
		"Read": func(ctx context.Context, c reassembly.Consumer) error {
			return reassembly.Read(ctx, inputs, table, &all, c)
		},
	} {
		ctx, stop := context.WithCancel(t.Context())
		rec := newRecorder(t)
		if err := read(ctx, stopper{rec, stop}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want that it was cancelled", name, err)
		}
		if h := rec.halves[1]; h == nil || h.closed || h.off == 0 || h.off > 512 {
			t.Errorf("%s: half 1 is %+v, want it open with at most 512 bytes", name, h)
		}
		rec = newRecorder(t)
		if err := read(ctx, rec); !errors.Is(err, context.Canceled) || len(rec.halves) != 0 {
			t.Errorf("%s: %v, %d halves; want that it was cancelled before", name, err, len(rec.halves))
		}
	}
}
