package turn

import (
	"net/netip"
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Servers send session tickets after the handshake of TLS 1.3, encrypted like
// data: OpenSSL and Go at once, BoringSSL in one record before its first data.
// They are told from data by when they come, and where that does not tell, by
// their lengths, which recur at the beginning of the connections of a server.

// ticket reports whether record i after the server's flight may be a ticket.
func (v *Leg) ticket(i int) bool {
	k := v.flight + i
	return i < maxTickets && k < len(v.Reply.Data) && v.Reply.Size(v.Reply.Data[k]) >= minTicket
}

// begin sets where the server's data begin: after n tickets, or else after
// fewer or more.
func (v *Leg) begin(n int) {
	v.Reply.Starts = []int64{v.Reply.after(v.flight + n)}
	for i := n; v.ticket(i); i++ {
		v.Reply.Starts = append(v.Reply.Starts, v.Reply.after(v.flight+i+1))
	}
	for i := n - 1; i >= 0; i-- {
		v.Reply.Starts = append(v.Reply.Starts, v.Reply.after(v.flight+i))
	}
}

// A school is the connections to one server with one kind of handshake: they
// get the same tickets, more or less.
type school struct {
	server  netip.AddrPort
	name    string
	resumed bool
}

// SettleTickets decides for legs whose tickets are not told by time what those
// of other legs to the same server tell.
func SettleTickets(measured []*Leg) {
	schools := make(map[school][]*Leg)
	var order []school
	for _, v := range measured {
		if v.sure < 0 || len(v.Reply.Data) == v.flight {
			continue
		}
		s := school{v.Leg.Orig.Dst, v.Leg.TLS.SNI, v.Leg.TLS.Resumed}
		if schools[s] == nil {
			order = append(order, s)
		}
		schools[s] = append(schools[s], v)
	}
	for _, s := range order {
		typical := typicalTickets(schools[s])
		for _, v := range schools[s] {
			if n := v.like(typical); n > v.sure {
				v.begin(n)
			}
		}
	}
}

// typicalTickets returns the lengths of the tickets that most legs of a school
// have: those that came before any data of the client, or where that is seen on
// few legs, lengths that recur at the beginning.
func typicalTickets(vs []*Leg) []int64 {
	known := slices.DeleteFunc(slices.Clone(vs), func(v *Leg) bool { return v.sure == 0 })
	if len(vs) >= minSchool && 2*len(known) < len(vs) {
		return recurring(vs, least(vs))
	}
	if len(known) == 0 {
		return nil
	}
	slices.SortFunc(known, func(a, b *Leg) int { return a.sure - b.sure })
	var out []int64
	for i := range known[len(known)/2].sure {
		out = append(out, known[len(known)/2].length(i))
	}
	return out
}

// least returns how many tickets three of four legs have room for: of a few the client
// may have spoken between two of them.
func least(vs []*Leg) int {
	rooms := make([]int, len(vs))
	for i, v := range vs {
		rooms[i] = v.room()
	}
	slices.Sort(rooms)
	return min(rooms[len(rooms)/4], maxTickets)
}

// room returns how many tickets a leg may have by time: servers send them before they
// have heard what the client says next after it heard something of them. One record is
// left for an answer, if the client did not ask after tickets only. In HTTP/2 the client
// says much without asking, and the server SETTINGS before it answers anything, which
// is shorter than any ticket.
func (v *Leg) room() int {
	if v.Leg.SpeaksHTTP2() {
		return maxTickets
	}
	from := v.Reply.after(v.flight)
	for _, u := range v.Orig.units[v.Orig.first(v.Orig.Starts[0]):] {
		if u.Kind != scan.UnitData || v.Reply.heard(u.At.Ack, from) <= from {
			continue
		}
		n := 0
		for _, r := range v.Reply.Data[v.flight:] {
			if v.Orig.heard(r.At.Ack, u.Off) > u.Off {
				break
			}
			n++
		}
		return max(n-1, v.sure)
	}
	return maxTickets // the client asks once
}

// recurring returns the lengths that the first records after the flight have
// on nearly all legs, and that do not recur later, so many at the most. One record is
// left for an answer.
func recurring(vs []*Leg, room int) []int64 {
	var out []int64
	for i := range min(room, maxTickets) {
		var lengths []int64
		for _, v := range vs {
			if v.ticket(i) && len(v.Reply.Data) > v.flight+i+1 {
				lengths = append(lengths, v.length(i))
			}
		}
		if len(lengths) < minSchool || 3*len(lengths) < 2*len(vs) {
			break
		}
		slices.Sort(lengths)
		median := lengths[len(lengths)/2]
		near := 0
		for _, n := range lengths {
			if alike(n, median) {
				near++
			}
		}
		if 10*near < 9*len(lengths) || usual(vs, median) {
			break
		}
		out = append(out, median)
	}
	return out
}

// usual reports whether records of about a length are also what legs carry later, or
// what later answers begin with.
func usual(vs []*Leg, length int64) bool {
	var near, all, begins, answers int
	for _, v := range vs {
		before := v.Orig.Starts[0]
		for k := v.flight; k < len(v.Reply.Data); k++ {
			u, one := v.Reply.Data[k], 0
			if alike(v.Reply.Size(u), length) {
				one = 1
			}
			if k >= v.flight+maxTickets {
				near, all = near+one, all+1
			}
			heard := v.Orig.heard(u.At.Ack, before)
			if k > v.flight && heard > before {
				begins, answers = begins+one, answers+1
			}
			before = max(before, heard)
		}
	}
	return 2*near > all || 2*begins > answers
}

// minSchool is how many connections are enough to see what recurs.
const minSchool = 4

// length returns the plaintext length of record i after the server's flight.
func (v *Leg) length(i int) int64 { return v.Reply.Size(v.Reply.Data[v.flight+i]) }

// like returns how many records after the flight have the typical lengths.
func (v *Leg) like(typical []int64) int {
	n := 0
	for n < len(typical) && v.ticket(n) && alike(v.length(n), typical[n]) {
		n++
	}
	return n
}

// alike reports whether two tickets are about as long: they differ by what the
// client's certificate adds and by padding.
func alike(a, b int64) bool {
	d := a - b
	return d >= -ticketSpread && d <= ticketSpread
}

// ticketSpread is by how many bytes tickets of one server differ at most.
const ticketSpread = 48
