package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// A SealedWorld is a simulated pod whose proxy speaks TLS with clients, or with
// servers. What they say cannot be read; what the proxy makes of it on loopback
// can. Every connection has a number, by which its exchanges are known.
type SealedWorld struct {
	Rand    *rand.Rand
	Trace   pcap.Trace
	Asked   int                    // exchanges so far
	Clients map[netip.AddrPort]int // number of a client connection by its address
	Ups     map[netip.AddrPort]int // likewise behind the proxy

	opts     SealedOptions
	schedule Schedule
	idle     [][]*sealedEnd // of each pool
	dialled  []int          // connections that each pool opened
	free     time.Duration  // when the proxy will have done all it has to do
	began    [2][][]begun   // by side and connection: its exchanges in the order of time
	pairs    map[int]int    // client connection to the one behind the proxy, byte for byte
}

// SealedOptions says what a SealedWorld is like.
type SealedOptions struct {
	TLS         pcap.TLSConfig
	Conns       int  // client connections
	Calls       int  // exchanges on each
	TCP         bool // the proxy forwards bytes, on a connection for each client's
	Outbound    bool // the application asks servers
	Identities  int  // of clients, or servers: what the proxy adds to requests depends on them
	Workers     int  // the proxy's; each has a pool of its own
	Pool        int  // connections that are opened before one is used again
	ServerFirst bool // the server speaks before the client, byte for byte only
	SameFlight  bool // the first request goes into the segment with the client's Finished, before any ticket
	LateTickets bool // tickets come with the answer to the first request
	Loss        float64
	Again       float64       // share of data packets sent twice
	Swapped     float64       // share of messages whose last two packets are out of order
	Alike       bool          // all requests, and all responses, are as long
	Loop        time.Duration // the proxy does one thing after the other, each of which takes this long; 0 = all at once
	Ramp, Think time.Duration // time in which clients come, and mean time between exchanges
	Serve       time.Duration // mean time of the application
}

// With returns options changed by f.
func (o SealedOptions) With(f func(*SealedOptions)) SealedOptions {
	f(&o)
	return o
}

// A sealedEnd is a connection on one side of the proxy, with TLS or without.
type sealedEnd struct {
	*pcap.Connection
	tls *pcap.TLSConnection
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

// PlaySealed runs a world to its end.
func PlaySealed(seed uint64, o SealedOptions) *SealedWorld {
	o.Identities, o.Workers = max(o.Identities, 1), max(o.Workers, 1)
	o.Think, o.Serve = cmp.Or(o.Think, 2*time.Millisecond), cmp.Or(o.Serve, time.Millisecond)
	o.Ramp = cmp.Or(o.Ramp, 5*time.Millisecond)
	o.TLS.Certificate, o.TLS.ClientCertificate = pcap.Certificate("spiffe://server"), pcap.Certificate("spiffe://client")
	w := &SealedWorld{Rand: rand.New(rand.NewPCG(seed, 11)), opts: o, idle: make([][]*sealedEnd, o.Workers*o.Identities), dialled: make([]int, o.Workers*o.Identities),
		Clients: make(map[netip.AddrPort]int), Ups: make(map[netip.AddrPort]int), pairs: make(map[int]int)}
	for i := range o.Conns {
		w.at(time.Duration(w.Rand.Int64N(int64(o.Ramp))), func() { w.connect(i) })
	}
	w.schedule.Play(&w.Trace)
	w.Trace.Filter(func(*pcap.Packet) bool { return w.Rand.Float64() >= o.Loss })
	return w
}

// name returns the address of a client connection: one host for each identity.
func (w *SealedWorld) name(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i%w.opts.Identities)}), uint16(20000+2*i))
}

