package conn

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/recorded"
)

const second = int64(1e9)

// dated says when an entry was in the table; 0 is not known.
func dated(e *recorded.Entry, from, to int64) *recorded.Entry {
	e.From.Time, e.To.Time = capture.Time(from), capture.Time(to)
	return e
}

// listed says how many seconds an entry was idle when the table was listed.
func listed(e *recorded.Entry, idle uint32) *recorded.Entry {
	e.State, e.Timeout = "ESTABLISHED", 432000-idle
	e.Has = ^e.Has // it has whatever an entry may have
	return e
}

// entriesOf finds entries by all their tuples.
func entriesOf(es ...*recorded.Entry) *recorded.Entries {
	b := &recorded.Entries{Entries: es, Views: make(map[tcpip.Tuple][]recorded.View)}
	for _, e := range es {
		for _, t := range []tcpip.Tuple{e.Orig, e.Orig.Reverse(), e.Reply, e.Reply.Reverse()} {
			b.Views[t] = append(b.Views[t], recorded.View{E: e})
		}
	}
	return b
}

// An entry's times must be those of the connection, as exact as conntrack stamps
// them; one that began before the capture may be older.
func TestAlive(t *testing.T) {
	const slack, start, end = 2 * second, 1000 * second, 1010 * second
	for _, tt := range []struct {
		name     string
		from, to int64
		local    bool // of a clock whose zone is not known
		syn      bool
		want     bool
	}{
		{"without times", 0, 0, false, true, true},
		{"from its SYN on", start, 0, false, true, true},
		{"as much before as may be", start - slack, 0, false, true, true},
		{"earlier", start - slack - 1, 0, false, true, false},
		{"earlier, and the connection was there before the capture", start - slack - 1, 0, false, false, true},
		{"as much later as may be", start + slack, 0, false, true, true},
		{"later, but within its life", start + slack + 1, 0, false, true, true},
		{"as late as its end", end + slack, 0, false, true, true},
		{"behind its end", end + slack + 1, 0, false, true, false},
		{"behind its end, which began before the capture", end + slack + 1, 0, false, false, false},
		{"later by a clock of another zone", start + slack + 3600*second, 0, true, true, true},
		{"later within the hour by such a clock", start + slack + 1, 0, true, true, false},
		{"gone as early as may be", 0, start - slack, false, true, true},
		{"gone before", 0, start - slack - 1, false, true, false},
		{"gone before by such a clock", 0, start - slack - 1, true, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := indexOf(t, side{syn: tt.syn})
			c := connOf(x, 1, 0)
			c.Start, c.End = start, end
			e := dated(entryOf(pod, vip, proxy), tt.from, tt.to)
			e.From.Local, e.To.Local = tt.local, tt.local
			if got := Alive(e, x, c); got != tt.want {
				t.Errorf("alive %v, want %v", got, tt.want)
			}
		})
	}
}

// An entry is of a connection if both halves, as far as captured, show one of its
// tuples, before NAT or after.
func TestDescribes(t *testing.T) {
	sides := []side{
		{lo: true, src: pod, dst: vip}, {lo: true, src: vip, dst: pod}, {lo: true, src: pod, dst: proxy}, {lo: true, src: proxy, dst: pod}, {lo: true, src: client, dst: vip},
	}
	const asked, answered, askedNAT, answeredNAT, other = 1, 2, 3, 4, 5
	rewrites, plain := entryOf(pod, vip, proxy), entryOf(pod, vip, vip)
	for _, tt := range []struct {
		name        string
		e           *recorded.Entry
		orig, reply index.HalfNo
		lo, half    bool
		want        bool
	}{
		{"as dialled, and as the client gets it", rewrites, asked, answered, false, false, true},
		{"after NAT, and before it is rewritten back", rewrites, askedNAT, answeredNAT, false, false, true},
		{"a half-flow", rewrites, askedNAT, answered, true, true, true},
		{"the other way round", rewrites, answered, askedNAT, true, true, true},
		{"over loopback, under one tuple", rewrites, asked, answered, true, false, false},
		{"the same of what rewrites nothing", plain, asked, answered, true, false, true},
		{"asked only", rewrites, asked, 0, false, false, true},
		{"answered only", rewrites, 0, answeredNAT, false, false, true},
		{"asked only, taken for the answer", rewrites, 0, askedNAT, false, false, true},
		{"another asked", rewrites, other, answered, false, false, false},
		{"another answered", rewrites, asked, other, false, false, false},
		{"both asked", rewrites, asked, askedNAT, false, false, false},
		{"another alone", rewrites, other, 0, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := indexOf(t, sides...)
			c := connOf(x, tt.orig, tt.reply)
			c.Loopback, c.HalfFlow = tt.lo, tt.half
			if got := Describes(tt.e, x, c); got != tt.want {
				t.Errorf("describes %v, want %v", got, tt.want)
			}
		})
	}
}

