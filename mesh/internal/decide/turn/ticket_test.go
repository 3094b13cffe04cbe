package turn

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// greeted returns a leg whose server sends records of the given lengths after its
// flight, of which so many are tickets for sure.
func greeted(sure int, lengths ...int) *Leg {
	says := []say{asks(200).as(tls.TypeHandshake), answers(700), answers(36), asks(36)}
	for _, n := range lengths {
		says = append(says, answers(n))
	}
	v := spoken(says...)
	v.flight, v.sure = 2, sure
	v.begin(max(sure, 0))
	return v
}

// startsOf tells after how many records behind the flight data of the server may
// begin, the likeliest first.
func startsOf(v *Leg) (out []int) {
	for _, off := range v.Reply.Starts {
		n := 0
		for v.Reply.after(v.flight+n) < off {
			n++
		}
		out = append(out, n)
	}
	return out
}

// A ticket is one of the first records and not shorter than tickets are. Data may
// begin before and after each that may be one.
func TestTickets(t *testing.T) {
	for _, tt := range []struct {
		name    string
		sure    int
		lengths []int
		starts  []int
	}{
		{"nothing", 0, nil, []int{0}},
		{"as short as tickets are", 0, []int{minTicket, 9}, []int{0, 1}},
		{"shorter", 0, []int{minTicket - 1, 9}, []int{0}},
		{"one for sure", 1, []int{200, 9}, []int{1, 0}},
		{"one for sure, another perhaps", 1, []int{200, 210, 9}, []int{1, 2, 0}},
		{"two for sure", 2, []int{200, 210, 9}, []int{2, 1, 0}},
		{"a short one between", 0, []int{200, 10, 200}, []int{0, 1}},
		{"as many as there are at the most", 0, []int{200, 200, 200, 200, 200, 200}, []int{0, 1, 2, 3, 4}},
		{"to the end", 0, []int{200, 200}, []int{0, 1, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := startsOf(greeted(tt.sure, tt.lengths...)); !slices.Equal(got, tt.starts) {
				t.Errorf("data begin after %v records, want %v", got, tt.starts)
			}
		})
	}
}

// A leg has room for as many tickets as the server sent before it heard what the client
// said next, but for an answer.
func TestRoom(t *testing.T) {
	for _, tt := range []struct {
		name string
		sure int
		alpn string
		then []say // after the handshake
		want int
	}{
		{"asked once", 0, "", []say{asks(10), answers(200), answers(200)}, maxTickets},
		{"asked twice", 0, "", []say{asks(10), answers(200), answers(210), answers(300), asks(10), answers(300)}, 2},
		{"answers of a record each", 0, "", []say{asks(10), answers(200), asks(10), answers(210), asks(10), answers(220)}, 0},
		{"asked after tickets that were heard", 2, "", []say{answers(200), answers(210), asks(10), answers(300)}, 2},
		{"the client says more before it has heard anything", 0, "", []say{asks(10), answers(200), answers(210).before(0), asks(10).before(2), answers(220), asks(10), answers(9)}, 2},
		{"HTTP/2", 0, "h2", []say{asks(10), answers(200), asks(10), answers(210)}, maxTickets},
	} {
		v := spoken(append([]say{asks(200).as(tls.TypeHandshake), answers(700), answers(36), asks(36)}, tt.then...)...)
		v.flight, v.sure = 2, tt.sure
		v.Orig.Starts = []int64{v.Orig.after(1)}
		if tt.alpn != "" {
			v.Leg.TLS.ALPN = []string{tt.alpn}
		}
		if got := v.room(); got != tt.want {
			t.Errorf("%s: room for %d, want %d", tt.name, got, tt.want)
		}
	}
	if got := least([]*Leg{greeted(0, 200), greeted(3, 200)}); got != maxTickets {
		t.Errorf("room for %d on legs that ask once, want %d", got, maxTickets)
	}
	early := func() *Leg { // the client spoke between two tickets
		v := spoken(asks(200).as(tls.TypeHandshake), answers(700), answers(36), asks(36), answers(200), asks(10), answers(200), asks(10), answers(90))
		v.flight = 2
		v.Orig.Starts = []int64{v.Orig.after(1)}
		return v
	}
	for _, tt := range []struct{ early, all, want int }{{1, 5, maxTickets}, {2, 4, 0}, {4, 4, 0}} {
		var vs []*Leg
		for i := range tt.all {
			if i < tt.early {
				vs = append(vs, early())
			} else {
				vs = append(vs, greeted(0, 200))
			}
		}
		if got := least(vs); got != tt.want {
			t.Errorf("%d of %d spoke early: room for %d, want %d", tt.early, tt.all, got, tt.want)
		}
	}
}

