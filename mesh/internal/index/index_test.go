package index_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// three reads three pods that have four, none and two halves.
func three(t *testing.T) *index.Index {
	t.Helper()
	a, c := new(pcap.Trace), new(pcap.Trace)
	sim.Talk(testindex.On(a, "eth0", "10.0.0.1:4000", "10.0.0.2:80"), "/a")
	sim.Talk(testindex.On(a, "lo", "10.0.0.1:4001", "10.0.0.2:81"), "/b")
	sim.Talk(testindex.On(c, "lo", "10.0.0.1:4002", "10.0.0.2:82"), "/c")
	w := &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: a}, {Name: "b", Trace: new(pcap.Trace)}, {Name: "c", Trace: c}}}
	return w.Read(t).Index
}

// Halves are numbered across groups, in the order of the groups.
func TestNumbers(t *testing.T) {
	x := three(t)
	if x.Len() != 6 || new(index.Index).Len() != 0 {
		t.Errorf("%d halves, and %d in an empty index, want 6 and none", x.Len(), new(index.Index).Len())
	}
	want := []struct {
		group int
		id    reassembly.HalfID
		src   uint16 // port
		pod   string
		iface string
	}{{0, 1, 4000, "a", "eth0"}, {0, 2, 80, "a", "eth0"}, {0, 3, 4001, "a", "lo"}, {0, 4, 81, "a", "lo"}, {2, 1, 4002, "c", "lo"}, {2, 2, 82, "c", "lo"}}
	for i, w := range want {
		h := index.HalfNo(i + 1)
		if g, id := x.Locate(h); g != w.group || id != w.id || x.Number(g, id) != h {
			t.Errorf("half %d is %d of group %d, and that has the number %d, want %d of %d", h, id, g, x.Number(g, id), w.id, w.group)
		}
		p := x.Point(h)
		if got := x.Half(h).Key.SrcPort; got != w.src || p.Pod != w.pod || p.Name != w.iface {
			t.Errorf("half %d is from port %d at %s of %s, want %d, %s, %s", h, got, p.Name, p.Pod, w.src, w.iface, w.pod)
		}
		if got := x.Place(h); got.Group != w.group || x.Groups[got.Group].Points.Info(got.Point).Name != w.iface {
			t.Errorf("half %d was seen at %+v, want %s in group %d", h, got, w.iface, w.group)
		}
	}
	if got := x.Number(2, 0); got != 0 {
		t.Errorf("no half of a group has the number %d", got)
	}
}

func TestContents(t *testing.T) {
	x := three(t)
	for h, want := range map[index.HalfNo]string{1: "/a", 3: "/b", 5: "/c"} {
		ms := scan.ListMessages(x.ScanOf(h), x.Content(h), scan.ProtoRequests)
		if len(ms) != 1 || x.ScanOf(h).Text.String(ms[0].Target) != want {
			t.Errorf("half %d has %d requests, want one of %s", h, len(ms), want)
		}
		if got := scan.ListMessages(x.ScanOf(h+1), x.Content(h+1), scan.ProtoResponses); len(got) != 1 || got[0].Status != 200 {
			t.Errorf("half %d has %d responses, want one", h+1, len(got))
		}
	}
	if c := x.Content(0); c.Proto != scan.ProtoNone || c.Tunnel != -1 {
		t.Errorf("no half has the content %+v", c)
	}
}

// Turns are kept of what a proxy may have encrypted: TLS, and loopback.
func TestTurnsOfHalves(t *testing.T) {
	tr := new(pcap.Trace)
	sim.Talk(testindex.On(tr, "eth0", "10.0.0.1:4000", "10.0.0.2:80"), "/a")
	text := testindex.On(tr, "lo", "10.0.0.1:4001", "10.0.0.2:81")
	text.Handshake()
	text.Send("hello")
	text.Reply("who is there?")
	text.Send("me")
	sealed := testindex.On(tr, "eth0", "10.0.0.1:4002", "10.0.0.2:443")
	sealed.Handshake()
	sealed.TLS(pcap.TLSConfig{SNI: "app", Tickets: []int{}})
	x := testindex.Of(tr).Read(t).Index
	units := func(h index.HalfNo) []string {
		var out []string
		for _, u := range x.UnitsOf(h) {
			out = append(out, fmt.Sprint(u.Kind, " ", u.Off))
		}
		return out
	}
	for h, want := range map[index.HalfNo][]string{1: nil, 2: nil, 3: {"1 0", "1 5"}, 4: {"1 0"}} {
		if got := units(h); !slices.Equal(got, want) || x.TLS(h) != nil {
			t.Errorf("half %d has the units %v, TLS %v, want %v and none", h, got, x.TLS(h) != nil, want)
		}
	}
	for _, h := range []index.HalfNo{5, 6} {
		if s := x.TLS(h); s == nil || !s.Facts.Known || s.Facts.Hello.Client != (h == 5) || len(x.UnitsOf(h)) < 2 {
			t.Errorf("half %d: TLS %+v with %d records", h, s, len(x.UnitsOf(h)))
		}
	}
	random, ok := x.ClientRandom(5)
	if !ok || random != x.TLS(5).Facts.Hello.Random || random == [32]byte{} {
		t.Errorf("random %x, %v", random, ok)
	}
	for _, h := range []index.HalfNo{1, 3, 6} {
		if _, ok := x.ClientRandom(h); ok {
			t.Errorf("half %d has the random of a client", h)
		}
	}
}

// A hello that the capture does not have tells no random.
func TestClientRandomUnknown(t *testing.T) {
	tr := new(pcap.Trace)
	c := testindex.On(tr, "eth0", "10.0.0.1:4002", "10.0.0.2:443")
	c.Send("\x17\x03\x03\x00\x04data")
	x := testindex.Of(tr).Read(t).Index
	if _, ok := x.ClientRandom(1); ok || x.TLS(1) == nil {
		t.Errorf("known: %v, TLS: %v, want TLS of an unknown client", ok, x.TLS(1) != nil)
	}
}

func TestPairs(t *testing.T) {
	for _, tt := range []struct {
		pair index.Pair
		want []index.HalfNo
		lead index.HalfNo
	}{
		{index.Pair{}, nil, 0},
		{index.Pair{Orig: 3}, []index.HalfNo{3}, 3},
		{index.Pair{Reply: 4}, []index.HalfNo{4}, 4},
		{index.Pair{Orig: 5, Reply: 4}, []index.HalfNo{5, 4}, 5},
	} {
		if got := slices.Collect(tt.pair.Halves); !slices.Equal(got, tt.want) || tt.pair.Lead() != tt.lead {
			t.Errorf("%+v has the halves %v and the lead %d, want %v and %d", tt.pair, got, tt.pair.Lead(), tt.want, tt.lead)
		}
		for range tt.pair.Halves { // an early end is one
			break
		}
	}
}

func TestBytesOfHalves(t *testing.T) {
	tr := new(pcap.Trace)
	c := testindex.On(tr, "eth0", "10.0.0.1:4000", "10.0.0.2:80")
	c.Handshake()
	c.Send("0123456789")
	c.Send("abcde")
	tr.Lose(1)
	c.Send("FGH")
	c.Reply("0123")
	x := testindex.Of(tr).Read(t).Index
	for h, want := range map[index.HalfNo][2]int64{1: {13, 18}, 2: {4, 4}} {
		if got := [2]int64{x.Seen(h), x.Length(h)}; got != want {
			t.Errorf("half %d: bytes seen, and of all, %v, want %v", h, got, want)
		}
	}
}