// Entries fit by tuples and by time, each once.
func TestFitting(t *testing.T) {
	x := indexOf(t, side{lo: true, src: pod, dst: proxy})
	c := connOf(x, 1, 0)
	c.Start, c.End = 1000*second, 1010*second
	fits, late, other := entryOf(pod, vip, proxy), dated(entryOf(pod, vip, proxy), 2000*second, 0), entryOf(client, vip, proxy)
	b := entriesOf(fits, late, other)
	own := tuple(pod, proxy)
	b.Views[own] = append(b.Views[own], recorded.View{E: fits}, recorded.View{E: other})
	if got := fitting(b, x, c); len(got) != 1 || got[0] != fits {
		t.Errorf("%d entries fit, want the one of its time", len(got))
	}
}

// Halves that an entry names as one connection are edges, if their numbers agree
// and one point shows both.
func TestEdgesOf(t *testing.T) {
	ask, reply := asking(), replying()
	ask.src, ask.dst, ask.lo, reply.src, reply.dst, reply.lo = pod, proxy, true, vip, pod, true
	elsewhere := reply
	elsewhere.lo = false
	disagrees := reply
	disagrees.acks[0] = 5
	for _, tt := range []struct {
		name  string
		sides []side
		e     *recorded.Entry
		free  []index.HalfNo
		want  string
	}{
		{"both", []side{ask, reply}, entryOf(pod, vip, proxy), []index.HalfNo{1, 2}, "[{1 2}]"},
		{"the answer first", []side{reply, ask}, entryOf(pod, vip, proxy), []index.HalfNo{1, 2}, "[{1 2}]"},
		{"one is bound", []side{ask, reply}, entryOf(pod, vip, proxy), []index.HalfNo{1}, "[]"},
		{"another connection's", []side{ask, reply}, entryOf(client, vip, proxy), []index.HalfNo{1, 2}, "[]"},
		{"at another point", []side{ask, elsewhere}, entryOf(pod, vip, proxy), []index.HalfNo{1, 2}, "[]"},
		{"numbers that disagree", []side{ask, disagrees}, entryOf(pod, vip, proxy), []index.HalfNo{1, 2}, "[]"},
		{"an entry that rewrites nothing", []side{ask, reply}, entryOf(pod, proxy, proxy), []index.HalfNo{1, 2}, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := fmt.Sprint(edgesOf(entriesOf(tt.e), indexOf(t, tt.sides...), tt.free)); got != tt.want {
				t.Errorf("edges %s, want %s", got, tt.want)
			}
		})
	}
}

// What only an entry ties is bound by it, before numbers are asked.
func TestBindByEntries(t *testing.T) {
	ask, reply, rival := asking(), replying(), replying()
	ask.src, ask.dst = pod, proxy
	reply.src, reply.dst = vip, pod
	rival.src, rival.dst = "10.96.10.2:80", pod
	for _, tt := range []struct {
		name    string
		entries *recorded.Entries
		want    string
	}{
		{"no entry", entriesOf(), "[0 0 0]"},
		{"one", entriesOf(entryOf(pod, vip, proxy)), "[2 1 0]"},
		{"one for each", entriesOf(entryOf(pod, vip, proxy), entryOf(pod, "10.96.10.2:80", proxy)), "[0 0 0]"},
	} {
		b := binderOf(t, ask, reply, rival)
		b.nat = tt.entries
		b.bindByEntries()
		if got := fmt.Sprint(b.partner[1:]); got != tt.want {
			t.Errorf("%s: partners %s, want %s", tt.name, got, tt.want)
		}
	}
	b := binderOf(t, ask, reply)
	b.nat = entriesOf(entryOf(pod, vip, proxy))
	b.partner[1] = 7
	b.bindByEntries()
	if got := fmt.Sprint(b.partner[1:]); got != "[7 0]" {
		t.Errorf("partners %s: what was bound is bound again", got)
	}
}

