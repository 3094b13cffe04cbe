package conn

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

// A direction by one kind of evidence, if that tells.
func TestDirections(t *testing.T) {
	between := func(src, dst string) side { return side{lo: true, src: src, dst: dst} }
	wire := func(src, dst string) side { return side{src: src, dst: dst} }
	syn := func(b *binder, c *Conn) direction { return b.bySYN(c) }
	entry := func(b *binder, c *Conn) direction { return b.byEntry(c) }
	shape := func(b *binder, c *Conn) direction { return b.byShape(c) }
	bytes := func(b *binder, c *Conn) direction { return b.byBytes(c) }
	for _, tt := range []struct {
		name  string
		by    func(*binder, *Conn) direction
		sides []side // what is taken for the originator's, and the other
		entry *recorded.Entry
		want  direction
	}{
		{"who sends SYN asks", syn, []side{{syn: true}, {}}, nil, asIs},
		{"who sends SYN-ACK answers", syn, []side{{synack: true}, {}}, nil, reversed},
		{"the other's SYN-ACK", syn, []side{{}, {synack: true}}, nil, asIs},
		{"the other's SYN", syn, []side{{}, {syn: true}}, nil, reversed},
		{"a lone SYN", syn, []side{{syn: true}}, nil, asIs},
		{"a lone SYN-ACK", syn, []side{{synack: true}}, nil, reversed},
		{"no SYN", syn, []side{{}, {}}, nil, unsure},
		{"no SYN of one", syn, []side{{}}, nil, unsure},

		{"no entry", entry, []side{between(pod, vip)}, nil, unsure},
		{"as dialled", entry, []side{between(pod, vip)}, entryOf(pod, vip, proxy), asIs},
		{"after NAT", entry, []side{between(pod, proxy)}, entryOf(pod, vip, proxy), asIs},
		{"as answered", entry, []side{between(proxy, pod)}, entryOf(pod, vip, proxy), reversed},
		{"as the client gets it", entry, []side{between(vip, pod)}, entryOf(pod, vip, proxy), reversed},
		{"an entry of another", entry, []side{between(client, vip)}, entryOf(pod, vip, proxy), unsure},

		{"127.0.0.6 dials", shape, []side{wire("127.0.0.6:80", app)}, nil, asIs},
		{"127.0.0.6 is answered", shape, []side{wire(app, "127.0.0.6:80")}, nil, reversed},
		{"one tuple", shape, []side{between(pod, vip), between(vip, pod)}, nil, unsure},
		{"half-flows end at the client", shape, []side{between(pod, proxy), between(vip, pod)}, nil, asIs},
		{"and begin there", shape, []side{between(vip, pod), between(pod, proxy)}, nil, reversed},
		{"nothing in common", shape, []side{between(pod, proxy), between(vip, client)}, nil, unsure},
		{"a lone call", shape, []side{between(pod, proxy)}, nil, asIs},
		{"a lone answer", shape, []side{between(proxy, pod)}, nil, reversed},
		{"a lone call on the wire", shape, []side{wire(pod, proxy)}, nil, unsure},
		{"within loopback", shape, []side{between("127.0.0.1:1", proxy)}, nil, unsure},
		{"past loopback", shape, []side{between(pod, vip)}, nil, unsure},

		{"who sends requests", bytes, []side{{proto: scan.ProtoRequests}, {}}, nil, asIs},
		{"who sends responses", bytes, []side{{proto: scan.ProtoResponses}, {}}, nil, reversed},
		{"who is sent requests", bytes, []side{{}, {proto: scan.ProtoRequests}}, nil, reversed},
		{"who is sent responses", bytes, []side{{proto: scan.ProtoTCP}, {proto: scan.ProtoResponses}}, nil, asIs},
		{"a client of HTTP/2", bytes, []side{{proto: scan.ProtoH2Requests}, {}}, nil, asIs},
		{"a server of HTTP/2", bytes, []side{{}, {proto: scan.ProtoH2Responses}}, nil, asIs},
		{"other bytes", bytes, []side{{proto: scan.ProtoTLS}, {proto: scan.ProtoTCP}}, nil, unsure},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := binderOf(t, tt.sides...)
			c := connOf(b.x, 1, index.HalfNo(len(tt.sides)-1)*2)
			c.Entry = tt.entry
			if got := tt.by(b, c); got != tt.want {
				t.Errorf("direction %d, want %d", got, tt.want)
			}
		})
	}
}

// The lower port serves; of equal ones that which is dialled.
func TestByPort(t *testing.T) {
	for _, tt := range []struct {
		src, dst string
		want     direction
	}{{"10.0.0.1:81", "10.0.0.2:80", asIs}, {"10.0.0.1:80", "10.0.0.2:80", asIs}, {"10.0.0.1:79", "10.0.0.2:80", reversed}} {
		if got := byPort(tuple(tt.src, tt.dst)); got != tt.want {
			t.Errorf("from %s to %s: direction %d, want %d", tt.src, tt.dst, got, tt.want)
		}
	}
}

