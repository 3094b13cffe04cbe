package turn

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// finished is the length of Finished with SHA-256.
const finished = 36

// records tells how many records of data stand before each offset.
func (s *Side) recordsBefore(offs ...int64) (out []int) {
	for _, off := range offs {
		n := 0
		for _, u := range s.Data {
			if u.Off < off {
				n++
			}
		}
		out = append(out, n)
	}
	return out
}

// The client's data begin after Finished, which is a record of its own, alone, or
// after others; or after the first record, which then is the whole flight. Where
// both may be, Finished alone with one before it is less likely than a flight.
func TestAfterFlight(t *testing.T) {
	for _, tt := range []struct {
		name string
		data []int
		want []int // records before data, the likeliest first
	}{
		{"nothing", nil, []int{0}},
		{"Finished", []int{finished, 500}, []int{1}},
		{"Finished alone", []int{finished}, []int{1}},
		{"an empty list of certificates", []int{emptyCert, finished, 500}, []int{2}},
		{"something else before", []int{90, finished, 500}, []int{1, 2}},
		{"a byte more than an empty list", []int{emptyCert + 1, finished, 500}, []int{1, 2}},
		{"a certificate and its signature", []int{900, 80, finished, 500}, []int{3, 1}},
		{"as much as a flight has before it", []int{900, 900, 900, 80, finished, 500}, []int{5, 1}},
		{"more", []int{900, 900, 900, 900, 80, finished, 500}, []int{1}},
		{"the whole flight in one", []int{1014, 500}, []int{1}},
		{"two of that length", []int{finished, finished, 500}, []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var says []say
			for _, n := range tt.data {
				says = append(says, asks(n))
			}
			s := spoken(says...).Orig
			if got := s.recordsBefore(s.afterFlight(finished)...); !slices.Equal(got, tt.want) {
				t.Errorf("data begin after %v records, want %v", got, tt.want)
			}
		})
	}
}

// Early data is what the client sent before it had heard anything, if the server
// accepted it. It is taken from the records in either case.
func TestEarly(t *testing.T) {
	hello := asks(300).as(tls.TypeHandshake)
	for _, tt := range []struct {
		name  string
		says  []say
		early int // records
		left  int
	}{
		{"none", []say{hello, answers(700), asks(finished), asks(500)}, 0, 2},
		{"accepted", []say{hello, asks(70), asks(80), answers(700), asks(endOfEarlyData), asks(finished), asks(500)}, 2, 2},
		{"sent while the server's answer was on its way", []say{hello, answers(700), asks(70).before(1), asks(endOfEarlyData), asks(finished)}, 1, 1},
		{"not accepted", []say{hello, asks(70), answers(700), asks(finished), asks(500)}, 0, 2},
		{"not accepted, nothing after it", []say{hello, asks(70), answers(700)}, 0, 0},
		{"no early data but a record as short", []say{hello, answers(700), asks(endOfEarlyData), asks(finished)}, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := spoken(tt.says...)
			if got := v.early(); len(got) != tt.early || len(v.Orig.Data) != tt.left {
				t.Errorf("%d records of early data and %d others, want %d and %d", len(got), len(v.Orig.Data), tt.early, tt.left)
			}
		})
	}
}

// boundariesOf lists for each exchange how many records of client and server stand
// before it, those not captured included.
func boundariesOf(v *Leg, says []say) (out []string) {
	var ends [2][]int64
	sum := [2]int64{}
	for _, s := range says {
		side, n := 0, int64(s.n)
		if s.reply {
			side = 1
		}
		if s.kind == scan.UnitData {
			n += over
		}
		sum[side] += tls.HeaderLen + n
		ends[side] = append(ends[side], sum[side])
	}
	count := func(side int, off int64) int {
		i, _ := slices.BinarySearch(ends[side], off+1)
		return i
	}
	for _, b := range v.boundaries() {
		out = append(out, fmt.Sprintf("%d/%d", count(0, b.orig), count(1, b.reply)))
	}
	return out
}

