package mesh_test

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// A sealedWorld is a simulated pod whose clients speak TLS with the proxy. What
// they say cannot be read; what the proxy makes of it on loopback can. Every
// connection has a number, by which its exchanges are known.
type sealedWorld struct {
	rand    *rand.Rand
	tr      pcaptest.Trace
	now     time.Duration
	events  events
	idle    [][]*upstream // of each worker
	dialled []int         // connections that each worker opened
	opts    sealedOptions
	asked   int // exchanges so far

	clients map[netip.AddrPort]int // number of a client connection by its address
	ups     map[netip.AddrPort]int // likewise behind the proxy
	began   [2][][]begun           // by side and connection: its exchanges in the order of time
	pairs   map[int]int            // client connection to the one behind the proxy, byte for byte
}

// begun says when the first byte of an exchange was seen on a connection.
type begun struct {
	nanos    int64
	exchange int
}

// sealedOptions says what a sealedWorld is like.
type sealedOptions struct {
	tls         pcaptest.TLSConfig
	conns       int  // client connections
	calls       int  // exchanges on each
	tcp         bool // the proxy forwards bytes, on a connection for each client's
	identities  int  // of clients: what the proxy adds to requests depends on them
	workers     int  // the proxy's; each has a pool of its own
	pool        int  // connections that a worker opens before it uses one again
	serverFirst bool // the server speaks before the client, byte for byte only
	sameFlight  bool // the first request goes into the segment with the client's Finished, before any ticket
	lateTickets bool // tickets come with the answer to the first request
	loss        float64
	again       float64       // share of data packets sent twice
	swapped     float64       // share of messages whose last two packets are out of order
	ramp, think time.Duration // time in which clients come, and mean time between exchanges
	serve       time.Duration // mean time of the application
}

// An upstream is a connection of the proxy to the application.
type upstream struct {
	*pcaptest.Connection
	no int
}

// A sealedClient is a client's connection.
type sealedClient struct {
	*pcaptest.TLSConnection
	no, left int
	worker   int
	up       *upstream // byte for byte
}

// playSealed runs a world to its end.
func playSealed(seed uint64, o sealedOptions) *sealedWorld {
	o.identities, o.workers = max(o.identities, 1), max(o.workers, 1)
	o.think, o.serve = cmp.Or(o.think, 2*time.Millisecond), cmp.Or(o.serve, time.Millisecond)
	o.ramp = cmp.Or(o.ramp, 5*time.Millisecond)
	o.tls.Certificate, o.tls.ClientCertificate = pcaptest.Certificate("spiffe://server"), pcaptest.Certificate("spiffe://client")
	w := &sealedWorld{rand: rand.New(rand.NewPCG(seed, 11)), opts: o, idle: make([][]*upstream, o.workers), dialled: make([]int, o.workers),
		clients: make(map[netip.AddrPort]int), ups: make(map[netip.AddrPort]int), pairs: make(map[int]int)}
	for i := range o.conns {
		w.at(time.Duration(w.rand.Int64N(int64(o.ramp))), func() { w.connect(i) })
	}
	for w.events.Len() > 0 {
		e := heap.Pop(&w.events).(event)
		w.tr.Wait(e.at - w.now)
		w.now = e.at
		e.do()
	}
	w.tr.Filter(func(*pcaptest.Packet) bool { return w.rand.Float64() >= o.loss })
	return w
}

// name returns the address of a client connection: one host for each identity.
func (w *sealedWorld) name(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i%w.opts.identities)}), uint16(20000+2*i))
}