// An entry without times is of the last connection under its tuple, and of those
// before it that ended too shortly before for the entry to expire.
func TestRecall(t *testing.T) {
	const at = 1000 * second
	undated := func() *recorded.Entry { return entryOf(pod, vip, vip) }
	for _, tt := range []struct {
		name    string
		lives   [][2]int64 // of connections under one tuple
		entries []*recorded.Entry
		want    string // number of each one's entry, from 1
	}{
		{"one", [][2]int64{{at, at + 5}}, []*recorded.Entry{undated()}, "[1]"},
		{"none", [][2]int64{{at, at + 5}}, nil, "[0]"},
		{"used again at once", [][2]int64{{at, at + 5}, {at + 10, at + 20}}, []*recorded.Entry{undated()}, "[1 1]"},
		{"used again as late as may be", [][2]int64{{at, at + 5}, {at + 5 + 120*second - 1, at + 500*second}}, []*recorded.Entry{undated()}, "[1 1]"},
		{"used again later", [][2]int64{{at, at + 5}, {at + 5 + 120*second, at + 500*second}}, []*recorded.Entry{undated()}, "[0 1]"},
		{"a chain of uses", [][2]int64{{at, at + 5}, {at + 100*second, at + 101*second}, {at + 200*second, at + 201*second}}, []*recorded.Entry{undated()}, "[1 1 1]"},
		{"an entry with times is of one", [][2]int64{{at, at + 5}, {at + second, at + 2*second}}, []*recorded.Entry{dated(undated(), at+second, 0)}, "[0 1]"},
		{"each its own", [][2]int64{{at, at + 5}, {at + 10*second, at + 20*second}}, []*recorded.Entry{dated(undated(), at, at+5*second), dated(undated(), at+10*second, 0)}, "[1 2]"},
		{"two that may be, which say the same", [][2]int64{{at, at + 5}}, []*recorded.Entry{listed(undated(), 10), listed(undated(), 11)}, "[1]"},
		{"what is in doubt is not taken from another", [][2]int64{{at, at + 5}, {at + 10, at + 20}}, []*recorded.Entry{listed(entryOf(pod, vip, app), 0), listed(entryOf(pod, vip, proxy), 100), listed(entryOf(pod, vip, client), 100)}, "[0 1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sides []side
			for range tt.lives {
				sides = append(sides, side{src: pod, dst: vip, syn: true})
			}
			x := indexOf(t, sides...)
			var conns []*Conn
			for i, l := range tt.lives {
				c := connOf(x, index.HalfNo(i+1), 0)
				c.Start, c.End = l[0], l[1]
				conns = append(conns, c)
			}
			recall(entriesOf(tt.entries...), x, conns)
			var got []int
			for _, c := range conns {
				n := 0
				for i, e := range tt.entries {
					if c.Entry == e {
						n = i + 1
					}
				}
				got = append(got, n)
			}
			if fmt.Sprint(got) != tt.want {
				t.Errorf("entries %v, want %s", got, tt.want)
			}
			for i, e := range tt.entries {
				if !e.Fits {
					t.Errorf("entry %d is said to fit no connection", i+1)
				}
			}
		})
	}
}

// A redirected connection has its entry, both of whose halves were captured.
func TestRecallHalfFlow(t *testing.T) {
	ask, reply := asking(), replying()
	ask.lo, ask.src, ask.dst, reply.lo, reply.src, reply.dst = true, pod, proxy, true, vip, pod
	for _, tt := range []struct {
		name string
		e    *recorded.Entry
		want bool
	}{
		{"its own", entryOf(pod, vip, proxy), true},
		{"one that names another server", entryOf(pod, app, proxy), false},
		{"one that rewrites nothing", entryOf(pod, vip, vip), false},
	} {
		x := indexOf(t, ask, reply)
		conns := Bind(x, entriesOf(tt.e))
		if len(conns) != 1 || !conns[0].HalfFlow || (conns[0].Entry == tt.e) != tt.want || tt.e.Fits != tt.want {
			t.Errorf("%s: %d conns, a half-flow %v, entry %v, fits %v; want one with an entry: %v", tt.name, len(conns), conns[0].HalfFlow, conns[0].Entry, tt.e.Fits, tt.want)
		}
	}
}

// One entry may be of connections at two points, which are one or NAT apart.
func TestRecallAtTwoPoints(t *testing.T) {
	x := indexOf(t, side{src: pod, dst: vip, syn: true}, side{lo: true, src: pod, dst: vip, syn: true})
	e := dated(entryOf(pod, vip, app), 1000*second, 0)
	other := entryOf(client, vip, app)
	var conns []*Conn
	for h := range index.HalfNo(2) {
		c := connOf(x, h+1, 0)
		c.Start, c.End = 1000*second, 1001*second
		conns = append(conns, c)
	}
	recall(entriesOf(e, other), x, conns)
	if conns[0].Entry != e || conns[1].Entry != e || other.Fits {
		t.Errorf("entries %v and %v, another one fits: %v", conns[0].Entry, conns[1].Entry, other.Fits)
	}
}