// An exchange begins with what the client sends after it has heard more of the
// server; where that is missing, with what the server answers to it.
func TestBoundaries(t *testing.T) {
	ticket := func(v *Leg) { v.Reply.Starts = []int64{v.Reply.after(1)} }
	for _, tt := range []struct {
		name string
		says []say
		make func(*Leg)
		want []string // records of client and server before each exchange
	}{
		{"one", []say{asks(100), answers(200)}, nil, []string{"0/0"}},
		{"two", []say{asks(100), answers(200), asks(101), answers(201)}, nil, []string{"0/0", "1/1"}},
		{"three in one record each, or more", []say{asks(1), answers(2), answers(3), asks(4), asks(5), answers(6), asks(7), answers(8)}, nil, []string{"0/0", "1/2", "3/3"}},
		{"asked again before the answer", []say{asks(100), asks(101), answers(200), answers(201)}, nil, []string{"0/0"}},
		{"while it was on its way", []say{asks(100), answers(200), asks(101).before(1), answers(201)}, nil, []string{"0/0"}},
		{"after the first of two answers", []say{asks(100), asks(101), answers(200), answers(201), asks(102).before(1), asks(103)}, nil, []string{"0/0", "2/1", "3/2"}},
		{"the server first", []say{answers(200), asks(100), answers(201), asks(101)}, nil, []string{"0/0", "1/2"}},
		{"only tickets heard", []say{asks(100), answers(745), asks(101), answers(200), asks(102)}, ticket, []string{"0/1", "2/2"}},
		{"a closing alert", []say{asks(100), answers(200), asks(2)}, nil, []string{"0/0"}},
		{"a closing alert of the server", []say{asks(100), answers(2), asks(101)}, nil, []string{"0/0"}},
		{"and another request after it", []say{asks(100), answers(200), answers(2), asks(101), asks(102)}, nil, []string{"0/0", "1/1"}},
		{"something of another type", []say{asks(100), answers(200), asks(50).as(tls.TypeHandshake), answers(201), asks(101)}, nil, []string{"0/0", "2/2"}},
		{"a request missing", []say{asks(100), answers(200), asks(101).missing(), answers(201), asks(102), answers(202)}, nil, []string{"0/0", "1/1", "2/2"}},
		{"answered in two records", []say{asks(100), answers(200), asks(101).missing(), answers(201), answers(201), asks(102), answers(202)}, nil, []string{"0/0", "1/1", "2/3"}},
		{"first answered with something of another type", []say{asks(100), answers(200), asks(101).missing(), answers(50).as(tls.TypeHandshake), answers(201), asks(2)},
			nil, []string{"0/0", "1/2"}},
		{"the last request missing", []say{asks(100), answers(200), asks(101).missing(), answers(201), asks(2)}, nil, []string{"0/0", "1/1"}},
		{"two missing", []say{asks(100), answers(200), asks(101).missing(), answers(201), asks(102).missing(), answers(202), asks(2)}, nil, []string{"0/0", "1/1", "2/2"}},
		{"the first request missing", []say{asks(99).missing(), asks(100), answers(200)}, nil, []string{"1/0"}},
		{"the end of a request missing", []say{asks(100), answers(200), asks(101), asks(102).missing(), answers(201)}, nil, []string{"0/0", "1/1"}},
		{"its answer began before", []say{asks(100), answers(200), asks(101), answers(201).before(1), asks(102).missing(), answers(202), asks(2)}, nil, []string{"0/0", "1/1"}},
		{"an alert after it", []say{asks(100), answers(200), asks(101).missing(), answers(2), asks(2)}, nil, []string{"0/0"}},
		{"and no answer to it", []say{asks(100), answers(200), asks(101).missing(), asks(102), answers(201)}, nil, []string{"0/0", "2/1"}},
		{"another one missing, of which all is heard", []say{asks(100), answers(200), asks(101), answers(201).before(1), answers(202), asks(102).missing(), asks(2)}, nil, []string{"0/0", "1/1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := spoken(tt.says...)
			if tt.make != nil {
				tt.make(v)
			}
			if got := boundariesOf(v, tt.says); !slices.Equal(got, tt.want) {
				t.Errorf("exchanges begin after %v records, want %v", got, tt.want)
			}
		})
	}
}

// A message is known if its first byte was seen, to its last.
func TestMessage(t *testing.T) {
	s := spoken(asks(100), asks(50), asks(30).missing(), asks(7)).Orig
	hole := wire(100, 50)
	for _, tt := range []struct {
		name       string
		from, to   int64
		begin, end int64 // times; 0, 0 = it is not known
	}{
		{"one record", 0, wire(100), moment(0), moment(0) + lasting},
		{"all", 0, s.end, moment(0), moment(3) + lasting},
		{"to the hole", wire(100), hole + 1, moment(1), moment(2) + lasting},
		{"nothing", 0, 0, 0, 0},
		{"from inside a record", 1, s.end, 0, 0},
		{"from the hole", hole, s.end, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := s.message(tt.from, tt.to)
			if (m == nil) != (tt.begin == 0) {
				t.Fatalf("message %+v, want one that begins at %d", m, tt.begin)
			}
			if m == nil {
				return
			}
			if beginsAt(m) != tt.begin || endsAt(m) != tt.end || m.Start != tt.from || m.Before != tt.from || m.HeadEnd != tt.from || m.End != tt.to {
				t.Errorf("message [%d, %d) from %d to %d, want [%d, %d) from %d to %d", m.Start, m.End, beginsAt(m), endsAt(m), tt.from, tt.to, tt.begin, tt.end)
			}
			if m.ServiceMillis != -1 || !m.Is(scan.MsgComplete) || !m.Is(scan.MsgHidden) || m.Is(scan.MsgRequest) {
				t.Errorf("message %+v", m)
			}
		})
	}
}