// rename gives clients other addresses and ports, in no order.
func (w *sealedWorld) rename(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 12))
	hosts, ports := r.Perm(200), r.Perm(30000)
	other := make(map[capture.Addr]map[uint16]netip.AddrPort)
	clients := make(map[netip.AddrPort]int)
	for name, i := range w.clients {
		a := capture.AddrFrom(name.Addr())
		if other[a] == nil {
			other[a] = make(map[uint16]netip.AddrPort)
		}
		n := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + hosts[i%w.opts.identities])}), uint16(20000+ports[i]))
		other[a][name.Port()], clients[n] = n, i
	}
	w.clients = clients
	w.tr.Filter(func(p *pcaptest.Packet) bool {
		if n, ok := other[p.Key.Src][p.Key.SrcPort]; ok {
			p.Key.Src, p.Key.SrcPort = capture.AddrFrom(n.Addr()), n.Port()
		}
		if n, ok := other[p.Key.Dst][p.Key.DstPort]; ok {
			p.Key.Dst, p.Key.DstPort = capture.AddrFrom(n.Addr()), n.Port()
		}
		return true
	})
}

// at schedules something after a time.
func (w *sealedWorld) at(d time.Duration, do func()) {
	heap.Push(&w.events, event{w.now + d, do})
}

// some returns a time around the given mean.
func (w *sealedWorld) some(mean time.Duration) time.Duration {
	return mean/4 + time.Duration(w.rand.ExpFloat64()*float64(mean)*3/4)
}

// proxied returns how long the proxy takes.
func (w *sealedWorld) proxied() time.Duration { return w.some(150 * time.Microsecond) }

func (w *sealedWorld) open(iface, src, dst string) *pcaptest.Connection {
	return on(&w.tr, iface, src, dst).ISN(w.rand.Uint32(), w.rand.Uint32()).Step(time.Nanosecond)
}

// connect opens a client's connection.
func (w *sealedWorld) connect(i int) {
	w.clients[w.name(i)] = i
	c := w.open("eth0", w.name(i).String(), app)
	c.Handshake()
	conf := w.opts.tls
	if w.opts.lateTickets || w.opts.sameFlight && conf.Packing != pcaptest.PackBoringSSL {
		conf.Tickets = []int{}
	}
	k := &sealedClient{TLSConnection: c.TLS(conf), no: i, left: w.opts.calls, worker: w.rand.IntN(w.opts.workers)}
	switch {
	case w.opts.tcp:
		w.at(w.proxied(), func() {
			k.up = w.dial()
			w.pairs[i] = k.up.no
			w.at(w.some(w.opts.think), func() { w.talk(k) })
		})
	case w.opts.sameFlight:
		w.ask(k)
	default:
		w.at(w.some(w.opts.think), func() { w.ask(k) })
	}
}

// dial opens a connection to the application.
func (w *sealedWorld) dial() *upstream {
	no := len(w.ups)
	src := fmt.Sprintf("127.0.0.6:%d", 60001-no)
	w.ups[netip.MustParseAddrPort(src)] = no
	u := &upstream{w.open("lo", src, app), no}
	u.Handshake()
	return u
}

// note remembers that an exchange begins on a connection with the next packet.
func (w *sealedWorld) note(side, conn, exchange int) {
	for len(w.began[side]) <= conn {
		w.began[side] = append(w.began[side], nil)
	}
	at := int64(0)
	if w.tr.Len() > 0 {
		at = w.tr.Last(0).Nanos + 1
	}
	w.began[side][conn] = append(w.began[side][conn], begun{at, exchange})
}

// say adds what TLS makes of a message, and what happens to packets.
func (w *sealedWorld) say(k *sealedClient, reply bool, n int) {
	from := w.tr.Len()
	if reply {
		k.Reply(n)
	} else {
		k.Send(n)
	}
	w.trouble(from)
}

// trouble repeats or swaps packets added since there were from.
func (w *sealedWorld) trouble(from int) {
	if w.tr.Len()-from > 1 && w.rand.Float64() < w.opts.swapped {
		w.tr.Swap()
	}
	if w.rand.Float64() < w.opts.again {
		w.tr.Repeat()
	}
}