// Rename gives clients other addresses and ports, in no order.
func (w *SealedWorld) Rename(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 12))
	hosts, ports := r.Perm(200), r.Perm(30000)
	other := make(map[tcpip.Addr]map[uint16]netip.AddrPort)
	clients := make(map[netip.AddrPort]int)
	for name, i := range w.Clients {
		a := tcpip.AddrFrom(name.Addr())
		if other[a] == nil {
			other[a] = make(map[uint16]netip.AddrPort)
		}
		n := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + hosts[i%w.opts.Identities])}), uint16(20000+ports[i]))
		other[a][name.Port()], clients[n] = n, i
	}
	w.Clients = clients
	w.Trace.Filter(func(p *pcap.Packet) bool {
		if n, ok := other[p.Key.Src][p.Key.SrcPort]; ok {
			p.Key.Src, p.Key.SrcPort = tcpip.AddrFrom(n.Addr()), n.Port()
		}
		if n, ok := other[p.Key.Dst][p.Key.DstPort]; ok {
			p.Key.Dst, p.Key.DstPort = tcpip.AddrFrom(n.Addr()), n.Port()
		}
		return true
	})
}

// at schedules something after a time.
func (w *SealedWorld) at(d time.Duration, do func()) {
	w.schedule.After(d, do)
}

// some returns a time around the given mean.
func (w *SealedWorld) some(mean time.Duration) time.Duration {
	return mean/4 + time.Duration(w.Rand.ExpFloat64()*float64(mean)*3/4)
}

// proxied returns how long the proxy takes.
func (w *SealedWorld) proxied() time.Duration {
	if w.opts.Loop == 0 {
		return w.some(150 * time.Microsecond)
	}
	w.free = max(w.free, w.schedule.Now) + w.some(w.opts.Loop)
	return w.free - w.schedule.Now
}

func (w *SealedWorld) open(iface, src, dst string) *pcap.Connection {
	return On(&w.Trace, iface, src, dst).ISN(w.Rand.Uint32(), w.Rand.Uint32()).Step(time.Nanosecond)
}

// connect opens a client's connection.
func (w *SealedWorld) connect(i int) {
	e := &sealedEnd{no: i}
	if w.opts.Outbound {
		e.Connection = Torn(&w.Trace, 20000+2*i, fmt.Sprintf("10.96.0.%d:80", 1+w.identity(i))).ISN(w.Rand.Uint32(), w.Rand.Uint32()).Step(time.Nanosecond)
		w.Clients[netip.MustParseAddrPort(fmt.Sprintf("%s:%d", Pod, 20000+2*i))] = i
		e.Handshake()
	} else {
		e.Connection = w.open("eth0", w.name(i).String(), App)
		w.Clients[w.name(i)] = i
		e.Handshake()
		w.seal(e)
	}
	k := &sealedClient{sealedEnd: e, left: w.opts.Calls, worker: w.Rand.IntN(w.opts.Workers)}
	switch {
	case w.opts.TCP:
		w.at(w.proxied(), func() {
			k.up = w.dial(w.identity(i))
			w.pairs[i] = k.up.no
			w.at(w.some(w.opts.Think), func() { w.talk(k) })
		})
	case w.opts.SameFlight:
		w.ask(k)
	default:
		w.at(w.some(w.opts.Think), func() { w.ask(k) })
	}
}

// identity tells of what kind a client connection is.
func (w *SealedWorld) identity(i int) int { return i % w.opts.Identities }

// seal adds the handshake of TLS.
func (w *SealedWorld) seal(e *sealedEnd) {
	conf := w.opts.TLS
	if w.opts.LateTickets || w.opts.SameFlight && conf.Packing != pcap.PackBoringSSL {
		conf.Tickets = []int{}
	}
	e.tls = e.TLS(conf)
}

// dial opens a connection to the application, or to a server.
func (w *SealedWorld) dial(server int) *sealedEnd {
	e := &sealedEnd{no: len(w.Ups)}
	src, iface, dst := "127.0.0.6", "lo", App
	if w.opts.Outbound {
		src, iface, dst = Pod, "eth0", fmt.Sprintf("10.9.0.%d:8443", 1+server)
	}
	src = fmt.Sprintf("%s:%d", src, 60001-e.no)
	w.Ups[netip.MustParseAddrPort(src)] = e.no
	e.Connection = w.open(iface, src, dst)
	e.Handshake()
	if w.opts.Outbound {
		w.seal(e)
	}
	return e
}
