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
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// A sealedWorld is a simulated pod whose proxy speaks TLS with clients, or with
// servers. What they say cannot be read; what the proxy makes of it on loopback
// can. Every connection has a number, by which its exchanges are known.
type sealedWorld struct {
	rand    *rand.Rand
	tr      pcaptest.Trace
	now     time.Duration
	events  events
	idle    [][]*sealedEnd // of each pool
	dialled []int          // connections that each pool opened
	opts    sealedOptions
	asked   int           // exchanges so far
	free    time.Duration // when the proxy will have done all it has to do

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
	outbound    bool // the application asks servers
	identities  int  // of clients, or servers: what the proxy adds to requests depends on them
	workers     int  // the proxy's; each has a pool of its own
	pool        int  // connections that are opened before one is used again
	serverFirst bool // the server speaks before the client, byte for byte only
	sameFlight  bool // the first request goes into the segment with the client's Finished, before any ticket
	lateTickets bool // tickets come with the answer to the first request
	loss        float64
	again       float64       // share of data packets sent twice
	swapped     float64       // share of messages whose last two packets are out of order
	alike       bool          // all requests, and all responses, are as long
	loop        time.Duration // the proxy does one thing after the other, each of which takes this long; 0 = all at once
	ramp, think time.Duration // time in which clients come, and mean time between exchanges
	serve       time.Duration // mean time of the application
}

// A sealedEnd is a connection on one side of the proxy, with TLS or without.
type sealedEnd struct {
	*pcaptest.Connection
	tls *pcaptest.TLSConnection
	no  int
}

// put adds a message. Of that in TLS only the length counts.
func (e *sealedEnd) put(reply bool, text string) {
	switch {
	case e.tls != nil && reply:
		e.tls.Reply(len(text))
	case e.tls != nil:
		n := len(text) - e.tls.EarlyData // which went before the handshake was over
		e.tls.EarlyData = 0
		e.tls.Send(n)
	case reply:
		e.Reply(text)
	default:
		e.Send(text)
	}
}

// close ends the connection.
func (e *sealedEnd) close() {
	if e.tls != nil {
		e.tls.Close()
	} else {
		e.Close()
	}
}

// A sealedClient is a client's connection.
type sealedClient struct {
	*sealedEnd
	left   int
	worker int
	up     *sealedEnd // byte for byte
}