// ask has a client make its next call.
func (w *sealedWorld) ask(k *sealedClient) {
	id, first := w.asked, k.left == w.opts.calls
	w.asked++
	k.left--
	content := w.rand.IntN(5) / 4 * w.rand.IntN(4000)
	text := request("POST", "/"+strings.Repeat("e", k.EarlyData)+strings.Repeat("a", w.rand.IntN(60)), fmt.Sprintf("content-length: %d", content)) + strings.Repeat("x", content)
	w.note(0, k.no, id)
	if first && w.opts.sameFlight {
		w.inFlight(k, len(text))
	} else {
		w.say(k, false, len(text)-w.early(k))
	}
	added := "x-client: " + strings.Repeat("i", 40+17*(k.no%w.opts.identities)) + "\r\n"
	text = strings.Replace(text, "\r\n", "\r\n"+added, 1)
	w.at(w.proxied(), func() { w.forward(k, id, text) })
}

// inFlight adds the first request to the packet with the client's Finished,
// which OpenSSL's tickets follow.
func (w *sealedWorld) inFlight(k *sealedClient, n int) {
	p, from := w.tr.Last(0), w.tr.Len()
	k.Send(n - w.early(k))
	if w.tr.Len() == from+1 {
		p.Bytes = append(p.Bytes, w.tr.Last(0).Bytes...)
		p.Wire = uint32(len(p.Bytes))
		w.tr.Lose(1)
	}
	if k.Packing == pcaptest.PackOpenSSL && !w.opts.lateTickets {
		w.tickets(k)
	}
}

// tickets adds tickets as OpenSSL does: records like any other.
func (w *sealedWorld) tickets(k *sealedClient) {
	for _, n := range []int{745, 729} {
		k.Reply(n)
	}
}

// early returns how many bytes of a client's next message went before the
// handshake was over.
func (w *sealedWorld) early(k *sealedClient) int {
	n := k.EarlyData
	k.EarlyData = 0
	return n
}

// forward has the proxy pass on a request and bring back the response.
func (w *sealedWorld) forward(k *sealedClient, id int, text string) {
	pool := &w.idle[k.worker]
	var u *upstream
	if n := len(*pool); n > 0 && w.dialled[k.worker] >= w.opts.pool {
		i := w.rand.IntN(n)
		u = (*pool)[i]
		*pool = slices.Delete(*pool, i, i+1)
	} else {
		u = w.dial()
		w.dialled[k.worker]++
	}
	w.note(1, u.no, id)
	w.send(u, false, text)
	w.at(w.some(w.opts.serve), func() {
		content := w.rand.IntN(300) + w.rand.IntN(5)/4*w.rand.IntN(9000)
		resp := response(200, strings.Repeat("y", content))
		w.send(u, true, resp)
		w.at(w.proxied(), func() {
			*pool = append(*pool, u)
			w.answer(k, len(resp)+17+3*w.rand.IntN(2))
		})
	})
}

// send adds a message in segments.
func (w *sealedWorld) send(u *upstream, reply bool, text string) {
	from := w.tr.Len()
	for len(text) > 0 {
		n := min(len(text), 16384)
		if reply {
			u.Reply(text[:n])
		} else {
			u.Send(text[:n])
		}
		text = text[n:]
	}
	w.trouble(from)
}

// answer brings a response to the client, who thinks before it asks again.
func (w *sealedWorld) answer(k *sealedClient, n int) {
	if w.opts.lateTickets && k.left == w.opts.calls-1 {
		w.tickets(k)
	}
	w.say(k, true, n)
	if w.rand.IntN(2) == 0 {
		k.Ack()
	}
	if k.left == 0 {
		w.at(w.some(w.opts.think), k.Close)
		return
	}
	w.at(w.some(w.opts.think), func() { w.ask(k) })
}