// Of several entries that may be of a connection, one that rewrites it says more;
// then times decide, then who was used last, unless that is too close.
func TestChoose(t *testing.T) {
	const start = 1000 * second
	plain := func() *recorded.Entry { return entryOf(pod, vip, vip) }
	rewrites := func() *recorded.Entry { return entryOf(pod, vip, app) }
	for _, tt := range []struct {
		name string
		es   []*recorded.Entry
		want int // from 0; -1 = none
	}{
		{"none", nil, -1},
		{"one", []*recorded.Entry{plain()}, 0},
		{"what rewrites, though it was used longer ago", []*recorded.Entry{listed(plain(), 0), listed(rewrites(), 50)}, 1},
		{"what has times", []*recorded.Entry{listed(rewrites(), 0), dated(rewrites(), start-second, 0)}, 1},
		{"the nearest, before", []*recorded.Entry{dated(rewrites(), start-3, 0), dated(rewrites(), start-2, 0), dated(rewrites(), start+3, 0)}, 1},
		{"the nearest, behind", []*recorded.Entry{dated(rewrites(), start-3, 0), dated(rewrites(), start+2, 0)}, 1},
		{"of equals the first", []*recorded.Entry{dated(rewrites(), start-2, 0), dated(plain(), start, 0), dated(rewrites(), start+2, 0)}, 0},
		{"used last", []*recorded.Entry{listed(rewrites(), 7), listed(rewrites(), 5)}, 1},
		{"used last by two seconds", []*recorded.Entry{listed(rewrites(), 5), listed(entryOf(pod, vip, proxy), 7)}, 0},
		{"by one, which say different things", []*recorded.Entry{listed(rewrites(), 5), listed(entryOf(pod, vip, proxy), 6)}, -1},
		{"by one, and the same was listed again", []*recorded.Entry{listed(rewrites(), 5), listed(rewrites(), 6)}, 0},
		{"by one, the other way round", []*recorded.Entry{listed(rewrites(), 6), listed(entryOf(pod, vip, proxy), 5)}, -1},
		{"the same was listed before", []*recorded.Entry{listed(rewrites(), 6), listed(rewrites(), 5)}, 1},
		{"the same was listed before, beside another", []*recorded.Entry{listed(rewrites(), 6), listed(entryOf(pod, vip, proxy), 6), listed(rewrites(), 5)}, -1},
		{"other answers to another client", []*recorded.Entry{listed(rewrites(), 5), listed(entryOf(client, vip, app), 5)}, -1},
		{"in doubt, until one was used much later", []*recorded.Entry{listed(rewrites(), 50), listed(entryOf(pod, vip, proxy), 50), listed(rewrites(), 5)}, 2},
		{"when they were used is not known", []*recorded.Entry{rewrites(), entryOf(pod, vip, proxy)}, -1},
		{"of one it is", []*recorded.Entry{rewrites(), listed(entryOf(pod, vip, proxy), 5)}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := choose(tt.es, &Conn{Start: start})
			for i, e := range tt.es {
				if (got == e) != (i == tt.want) {
					t.Errorf("chose entry %d: %v, want entry %d", i, got == e, tt.want)
				}
			}
			if tt.want < 0 && got != nil {
				t.Error("chose an entry, want none")
			}
		})
	}
}

// ztunnel's mark is that of Istio's rules, on loopback; a new entry does not have it yet.
func TestByZtunnel(t *testing.T) {
	entry := func(mark uint32, state string) *recorded.Entry {
		e := new(recorded.Entry)
		e.Mark, e.State = mark, state
		return e
	}
	for _, tt := range []struct {
		name      string
		c         Conn
		by, known bool
	}{
		{"no entry", Conn{Loopback: true}, false, false},
		{"marked", Conn{Loopback: true, Entry: entry(0x111, "ESTABLISHED")}, true, true},
		{"with others' bits", Conn{Loopback: true, Entry: entry(0xabc111, "TIME_WAIT")}, true, true},
		{"with other bits of its own", Conn{Loopback: true, Entry: entry(0x311, "TIME_WAIT")}, false, true},
		{"not marked", Conn{Loopback: true, Entry: entry(0, "CLOSE")}, false, true},
		{"new", Conn{Loopback: true, Entry: entry(0, "SYN_SENT")}, false, false},
		{"of no known state", Conn{Loopback: true, Entry: entry(0, "")}, false, false},
		{"on the wire", Conn{Entry: entry(0x111, "ESTABLISHED")}, false, false},
	} {
		if by, known := tt.c.ByZtunnel(); by != tt.by || known != tt.known {
			t.Errorf("%s: %v, known %v; want %v, %v", tt.name, by, known, tt.by, tt.known)
		}
	}
}