// The first message has a length for each place where data may begin; none if the
// likeliest of them is not known.
func TestAlternatives(t *testing.T) {
	for _, tt := range []struct {
		name   string
		says   []say
		starts []int // records before data
		to     int   // records before the next message
		want   []int64
		at     []int64
	}{
		{"one place", []say{asks(36), asks(500), asks(9)}, []int{1}, 2, []int64{500}, []int64{moment(1)}},
		{"two", []say{asks(90), asks(36), asks(500), asks(9)}, []int{1, 2}, 3, []int64{536, 500}, []int64{moment(1), moment(2)}},
		{"one that is behind the message", []say{asks(90), asks(36), asks(500)}, []int{1, 2}, 2, []int64{36}, []int64{moment(1)}},
		{"one at the end", []say{asks(90), asks(36)}, []int{1, 2}, 2, []int64{36}, []int64{moment(1)}},
		{"a byte", []say{asks(36), asks(1), asks(9)}, []int{1}, 2, []int64{1}, []int64{moment(1)}},
		{"a hole before the second", []say{asks(36), asks(3000).missing(), asks(500), asks(9)}, []int{0, 1}, 2, nil, nil},
		{"without a byte", []say{asks(0), asks(0), asks(36)}, []int{2, 1, 0}, 3, []int64{36, 36, 36}, []int64{moment(2), moment(1), moment(0)}},
		{"nothing in it", []say{asks(0), asks(36)}, []int{0}, 1, nil, nil},
		{"a hole that may be many lengths", []say{asks(36), asks(500), asks(30).missing(), asks(9)}, []int{1}, 3, []int64{539, 517}, []int64{moment(1), moment(1)}},
		{"a hole that may be anything", []say{asks(36), asks(500), asks(3000).missing(), asks(9)}, []int{1, 0}, 3, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spoken(tt.says...).Orig
			s.Starts = nil
			for _, k := range tt.starts {
				s.Starts = append(s.Starts, s.after(k))
			}
			got, at := s.alternatives(s.after(tt.to))
			if !slices.Equal(got, tt.want) || !slices.Equal(at, tt.at) {
				t.Errorf("lengths %v that begin at %v, want %v at %v", got, at, tt.want, tt.at)
			}
		})
	}
}

// shaken returns a leg of TLS on which requests of 500 and 300 bytes are answered
// with 1000 and 50.
func shaken(t *testing.T, conf pcap.TLSConfig, spoil func(*pcap.Trace)) (*testlegs.Sides, *Leg) {
	t.Helper()
	tr := new(pcap.Trace)
	c := tr.Conn("192.0.2.1:40000", "10.244.1.10:8443").At(0, "eth0")
	c.Handshake()
	s := c.TLS(conf)
	s.Play(pcap.Turn{Bytes: 500 - conf.EarlyData}, pcap.Turn{Reply: true, Bytes: 1000}, pcap.Turn{Bytes: 300}, pcap.Turn{Reply: true, Bytes: 50})
	s.Close()
	if spoil != nil {
		spoil(tr)
	}
	sides := testlegs.Read(t, tr, "eth0")
	if len(sides.Down) != 1 {
		t.Fatalf("%d legs, want one", len(sides.Down))
	}
	return sides, NewLeg(sides.Index, sides.Down[0])
}

