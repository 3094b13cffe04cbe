package pooled

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/crossing"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

const (
	get = "GET / HTTP/1.1\r\nhost: app\r\n\r\n"
	ok  = "HTTP/1.1 204 No Content\r\n\r\n"
)

// served is two clients, whose requests a proxy served over two connections, two at
// once in every round.
type served struct {
	*crossing.Crossing
	took [][2]int // by round: the connections that it took for the first and for the second
}

// rounds lets the proxy serve some rounds. It takes the connection that take chooses of
// those that are idle, in the order in which they became idle.
func rounds(t *testing.T, n int, take func(idle int) int) *served {
	tr, r := new(pcap.Trace), rand.New(rand.NewPCG(5, 5))
	var clients, ups [2]*pcap.Connection
	for i := range clients {
		clients[i] = tr.Conn(fmt.Sprintf("192.0.2.%d:40000", i+1), "10.0.0.1:8080").At(0, "eth0").ISN(uint32(i+1)<<22, uint32(i+101)<<22)
		clients[i].Handshake()
		ups[i] = tr.Conn(fmt.Sprintf("127.0.0.6:%d", 50000+i), "10.0.0.1:8080").At(1, "lo").ISN(uint32(i+201)<<22, uint32(i+301)<<22)
		ups[i].Handshake()
	}
	s := new(served)
	idle := []int{0, 1}
	for range n {
		var took [2]int
		for c := range clients {
			k := take(len(idle))
			took[c] = idle[k]
			idle = append(idle[:k], idle[k+1:]...)
			clients[c].Send(get)
			ups[took[c]].Send(get)
		}
		s.took = append(s.took, took)
		first := r.IntN(2)
		for _, c := range [2]int{first, 1 - first} {
			ups[took[c]].Reply(ok)
			clients[c].Reply(ok)
			idle = append(idle, took[c])
		}
	}
	sides := testlegs.Read(t, tr, "eth0")
	s.Crossing = crossing.New(sides.Index, nil, nil)
	s.Down, s.Up = sides.Down, sides.Up
	s.Trust = crossing.NewTrust(s.Crossing)
	return s
}

// strands lists what may belong together: of the last round all, of rounds before it what
// did.
func (s *served) strands(known int) (all []Strand) {
	for round, took := range s.took {
		for c := range s.Down {
			d := &s.Down[c].Exchanges[round]
			for u := range s.Up {
				certain := round < known
				if !certain || took[c] == u {
					all = append(all, Strand{Down: d, Up: &s.Up[u].Exchanges[round], Certain: certain})
				}
			}
		}
	}
	return all
}

// Whose turn it was is decided where the proxy was seen to take what became idle last,
// and said with the packets that show it.
func TestReplay(t *testing.T) {
	const n = 40
	lifo := func(idle int) int { return idle - 1 }
	r := rand.New(rand.NewPCG(9, 9))
	for _, tc := range []struct {
		name    string
		take    func(int) int
		known   int
		edit    func(s *served)
		decided bool
	}{
		{"the last idle is taken", lifo, n - 1, nil, true},
		{"any is taken", r.IntN, n - 1, nil, false},
		{"too little is known", lifo, 3, nil, false},
		{"nothing is open", lifo, n, nil, false},
		{"HTTP/2 behind", lifo, n - 1, func(s *served) { s.Up[0].Protocol = flow.ProtocolHTTP2 }, false},
		{"a pool each", lifo, n - 1, func(s *served) { s.Up[0].TLS.SNI = "other" }, false},
		{"dialled before the capture", lifo, n - 1, func(s *served) { s.Up[0].Midstream, s.Up[1].Midstream = true, true }, true},
		{"tied by passes before", lifo, n - 1, func(s *served) {
			for _, k := range s.strands(n - 1) {
				if k.Certain {
					s.Add(&graph.Link{From: k.Down.Leg, To: k.Up.Leg, Down: k.Down, Up: k.Up, Attempt: 1})
				}
			}
		}, true},
		{"a copy more", lifo, n - 1, func(s *served) { // the other side has one less then
			u := s.Up[0].Exchanges[n-1]
			s.Add(&graph.Link{From: s.Down[0], To: s.Up[0], Down: &s.Down[0].Exchanges[n-1], Up: &s.Up[0].Exchanges[u.No], Attempt: 1, Copy: true})
		}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := rounds(t, n, tc.take)
			if tc.edit != nil {
				tc.edit(s)
			}
			strands := s.strands(tc.known)
			verdicts := Replay(s.Crossing, strands)
			decided := 0
			for i, v := range verdicts {
				if v.Sure == 0 {
					continue
				}
				decided++
				c, took := strands[i].Down.Leg, s.took[strands[i].Down.No]
				want := s.Up[took[0]]
				if c == s.Down[1] {
					want = s.Up[took[1]]
				}
				if strands[i].Up.Leg != want || v.Sure < .95 {
					t.Errorf("decided wrongly, or hardly: %v", v.Sure)
				}
				if e := v.Evidence; e.Kind != flow.PoolOrder || len(e.Packets) == 0 || !strings.Contains(e.Detail, " before)") {
					t.Errorf("evidence %+v", e)
				}
			}
			if (decided == 2) != tc.decided || !tc.decided && decided > 0 {
				t.Errorf("%d are decided", decided)
			}
		})
	}
}