// Tickets of one server are as long, more or less: by ticketSpread.
func TestAlike(t *testing.T) {
	for _, tt := range []struct {
		a, b int64
		want bool
	}{{200, 200, true}, {200, 248, true}, {248, 200, true}, {200, 249, false}, {249, 200, false}} {
		if got := alike(tt.a, tt.b); got != tt.want {
			t.Errorf("alike(%d, %d) is %v", tt.a, tt.b, got)
		}
	}
}

// A leg has as many tickets as its first records are like the typical ones, one
// after the other.
func TestLike(t *testing.T) {
	for _, tt := range []struct {
		name    string
		lengths []int
		typical []int64
		want    int
	}{
		{"no typical ones", []int{200, 200}, nil, 0},
		{"both", []int{230, 260}, []int64{200, 250}, 2},
		{"the first only", []int{230, 400}, []int64{200, 250}, 1},
		{"not the first", []int{400, 250}, []int64{200, 250}, 0},
		{"fewer than typical", []int{200}, []int64{200, 250}, 1},
		{"more than typical", []int{200, 250, 250}, []int64{200, 250}, 2},
		{"too short to be one", []int{60}, []int64{70}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := greeted(0, tt.lengths...).like(tt.typical); got != tt.want {
				t.Errorf("%d records are tickets, want %d", got, tt.want)
			}
		})
	}
}

// legsOf returns n legs whose servers send the same records.
func legsOf(n, sure int, lengths ...int) (vs []*Leg) {
	for range n {
		vs = append(vs, greeted(sure, lengths...))
	}
	return vs
}

// Typical are the tickets that time tells on half of the legs, those of the leg in
// the middle; on fewer legs, lengths that recur.
func TestTypicalTickets(t *testing.T) {
	for _, tt := range []struct {
		name string
		legs []*Leg
		want []int64
	}{
		{"told by no leg", legsOf(3, 0, 200, 9), nil},
		{"told by one", legsOf(1, 2, 200, 210, 9), []int64{200, 210}},
		{"told by one of three", slices.Concat(legsOf(1, 1, 200, 9), legsOf(2, 0, 300, 9)), []int64{200}},
		{"by half of four", slices.Concat(legsOf(2, 1, 200, 9), legsOf(2, 0, 300, 9)), []int64{200}},
		{"by fewer than half of four", slices.Concat(legsOf(1, 1, 200, 9), legsOf(3, 0, 300, 9)), nil},
		{"that recur, though one leg tells others", slices.Concat(legsOf(1, 1, 190, 9), legsOf(9, 0, 300, 310, 9)), []int64{300, 310}},
		{"of one, one, two, three and three, two", slices.Concat(legsOf(2, 3, 201, 202, 203, 9), legsOf(2, 1, 221, 222, 9), legsOf(1, 2, 200, 210, 9)), []int64{200, 210}},
		{"told by two of five", slices.Concat(legsOf(2, 1, 200, 9), legsOf(3, 0, 300, 9)), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := typicalTickets(tt.legs); !slices.Equal(got, tt.want) {
				t.Errorf("typical are %v, want %v", got, tt.want)
			}
		})
	}
}