// What each implementation packs into its handshake is told from data, and where it
// cannot, all that the first message may be is listed, the likeliest first.
func TestHandshakes(t *testing.T) {
	const go13, boring = pcap.PackGo, pcap.PackBoringSSL
	for _, tt := range []struct {
		name      string
		tls       pcap.TLSConfig
		flight    int // records of the server's
		sure      int // tickets
		req, resp []int64
	}{
		{"OpenSSL", pcap.TLSConfig{Signature: 70}, 4, 2, []int64{500}, []int64{1000, 1729, 2474}},
		{"OpenSSL, mutual", pcap.TLSConfig{Mutual: true, Signature: 70}, 5, 2, []int64{500, 500 + 36 + 78}, []int64{1000, 1729, 2474}},
		{"OpenSSL, no certificate", pcap.TLSConfig{Asked: true}, 5, 2, []int64{500}, []int64{1000, 1729, 2474}},
		{"OpenSSL, no tickets", pcap.TLSConfig{Tickets: []int{}}, 4, 0, []int64{500}, []int64{1000}},
		{"OpenSSL, SHA-384", pcap.TLSConfig{Suite: 0x1302}, 4, 2, []int64{500}, []int64{1000, 1729, 2474}},
		{"OpenSSL, CCM", pcap.TLSConfig{Suite: 0x1304}, 4, 2, []int64{500}, []int64{1000, 1729, 2474}},
		{"OpenSSL, resumed", pcap.TLSConfig{Resumed: true}, 2, 2, []int64{500}, []int64{1000, 1729, 2474}},
		{"OpenSSL, early data", pcap.TLSConfig{Resumed: true, EarlyData: 100}, 2, 2, []int64{500}, []int64{1000, 1729, 2474}},
		{"OpenSSL, asked to try again", pcap.TLSConfig{Retry: true}, 4, 2, []int64{500}, []int64{1000, 1729, 2474}},
		{"BoringSSL", pcap.TLSConfig{Packing: boring}, 1, 0, []int64{500}, []int64{1460, 1000}},
		{"BoringSSL, mutual", pcap.TLSConfig{Packing: boring, Mutual: true}, 1, 0, []int64{500}, []int64{1460, 1000}},
		{"BoringSSL, no tickets", pcap.TLSConfig{Packing: boring, Tickets: []int{}}, 1, 0, []int64{500}, []int64{1000}},
		{"Go", pcap.TLSConfig{Packing: go13}, 5, 0, []int64{500}, []int64{1000}},
		{"Go, mutual", pcap.TLSConfig{Packing: go13, Mutual: true, Signature: 70}, 5, 1, []int64{500, 614}, []int64{1000, 1122}},
		{"TLS 1.2", pcap.TLSConfig{Version: 0x0303}, 0, -1, []int64{500}, []int64{1000}},
		{"TLS 1.2, ChaCha20", pcap.TLSConfig{Version: 0x0303, Suite: 0xcca8}, 0, -1, []int64{500}, []int64{1000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sides, v := shaken(t, tt.tls, nil)
			if v.flight != tt.flight || v.sure != tt.sure || v.vague != [2]bool{} {
				t.Errorf("a flight of %d records, %d tickets, vague %v; want %d and %d", v.flight, v.sure, v.vague, tt.flight, tt.sure)
			}
			es := v.exchanges(sides.Index)
			if len(es) != 2 {
				t.Fatalf("%d exchanges, want 2", len(es))
			}
			if h := es[0].Outline; !slices.Equal(h.Req, tt.req) || !slices.Equal(h.Resp, tt.resp) {
				t.Errorf("first lengths %v and %v, want %v and %v", h.Req, h.Resp, tt.req, tt.resp)
			}
			if h := es[1].Outline; !slices.Equal(h.Req, []int64{300}) || !slices.Equal(h.Resp, []int64{50}) {
				t.Errorf("second lengths %v and %v, want 300 and 50", h.Req, h.Resp)
			}
		})
	}
}

// dropUntil drops all packets before the first with a payload of n bytes.
func dropUntil(n int) func(*pcap.Trace) {
	return func(tr *pcap.Trace) {
		seen := false
		tr.Filter(func(p *pcap.Packet) bool { seen = seen || len(p.Bytes) == n; return seen })
	}
}

// drop drops the packets with a payload of n bytes.
func drop(n int) func(*pcap.Trace) {
	return func(tr *pcap.Trace) { tr.Filter(func(p *pcap.Packet) bool { return len(p.Bytes) != n }) }
}

// dropSide drops the packets that one end sent.
func dropSide(port uint16) func(*pcap.Trace) {
	return func(tr *pcap.Trace) { tr.Filter(func(p *pcap.Packet) bool { return p.Key.SrcPort != port }) }
}

// dropHello drops the hello of one end.
func dropHello(port uint16) func(*pcap.Trace) {
	return func(tr *pcap.Trace) {
		tr.Filter(func(p *pcap.Packet) bool {
			return p.Key.SrcPort != port || len(p.Bytes) == 0 || p.Bytes[0] != tls.TypeHandshake
		})
	}
}

// dropSYN drops the SYN of one end.
func dropSYN(port uint16) func(*pcap.Trace) {
	return func(tr *pcap.Trace) {
		tr.Filter(func(p *pcap.Packet) bool { return p.Key.SrcPort != port || p.MSS == 0 })
	}
}