// playSealed runs a world to its end.
func playSealed(seed uint64, o sealedOptions) *sealedWorld {
	o.identities, o.workers = max(o.identities, 1), max(o.workers, 1)
	o.think, o.serve = cmp.Or(o.think, 2*time.Millisecond), cmp.Or(o.serve, time.Millisecond)
	o.ramp = cmp.Or(o.ramp, 5*time.Millisecond)
	o.tls.Certificate, o.tls.ClientCertificate = pcaptest.Certificate("spiffe://server"), pcaptest.Certificate("spiffe://client")
	w := &sealedWorld{rand: rand.New(rand.NewPCG(seed, 11)), opts: o, idle: make([][]*sealedEnd, o.workers*o.identities), dialled: make([]int, o.workers*o.identities),
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
func (w *sealedWorld) proxied() time.Duration {
	if w.opts.loop == 0 {
		return w.some(150 * time.Microsecond)
	}
	w.free = max(w.free, w.now) + w.some(w.opts.loop)
	return w.free - w.now
}

func (w *sealedWorld) open(iface, src, dst string) *pcaptest.Connection {
	return on(&w.tr, iface, src, dst).ISN(w.rand.Uint32(), w.rand.Uint32()).Step(time.Nanosecond)
}

// connect opens a client's connection.
func (w *sealedWorld) connect(i int) {
	e := &sealedEnd{no: i}
	if w.opts.outbound {
		e.Connection = torn(&w.tr, 20000+2*i, fmt.Sprintf("10.96.0.%d:80", 1+w.identity(i))).ISN(w.rand.Uint32(), w.rand.Uint32()).Step(time.Nanosecond)
		w.clients[netip.MustParseAddrPort(fmt.Sprintf("%s:%d", pod, 20000+2*i))] = i
		e.Handshake()
	} else {
		e.Connection = w.open("eth0", w.name(i).String(), app)
		w.clients[w.name(i)] = i
		e.Handshake()
		w.seal(e)
	}
	k := &sealedClient{sealedEnd: e, left: w.opts.calls, worker: w.rand.IntN(w.opts.workers)}
	switch {
	case w.opts.tcp:
		w.at(w.proxied(), func() {
			k.up = w.dial(w.identity(i))
			w.pairs[i] = k.up.no
			w.at(w.some(w.opts.think), func() { w.talk(k) })
		})
	case w.opts.sameFlight:
		w.ask(k)
	default:
		w.at(w.some(w.opts.think), func() { w.ask(k) })
	}
}

// identity tells of what kind a client connection is.
func (w *sealedWorld) identity(i int) int { return i % w.opts.identities }

// seal adds the handshake of TLS.
func (w *sealedWorld) seal(e *sealedEnd) {
	conf := w.opts.tls
	if w.opts.lateTickets || w.opts.sameFlight && conf.Packing != pcaptest.PackBoringSSL {
		conf.Tickets = []int{}
	}
	e.tls = e.TLS(conf)
}

// dial opens a connection to the application, or to a server.
func (w *sealedWorld) dial(server int) *sealedEnd {
	e := &sealedEnd{no: len(w.ups)}
	src, iface, dst := "127.0.0.6", "lo", app
	if w.opts.outbound {
		src, iface, dst = pod, "eth0", fmt.Sprintf("10.9.0.%d:8443", 1+server)
	}
	src = fmt.Sprintf("%s:%d", src, 60001-e.no)
	w.ups[netip.MustParseAddrPort(src)] = e.no
	e.Connection = w.open(iface, src, dst)
	e.Handshake()
	if w.opts.outbound {
		w.seal(e)
	}
	return e
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

// say adds a message and what happens to its packets.
func (w *sealedWorld) say(e *sealedEnd, reply bool, text string) {
	from := w.tr.Len()
	e.put(reply, text)
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
	content, path := w.rand.IntN(5)/4*w.rand.IntN(4000), w.rand.IntN(60)
	if w.opts.alike {
		content, path = 0, 0
	}
	target := "/" + strings.Repeat("a", path+w.opts.tls.EarlyData)
	text := request("POST", target, fmt.Sprintf("content-length: %d", content)) + strings.Repeat("x", content)
	w.note(0, k.no, id)
	if first && w.opts.sameFlight {
		w.inFlight(k.sealedEnd, text)
	} else {
		w.say(k.sealedEnd, false, text)
	}
	added := "x-client: " + strings.Repeat("i", 40+17*w.identity(k.no)) + "\r\n"
	text = strings.Replace(text, "\r\n", "\r\n"+added, 1)
	w.at(w.proxied(), func() { w.forward(k, id, text) })
}

// inFlight adds the first request to the packet with the client's Finished,
// which OpenSSL's tickets follow.
func (w *sealedWorld) inFlight(e *sealedEnd, text string) {
	p, from := w.tr.Last(0), w.tr.Len()
	e.put(false, text)
	if w.tr.Len() == from+1 {
		p.Bytes = append(p.Bytes, w.tr.Last(0).Bytes...)
		p.Wire = uint32(len(p.Bytes))
		w.tr.Lose(1)
	}
	if w.opts.tls.Packing == pcaptest.PackOpenSSL && !w.opts.lateTickets {
		tickets(e)
	}
}

// tickets adds tickets as OpenSSL does: records like any other.
func tickets(e *sealedEnd) {
	for _, n := range []int{745, 729} {
		e.tls.Reply(n)
	}
}

// forward has the proxy pass on a request and bring back the response.
func (w *sealedWorld) forward(k *sealedClient, id int, text string) {
	pool := k.worker
	if w.opts.outbound {
		pool = k.worker*w.opts.identities + w.identity(k.no)
	}
	idle := &w.idle[pool]
	if n := len(*idle); n > 0 && w.dialled[pool] >= w.opts.pool {
		i := w.rand.IntN(n)
		u := (*idle)[i]
		*idle = slices.Delete(*idle, i, i+1)
		w.carry(k, u, idle, id, text)
		return
	}
	w.dialled[pool]++
	u := w.dial(w.identity(k.no))
	if u.tls == nil {
		w.carry(k, u, idle, id, text)
	} else {
		w.at(w.proxied(), func() { w.carry(k, u, idle, id, text) })
	}
}

// carry does so over a connection, which is idle again afterwards.
func (w *sealedWorld) carry(k *sealedClient, u *sealedEnd, idle *[]*sealedEnd, id int, text string) {
	w.note(1, u.no, id)
	w.say(u, false, text)
	w.at(w.some(w.opts.serve), func() {
		content := w.rand.IntN(300) + w.rand.IntN(5)/4*w.rand.IntN(9000)
		if w.opts.alike {
			content = 100
		}
		resp := response(200, strings.Repeat("y", content))
		w.say(u, true, resp)
		w.at(w.proxied(), func() {
			*idle = append(*idle, u)
			added := "x-served: " + strings.Repeat("s", 5+3*w.rand.IntN(2)) + "\r\n"
			w.answer(k, strings.Replace(resp, "\r\n", "\r\n"+added, 1))
		})
	})
}

// answer brings a response to the client, who thinks before it asks again.
func (w *sealedWorld) answer(k *sealedClient, text string) {
	if w.opts.lateTickets && k.left == w.opts.calls-1 {
		tickets(k.sealedEnd)
	}
	w.say(k.sealedEnd, true, text)
	if w.rand.IntN(2) == 0 {
		k.Ack()
	}
	if k.left == 0 {
		w.at(w.some(w.opts.think), k.close)
		return
	}
	w.at(w.some(w.opts.think), func() { w.ask(k) })
}

// talk passes a turn each way, byte for byte.
func (w *sealedWorld) talk(k *sealedClient) {
	if k.left == 0 {
		k.close()
		w.at(w.proxied(), k.up.close)
		return
	}
	k.left--
	q := strings.Repeat("q", 1+w.opts.tls.EarlyData+w.rand.IntN(800))
	r := strings.Repeat("r", 1+w.rand.IntN(3000))
	ask := func(then func()) {
		w.say(k.sealedEnd, false, q)
		w.at(w.proxied(), func() { w.say(k.up, false, q); w.at(w.some(w.opts.serve), then) })
	}
	tell := func(then func()) {
		w.say(k.up, true, r)
		w.at(w.proxied(), func() { w.say(k.sealedEnd, true, r); w.at(w.some(w.opts.think), then) })
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
func (w *sealedWorld) which(r *mesh.Result, h *flow.Hop) int {
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
	at := make(map[[2]int64]int) // exchange by leg and start of the request
	eachHop(r, func(_ *flow.Path, e *flow.Exchange, i int) {
		h := &e.Hops[i]
		at[[2]int64{int64(h.Leg), h.Request[0]}] = w.which(r, h)
	})
	eachHop(r, func(p *flow.Path, e *flow.Exchange, i int) {
		if i == 0 {
			return
		}
		h, want := &e.Hops[i], w.which(r, &e.Hops[0])
		got := w.which(r, h)
		switch {
		case h.Ambiguous:
			s.ambiguous++
			named := got == want
			for _, v := range h.Rivals {
				named = named || at[[2]int64{int64(v.Leg), v.Request[0]}] == want
			}
			if !named {
				s.blind++
			}
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