// talk passes a turn each way, byte for byte.
func (w *sealedWorld) talk(k *sealedClient) {
	if k.left == 0 {
		k.Close()
		w.at(w.proxied(), k.up.Close)
		return
	}
	k.left--
	n, m := 1+k.EarlyData+w.rand.IntN(800), 1+w.rand.IntN(3000)
	ask := func(then func()) {
		w.say(k, false, n-w.early(k))
		w.at(w.proxied(), func() { w.send(k.up, false, strings.Repeat("q", n)); w.at(w.some(w.opts.serve), then) })
	}
	tell := func(then func()) {
		w.send(k.up, true, strings.Repeat("r", m))
		w.at(w.proxied(), func() { w.say(k, true, m); w.at(w.some(w.opts.think), then) })
	}
	next := func() { w.talk(k) }
	if w.opts.serverFirst {
		tell(func() { ask(next) })
	} else {
		ask(func() { tell(next) })
	}
}

// stitch reads what was captured at each interface as one file, in the given
// order.
func (w *sealedWorld) stitch(tb testing.TB, interfaces ...string) *mesh.Result {
	tb.Helper()
	var in []mesh.Input
	for _, i := range interfaces {
		in = append(in, mesh.Input{File: pcaptest.WriteFile(tb, i+".pcap", w.tr.PCAP(i))})
	}
	r, err := mesh.Stitch(in, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	return r
}

// exchangeAt returns which exchange was under way on a connection.
func (w *sealedWorld) exchangeAt(side, conn int, nanos int64) int {
	list := w.began[side][conn]
	i, _ := slices.BinarySearchFunc(list, nanos, func(b begun, t int64) int {
		if b.nanos <= t {
			return -1
		}
		return 1
	})
	return list[max(i-1, 0)].exchange
}

// which tells which exchange a hop really is; -1 = none.
func (w *sealedWorld) which(r *mesh.Result, h *mesh.Hop) int {
	at := h.RequestStart
	if at == 0 {
		at = h.ResponseStart
	}
	src := r.Legs[h.Leg].Orig.Src
	if i, ok := w.clients[src]; ok {
		return w.exchangeAt(0, i, at)
	}
	if i, ok := w.ups[src]; ok {
		return w.exchangeAt(1, i, at)
	}
	return -1
}

// A sealedScore counts what became of exchanges or, byte for byte, connections.
type sealedScore struct {
	all, right, ambiguous, blind int
	wrong                        []string
}

func (s *sealedScore) String() string {
	return fmt.Sprintf("%d of %d right, %d ambiguous (%d without the true one), %d WRONG", s.right, s.all, s.ambiguous, s.blind, len(s.wrong))
}

// judge holds a result against what happened.
func (w *sealedWorld) judge(r *mesh.Result) *sealedScore {
	if w.opts.tcp {
		return w.judgeLegs(r)
	}
	s := &sealedScore{all: w.asked}
	eachHop(r, func(p *mesh.Path, e *mesh.Exchange, i int) {
		if i == 0 {
			return
		}
		h, want := &e.Hops[i], w.which(r, &e.Hops[0])
		got := w.which(r, h)
		switch {
		case h.Ambiguous:
			s.ambiguous++
		case got == want:
			s.right++
		default:
			s.wrong = append(s.wrong, fmt.Sprintf("exchange %d (number %d of %v) is tied to %d at %.4f: %v", want, e.ID, p.Client, got, h.Confidence, h.Evidence))
		}
	})
	return s
}

// judgeLegs judges joins of whole connections.
func (w *sealedWorld) judgeLegs(r *mesh.Result) *sealedScore {
	s := &sealedScore{all: w.opts.conns}
	for _, j := range r.Joins {
		d, okDown := w.clients[r.Legs[j.From].Orig.Src]
		u, okUp := w.ups[r.Legs[j.To].Orig.Src]
		switch {
		case !okDown || !okUp:
			s.wrong = append(s.wrong, fmt.Sprintf("%v is tied to %v", r.Legs[j.From].Orig, r.Legs[j.To].Orig))
		case j.Ambiguous:
			s.ambiguous++
		case w.pairs[d] == u:
			s.right++
		default:
			s.wrong = append(s.wrong, fmt.Sprintf("connection %d is tied to %d instead of %d at %.4f: %v", d, u, w.pairs[d], j.Confidence, j.Evidence))
		}
	}
	return s
}