// both does one thing after the other.
func both(do ...func(*pcap.Trace)) func(*pcap.Trace) {
	return func(tr *pcap.Trace) {
		for _, f := range do {
			f(tr)
		}
	}
}

// Where something was not captured, all lengths are named that are possible, or none.
func TestExchangesOfDamage(t *testing.T) {
	type lengths struct{ req, resp string }
	for _, tt := range []struct {
		name  string
		tls   pcap.TLSConfig
		spoil func(*pcap.Trace)
		vague [2]bool
		want  []lengths
	}{
		{"whole", pcap.TLSConfig{Tickets: []int{}}, nil, [2]bool{}, []lengths{{"[500]", "[1000]"}, {"[300]", "[50]"}}},
		{"begun late", pcap.TLSConfig{}, dropUntil(522), [2]bool{true, true}, []lengths{{"[]", "[]"}, {"[300]", "[50]"}}},
		{"begun late, TLS 1.2", pcap.TLSConfig{Version: 0x0303}, dropUntil(529), [2]bool{true, true}, []lengths{{"[]", "[]"}, {"[307]", "[57]"}}},
		{"the client's half", pcap.TLSConfig{}, dropSide(8443), [2]bool{}, nil},
		{"the server's half", pcap.TLSConfig{}, dropSide(40000), [2]bool{}, nil},
		{"without the client's hello", pcap.TLSConfig{Tickets: []int{}}, dropHello(40000), [2]bool{}, []lengths{{"[500]", "[1000]"}, {"[300]", "[50]"}}},
		{"without SYN", pcap.TLSConfig{Tickets: []int{}}, both(dropSYN(40000), dropSYN(8443)), [2]bool{}, []lengths{{"[500]", "[1000]"}, {"[300]", "[50]"}}},
		{"without the client's SYN", pcap.TLSConfig{Tickets: []int{}}, dropSYN(40000), [2]bool{}, []lengths{{"[500]", "[1000]"}, {"[300]", "[50]"}}},
		{"without SYN and the client's hello", pcap.TLSConfig{Version: 0x0303}, both(dropHello(40000), dropSYN(40000), dropSYN(8443)), [2]bool{},
			[]lengths{{"[500]", "[1000]"}, {"[300]", "[50]"}}},
		{"without any hello and the client's SYN", pcap.TLSConfig{Version: 0x0303}, both(dropHello(40000), dropHello(8443), dropSYN(40000)), [2]bool{false, true},
			[]lengths{{"[307]", "[]"}}},
		{"without any hello and SYN", pcap.TLSConfig{Version: 0x0303}, both(dropHello(40000), dropHello(8443), dropSYN(40000), dropSYN(8443)), [2]bool{true, true},
			[]lengths{{"[]", "[]"}, {"[307]", "[57]"}}},
		{"without the client's hello, TLS 1.2", pcap.TLSConfig{Version: 0x0303}, dropHello(40000), [2]bool{}, []lengths{{"[500]", "[1000]"}, {"[300]", "[50]"}}},
		{"without the first request", pcap.TLSConfig{Tickets: []int{}}, drop(522), [2]bool{true, false}, []lengths{{"[]", "[50 1050]"}}},
		{"without the first response, so that nothing tells requests apart", pcap.TLSConfig{Tickets: []int{}}, drop(1022), [2]bool{false, true}, []lengths{{"[800]", "[]"}}},
		{"without the second request", pcap.TLSConfig{Tickets: []int{}}, drop(322), [2]bool{}, []lengths{{"[500]", "[1000]"}, {"[300 278 256 234 212 190 168 146 124 102 80 58 36 14]", "[50]"}}},
		{"without the second response", pcap.TLSConfig{Tickets: []int{}}, drop(72), [2]bool{}, []lengths{{"[500]", "[1000]"}, {"[300]", "[50 28 6]"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sides, v := shaken(t, tt.tls, tt.spoil)
			es := v.exchanges(sides.Index)
			var got []lengths
			for i := range es {
				h := es[i].Outline
				got = append(got, lengths{fmt.Sprint(h.Req), fmt.Sprint(h.Resp)})
				if want := (i == 0) && v.vague[0]; h.Vague[0] != want {
					t.Errorf("exchange %d is vague: %v", i, h.Vague)
				}
			}
			if !slices.Equal(got, tt.want) || v.vague != tt.vague {
				t.Errorf("lengths %v, vague %v; want %v, %v", got, v.vague, tt.want, tt.vague)
			}
		})
	}
}