// Who has two peers serves; so does who answered a SYN. Where both ends do,
// neither tells.
func TestServers(t *testing.T) {
	const a, b, c = "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"
	for _, tt := range []struct {
		name string
		met  [][2]string
		want direction // of a to b
	}{
		{"nobody met", nil, unsure},
		{"one peer", [][2]string{{a, b}}, unsure},
		{"one peer twice", [][2]string{{a, b}, {a, b}}, unsure},
		{"two peers", [][2]string{{a, b}, {c, b}}, asIs},
		{"two peers of the other", [][2]string{{b, a}, {c, a}}, reversed},
		{"two peers of each", [][2]string{{a, b}, {c, b}, {b, a}, {c, a}}, unsure},
	} {
		s := newServers()
		for _, m := range tt.met {
			s.meet(tuple(m[0], m[1]))
		}
		if got := s.direction(tuple(a, b)); got != tt.want {
			t.Errorf("%s: direction %d, want %d", tt.name, got, tt.want)
		}
	}
}

// Evidence is asked in its order; what only ports tell is asked when all that is
// surer is known.
func TestOrientInOrder(t *testing.T) {
	const a, b, c = "10.0.0.1:70", "10.0.0.2:9000", "10.0.0.3:71"
	for _, tt := range []struct {
		name     string
		sides    []side // two for each conn; a second one without ends was not captured
		entry    *recorded.Entry
		want     string // the first conn's halves
		inferred bool
		half     bool
	}{
		{"SYN before an entry", []side{{src: a, dst: b, syn: true}, {src: b, dst: a}}, entryOf(b, a, a), "{1 2}", false, false},
		{"an entry before shapes", []side{{lo: true, src: "127.0.0.6:1", dst: app}, {lo: true, src: app, dst: "127.0.0.6:1"}}, entryOf(app, "127.0.0.6:1", "127.0.0.6:1"), "{2 1}", true, false},
		{"shapes before bytes", []side{{lo: true, src: pod, dst: proxy, proto: scan.ProtoResponses}, {lo: true, src: vip, dst: pod}}, nil, "{1 2}", true, true},
		{"a server that answered a SYN, before bytes", []side{{src: a, dst: b, proto: scan.ProtoResponses}, {src: b, dst: a}, {src: c, dst: b, syn: true}, {src: b, dst: c}}, nil, "{1 2}", true, false},
		{"a server of two, before bytes", []side{{src: a, dst: b, proto: scan.ProtoResponses}, {src: b, dst: a}, {src: c, dst: b}, {src: b, dst: c}}, nil, "{1 2}", true, false},
		{"a server of two, that comes first", []side{{src: b, dst: a, proto: scan.ProtoRequests}, {src: a, dst: b}, {src: b, dst: c}, {src: c, dst: b}}, nil, "{2 1}", true, false},
		{"bytes before ports", []side{{src: a, dst: b, proto: scan.ProtoRequests}, {src: b, dst: a}}, nil, "{1 2}", true, false},
		{"ports", []side{{src: a, dst: b}, {src: b, dst: a}}, nil, "{2 1}", true, false},
		{"ports of a lone half", []side{{src: a, dst: b}, {}}, nil, "{0 1}", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := binderOf(t, tt.sides...)
			for i := 0; i < len(tt.sides); i += 2 {
				reply := index.HalfNo(i + 2)
				if tt.sides[i+1].src == "" {
					reply = 0
				}
				b.conns = append(b.conns, connOf(b.x, index.HalfNo(i+1), reply))
			}
			b.conns[0].Entry = tt.entry
			b.orient()
			c := b.conns[0]
			if got := fmt.Sprint(c.Pair); got != tt.want || c.Inferred != tt.inferred || c.HalfFlow != tt.half {
				t.Errorf("halves %s, inferred %v, half-flow %v; want %s, %v, %v", got, c.Inferred, c.HalfFlow, tt.want, tt.inferred, tt.half)
			}
		})
	}
}

// Who answered a SYN is no server for what is only guessed.
func TestGuessesAreNoServers(t *testing.T) {
	const a, b, c = "10.0.0.1:70", "10.0.0.2:9000", "10.0.0.3:9001"
	bind := binderOf(t, side{src: a, dst: b}, side{src: b, dst: a}, side{lo: true, src: "127.0.0.6:1", dst: b}, side{lo: true, src: b, dst: "127.0.0.6:1"}, side{src: c, dst: a}, side{src: a, dst: c})
	for h := index.HalfNo(1); h < 6; h += 2 {
		bind.conns = append(bind.conns, connOf(bind.x, h, h+1))
	}
	bind.conns = slices.Delete(bind.conns, 2, 3)
	bind.orient()
	if got := fmt.Sprint(bind.conns[0].Pair); got != "{2 1}" {
		t.Errorf("halves %s: the port decides, since no SYN was seen", got)
	}
}
