package index_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
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

// Correcting points changes all that was read there, each time once, and nothing of other
// points.
func TestCorrectPoints(t *testing.T) {
	read := func() *index.Index {
		tr := new(pcap.Trace)
		for i, iface := range []string{"eth0", "lo"} {
			sim.Talk(testindex.On(tr, iface, fmt.Sprintf("10.0.0.1:400%d", i), "10.0.0.2:80"), "/a")
			testindex.On(tr, iface, fmt.Sprintf("10.0.0.1:500%d", i), "10.0.0.2:443").TLS(pcap.TLSConfig{}).Send(40)
			long := testindex.On(tr, iface, fmt.Sprintf("10.0.0.1:600%d", i), "10.0.0.2:81")
			long.Handshake()
			for range 40 {
				long.Send(strings.Repeat("x", 60000)) // passes milestones
			}
		}
		w := &testindex.World{Pods: []testindex.Pod{{Name: "a", Trace: tr}, {Name: "b", Trace: new(pcap.Trace)}}}
		return w.Read(t).Index
	}
	x, y := read(), read()
	x.CorrectPoints(0, func(p tcpip.Point) func(int64) int64 {
		if x.Groups[0].Points.Info(p).Loopback {
			return nil
		}
		return func(t int64) int64 { return t + 1000 }
	})
	messages, units, marks := 0, 0, make(map[bool]int)
	for h := range y.Halves {
		late := int64(1000)
		if x.Point(h).Loopback {
			late = 0
		}
		check := func(what string, before, after int64) {
			if before != 0 && after-before != late { // 0 is none
				t.Errorf("half %d: %s is %d later, want %d", h, what, after-before, late)
			}
		}
		check("its first packet", int64(y.Half(h).FirstTime), int64(x.Half(h).FirstTime))
		check("its last packet", int64(y.Half(h).LastTime), int64(x.Half(h).LastTime))
		check("its first byte", y.Content(h).Data.Nanos, x.Content(h).Data.Nanos)
		list := func(x *index.Index) []*scan.Message {
			return scan.ListMessages(x.ScanOf(h), x.Content(h), x.Content(h).Proto)
		}
		for i, m := range list(y) {
			messages++
			check("a message's first packet", m.From.Nanos, list(x)[i].From.Nanos)
			check("a message's last packet", m.To.Nanos, list(x)[i].To.Nanos)
		}
		for i, u := range y.UnitsOf(h) {
			units++
			check("a record", u.At.Nanos, x.UnitsOf(h)[i].At.Nanos)
			check("a record's end", u.Until, x.UnitsOf(h)[i].Until)
		}
		for i, m := range y.Marks(h) {
			marks[m.Byte]++
			check("a mark", m.Nanos, x.Marks(h)[i].Nanos)
		}
	}
	if messages == 0 || units == 0 || marks[false] == 0 || marks[true] == 0 {
		t.Errorf("%d messages, %d records, marks %v", messages, units, marks)
	}
}

// So it is with lookups.
func TestCorrectPointsOfLookups(t *testing.T) {
	ask := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("a.b."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	packed, err := ask.Pack()
	if err != nil {
		t.Fatal(err)
	}
	file := pcap.UDPFile([]pcap.Datagram{{Src: netip.MustParseAddrPort("10.0.0.1:5000"), Dst: netip.MustParseAddrPort("10.0.0.2:53"), Payload: packed}})
	for _, later := range []int64{0, 1000} {
		x := (&testindex.World{Pods: []testindex.Pod{{File: file}}}).Read(t).Index
		m := x.Groups[0].DNS.Messages.At(0)
		before := m.Nanos
		x.CorrectPoints(0, func(p tcpip.Point) func(int64) int64 {
			if later == 0 || p != m.Key.Point {
				return nil
			}
			return func(t int64) int64 { return t + later }
		})
		if m.Nanos-before != later {
			t.Errorf("a lookup is %d later, want %d", m.Nanos-before, later)
		}
	}
}
