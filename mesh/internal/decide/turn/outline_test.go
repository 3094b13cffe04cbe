package turn

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// crossed returns three legs of TLS to one server, one of plain HTTP and one that
// carried nothing.
func crossed(t *testing.T) *testlegs.Sides {
	t.Helper()
	tr := new(pcap.Trace)
	for i := range 3 {
		c := tr.Conn(fmt.Sprintf("192.0.2.%d:40000", i+1), "10.244.1.10:8443").At(0, "eth0").ISN(uint32(i)<<20, uint32(i+100)<<20)
		c.Handshake()
		c.TLS(pcap.TLSConfig{}).Play(pcap.Turn{Bytes: 100 + i}, pcap.Turn{Reply: true, Bytes: 200 + i}, pcap.Turn{Bytes: 10 + i}, pcap.Turn{Reply: true, Bytes: 20 + i},
			pcap.Turn{Bytes: 5}, pcap.Turn{Reply: true, Bytes: 6})
		c.Close()
	}
	plain := tr.Conn("192.0.2.9:40000", "10.244.1.10:8080").At(0, "eth0").ISN(1<<30, 2<<30)
	plain.Handshake()
	plain.Send("GET / HTTP/1.1\r\nhost: app\r\n\r\n")
	plain.Reply("HTTP/1.1 204 No Content\r\n\r\n")
	plain.Close()
	empty := tr.Conn("192.0.2.8:40000", "10.244.1.10:8443").At(0, "eth0").ISN(3<<30, 5)
	empty.Handshake()
	empty.Close()
	return testlegs.Read(t, tr, "eth0")
}

// Sealed are legs of TLS whose exchanges are hidden, that nothing ties yet, and that may
// speak something else than HTTP/2, which has no turns.
func TestSealedLegs(t *testing.T) {
	s := crossed(t)
	c := crossing.New(s.Index, nil, nil)
	if got := Sealed(c, s.Down); len(got) != 3 || got[0] != s.Down[0] || got[2] != s.Down[2] {
		t.Errorf("%d legs are sealed, want the first three", len(got))
	}
	s.Down[1].TLS.ALPN = []string{"istio-h2", "istio", "h2"}
	if got := Sealed(c, s.Down); len(got) != 2 || got[1] != s.Down[2] {
		t.Errorf("%d legs are sealed, want the two that may speak HTTP/1.1", len(got))
	}
	s.Down[1].TLS.ALPN = nil
	c.Busy[s.Down[1]] = true
	if got := Sealed(c, s.Down); len(got) != 2 || got[0] != s.Down[0] || got[1] != s.Down[2] {
		t.Errorf("%d legs are sealed, want the two that are not tied", len(got))
	}
	c.Inner = map[*graph.Leg]bool{s.Down[2]: true}
	if got := Sealed(c, s.Down); len(got) != 1 || got[0] != s.Down[0] {
		t.Errorf("%d legs are sealed, want the one whose TLS is a proxy's", len(got))
	}
	c.Inner = nil
	s.Down[0].Tunnel, s.Down[0].Protocol = true, s.Down[3].Protocol
	if got := Sealed(c, s.Down); len(got) != 1 || got[0] != s.Down[2] {
		t.Errorf("%d legs are sealed, want one: a tunnel is no TLS here", len(got))
	}
}

// Outline measures each leg once, and lists what it found in the order of the legs.
func TestOutline(t *testing.T) {
	s := crossed(t)
	c := crossing.New(s.Index, nil, nil)
	es := Outline(c, s.Down)
	var got []int64
	for _, e := range es {
		got = append(got, e.Outline.Req[0], e.Outline.Resp[0])
	}
	if want := "[100 200 10 20 5 6 101 201 11 21 5 6 102 202 12 22 5 6]"; fmt.Sprint(got) != want {
		t.Errorf("lengths %v, want %v", got, want)
	}
	for i, l := range s.Down[:3] {
		if len(l.Hidden) != 3 || &l.Hidden[0] != es[3*i] || l.Hidden[1].No != 1 || l.Hidden[1].Floor != l.Hidden[0].End() || l.Hidden[0].Floor != int64(l.Start) {
			t.Errorf("leg %d: %d exchanges, %+v", i, len(l.Hidden), l.Hidden)
		}
	}
	s.Down[1].Hidden = s.Down[1].Hidden[:1]
	s.Down[0].Hidden = []graph.Exchange{{Outline: new(graph.Outline)}}
	if again := Outline(c, s.Down); len(again) != 5 || again[0] != &s.Down[0].Hidden[0] || again[1] != es[3] || again[2] != es[6] {
		t.Errorf("the second time %d exchanges, want 5: what was found stays", len(again))
	}
}

// First answers that are as long on all legs are no session tickets, neither whole nor
// in a record for the head and more for the body.
func TestOutlineOfAlikeAnswers(t *testing.T) {
	const legs = 6
	for _, tt := range []struct {
		name    string
		tickets []int
		answers [][]int // records of each
		first   int     // bytes of the first one
	}{
		{"no tickets", []int{}, [][]int{{200}, {400}, {700}, {1100}, {9}}, 200},
		{"tickets", []int{300, 300}, [][]int{{200}, {210}, {230}, {190}, {9}}, 200},
		{"heads and bodies", []int{}, [][]int{{150, 3000}, {150, 500}, {151, 7000}, {152, 1000}, {150, 9}}, 3150},
	} {
		tr := new(pcap.Trace)
		for i := range legs {
			c := tr.Conn(fmt.Sprintf("192.0.2.%d:40000", i+1), "10.244.1.10:8443").At(0, "eth0").ISN(uint32(i)<<20, uint32(i+100)<<20)
			c.Handshake()
			s := c.TLS(pcap.TLSConfig{Tickets: tt.tickets})
			for _, records := range tt.answers {
				s.Send(100 + i)
				for k, n := range records {
					s.Reply(n + k*i)
				}
			}
			c.Close()
		}
		s := testlegs.Read(t, tr, "eth0")
		es := Outline(crossing.New(s.Index, nil, nil), s.Down)
		if len(es) != legs*len(tt.answers) {
			t.Errorf("%s: %d exchanges, want %d", tt.name, len(es), legs*len(tt.answers))
		} else if got := es[0].Outline.Resp[0]; got != int64(tt.first) {
			t.Errorf("%s: the first answer has %d bytes, want %d", tt.name, got, tt.first)
		}
	}
}