// What recurs at the beginning of nearly all legs are tickets, unless that is also
// what comes later; the last record of a leg may be an answer.
func TestRecurring(t *testing.T) {
	later := func(n, of int) []int { // records of which n are as long as a ticket of 200 bytes
		out := []int{200, 5000, 5001, 5002}
		for i := range of {
			if i < n {
				out = append(out, 210)
			} else {
				out = append(out, 4000)
			}
		}
		return out
	}
	for _, tt := range []struct {
		name string
		legs []*Leg
		want []int64
	}{
		{"of three legs nothing", legsOf(3, 0, 200, 9), nil},
		{"of four legs", legsOf(4, 0, 200, 9), []int64{200}},
		{"the last record is an answer", legsOf(4, 0, 200, 210), []int64{200}},
		{"on two thirds of the legs", slices.Concat(legsOf(4, 0, 200, 9), legsOf(2, 0, 9, 9)), []int64{200}},
		{"on fewer", slices.Concat(legsOf(4, 0, 200, 9), legsOf(3, 0, 9, 9)), nil},
		{"nine of ten alike", slices.Concat(legsOf(9, 0, 200, 9), legsOf(1, 0, 300, 9)), []int64{200}},
		{"fewer alike", slices.Concat(legsOf(8, 0, 200, 9), legsOf(1, 0, 300, 9)), nil},
		{"about as long as the one in the middle", slices.Concat(legsOf(4, 0, 160, 9), legsOf(6, 0, 200, 9)), []int64{200}},
		{"no more of them than a server sends", legsOf(4, 0, 200, 201, 202, 203, 204, 9), []int64{200, 201, 202, 203}},
		{"as long as half of what comes later", legsOf(4, 0, later(2, 4)...), []int64{200, 5000, 5001, 5002}},
		{"as long as more of what comes later", legsOf(4, 0, later(3, 4)...), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := recurring(tt.legs, maxTickets); !slices.Equal(got, tt.want) {
				t.Errorf("%v recur, want %v", got, tt.want)
			}
		})
	}
}

// Legs to one server by one name learn of each other how many tickets there are,
// and of no others; what time tells is never taken back.
func TestSettleTickets(t *testing.T) {
	to := func(v *Leg, server, name string, resumed bool) *Leg {
		v.Leg.Orig.Dst, v.Leg.TLS.SNI, v.Leg.TLS.Resumed = netip.MustParseAddrPort(server), name, resumed
		return v
	}
	const a, b = "10.0.0.1:443", "10.0.0.1:444"
	for _, tt := range []struct {
		name   string
		legs   []*Leg
		starts [][]int
	}{
		{"from the one that tells", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(0, 210, 9), a, "x", false)}, [][]int{{1, 0}, {1, 0}}},
		{"another server", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(0, 210, 9), b, "x", false)}, [][]int{{1, 0}, {0, 1}}},
		{"another name", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(0, 210, 9), a, "y", false)}, [][]int{{1, 0}, {0, 1}}},
		{"resumed", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(0, 210, 9), a, "x", true)}, [][]int{{1, 0}, {0, 1}}},
		{"of another length", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(0, 300, 9), a, "x", false)}, [][]int{{1, 0}, {0, 1}}},
		{"more than others have", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(1, 200, 9), a, "x", false), to(greeted(2, 200, 200, 9), a, "x", false)},
			[][]int{{1, 0}, {1, 0}, {2, 1, 0}}},
		{"handshake not seen", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(-1, 210, 9), a, "x", false)}, [][]int{{1, 0}, {0, 1}}},
		{"nothing after the flight", []*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(0), a, "x", false)}, [][]int{{1, 0}, {0}}},
		{"those without anything do not count", slices.Concat([]*Leg{to(greeted(1, 200, 9), a, "x", false), to(greeted(0, 205, 9), a, "x", false)},
			[]*Leg{to(greeted(0), a, "x", false), to(greeted(0), a, "x", false), to(greeted(0), a, "x", false)}), [][]int{{1, 0}, {1, 0}, {0}, {0}, {0}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			SettleTickets(tt.legs)
			for i, v := range tt.legs {
				if got := startsOf(v); !slices.Equal(got, tt.starts[i]) {
					t.Errorf("leg %d: data begin after %v records, want %v", i, got, tt.starts[i])
				}
			}
		})
	}
}
