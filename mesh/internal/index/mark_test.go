package index_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// marksOf lists the hashes of what a pod marks of the client's half of a connection.
func marksOf(t *testing.T, play func(*pcap.Connection), orig, dst string) (hashes []uint64, x *index.Index) {
	t.Helper()
	tr := new(pcap.Trace)
	play(testindex.On(tr, "eth0", orig, dst))
	w := &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: tr}, {Name: "b", Trace: new(pcap.Trace)}}}
	x = w.Read(t).Index
	for _, m := range x.Marks(1) {
		hashes = append(hashes, m.Hash)
	}
	slices.Sort(hashes)
	return hashes, x
}

// Two pods mark the same packets: whatever NAT calls the ends, and whether or not
// packets came twice. What a host sends in one piece and the other sees in several is
// not marked.
func TestMarks(t *testing.T) {
	plain := func(c *pcap.Connection) {
		c.Handshake()
		for range 20 {
			c.Send("small")
			c.Reply("answer")
		}
	}
	want, _ := marksOf(t, plain, "10.0.0.1:4000", "10.0.0.2:80")
	if len(want) != 4 {
		t.Fatalf("%d marks, want 4 of one stretch", len(want))
	}
	for _, tt := range []struct {
		name string
		play func(*pcap.Connection)
		to   string
		same bool
	}{
		{"NAT", plain, "10.96.0.1:8080", true},
		{"every packet twice", func(c *pcap.Connection) {
			plain(c)
			packets := c.Len()
			for range packets {
				p := *c.Last(packets - 1)
				*c.Repeat() = p
			}
		}, "10.0.0.2:80", true},
		{"another connection", func(c *pcap.Connection) { c.ISN(77); plain(c) }, "10.0.0.2:80", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := marksOf(t, tt.play, "10.0.0.1:4000", tt.to); slices.Equal(got, want) != tt.same {
				t.Errorf("marks %v, of the first pod %v", got, want)
			}
		})
	}
}

// Long packets are compared by the bytes at which a stretch of the stream begins.
func TestMilestones(t *testing.T) {
	sent := func(piece int) (at []int64) {
		_, x := marksOf(t, func(c *pcap.Connection) {
			c.Handshake()
			for n := 0; n < 600_000; n += piece {
				c.Send(strings.Repeat("x", piece))
			}
		}, "10.0.0.1:4000", "10.0.0.2:80")
		for _, m := range x.Marks(1) {
			if m.Byte {
				at = append(at, int64(m.Hash))
			}
		}
		return at
	}
	whole, pieces := sent(60_000), sent(1_000)
	if !slices.Equal(whole, []int64{2 << 18, 1 << 18}) || !slices.Equal(whole, pieces) {
		t.Errorf("milestones at %v, and with shorter packets at %v", whole, pieces)
	}
}

// A stretch of timestamps that comes after another has marks of its own.
func TestStretches(t *testing.T) {
	got, _ := marksOf(t, func(c *pcap.Connection) {
		for range 20 {
			c.Send("small")
		}
		c.Wait(40 * time.Second)
		for range 20 {
			c.Send("small")
		}
	}, "10.0.0.1:4000", "10.0.0.2:80")
	if len(got) != 8 {
		t.Errorf("%d marks of two stretches, want 8", len(got))
	}
}

// Correcting a group changes each of its times once, and none of another group.
func TestCorrect(t *testing.T) {
	x, y := three(t), three(t)
	x.Correct(0, "a", func(t int64) int64 { return t + 1000 })
	for h := range y.Halves {
		p, q := y.Half(h), x.Half(h)
		late := int64(1000)
		if x.Place(h).Group != 0 {
			late = 0
		}
		c, d := y.Content(h), x.Content(h)
		for i, got := range []int64{int64(q.FirstTime - p.FirstTime), int64(q.LastTime - p.LastTime), int64(q.EndTime - p.EndTime), d.Data.Nanos - c.Data.Nanos, d.LastNanos - c.LastNanos} {
			if got != late {
				t.Errorf("half %d: time %d is %d later, want %d", h, i, got, late)
			}
		}
	}
	if x.Corrected("a", 5) != 1005 || x.Corrected("b", 5) != 5 {
		t.Errorf("times of pods a and b: %d and %d", x.Corrected("a", 5), x.Corrected("b", 5))
	}
}
