//go:build linux

package testbed

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// recorder collects what the applications and clients did.
type recorder struct {
	mu    sync.Mutex
	conns []*Record
}

// Record is one socket as the application that owned it saw it.
type Record struct {
	mu            sync.Mutex
	sealed        bool // the scenario is over; nothing is added any more
	host          *world.Host
	server        bool // the accepting end
	local, remote netip.AddrPort
	start         time.Time
	wrote, read   stream
	plain         *Record // of the application above TLS, else nil
	socket        *Record // of the connection below TLS, else nil
	encrypted     bool
	control       bool           // a probe of the mesh's own, or DNS
	taken         netip.AddrPort // the agent's listener that the redirect led to, if one did
	refused       bool           // by RST, nothing was sent
	cause         *Record        // the accepted connection on whose behalf it was dialled
	multiplexed   bool           // HTTP/2: several exchanges at once
	exchanges     []Exchange
	turns         turnLog
	marks         []mark // of what is written above TLS
}

// mark says where a write above TLS began, there and on the socket below.
type mark struct{ above, below int64 }

func (r *Record) mark() {
	if r.socket == nil || !r.socket.multiplexed {
		return
	}
	below := r.socket.sentBelow()
	r.mu.Lock()
	defer r.mu.Unlock()
	if below != nil && !r.sealed {
		r.marks = append(r.marks, mark{r.wrote.bytes, *below})
	}
}

// Exchange is one HTTP exchange at one end.
type Exchange struct {
	method, target string
	status         int
	requestID      string    // as sent (client) or seen (server); "" if none
	begun          time.Time // when its handler was called (server)
	at             time.Time // when it was over at this end
	below          *int64    // what TLS had written to the socket before its request (client), or nil
}

// stream is one direction of a socket.
type stream struct {
	bytes int64
	sum   hash.Hash
}

func (s *stream) add(p []byte) {
	if s.sum == nil {
		s.sum = sha256.New()
	}
	s.sum.Write(p)
	s.bytes += int64(len(p))
}

func tallyOf(p []byte) *truth.Tally {
	var s stream
	s.add(p)
	return s.tally()
}

func (s *stream) tally() *truth.Tally {
	if s.sum == nil {
		s.sum = sha256.New()
	}
	return &truth.Tally{Bytes: s.bytes, SHA256: hex.EncodeToString(s.sum.Sum(nil))}
}

// turnLog keeps the bytes of a connection in turns, a request and its
// response, so that they can be told apart later. It gives up on connections
// that carry more than turnLimit.
type turnLog struct {
	turns     []Turn
	kept      int
	answering bool
	full      bool
}

type Turn struct{ request, response []byte }

const turnLimit = 4 << 20 // ample for all that is shipped; benchmarks need no turns

func (l *turnLog) add(fromClient bool, p []byte) {
	l.kept += len(p)
	if l.kept > turnLimit {
		l.turns, l.full = nil, true
	}
	if len(p) == 0 || l.full {
		return
	}
	if len(l.turns) == 0 || fromClient && l.answering {
		l.turns = append(l.turns, Turn{})
	}
	l.answering = !fromClient
	t := &l.turns[len(l.turns)-1]
	if fromClient {
		t.request = append(t.request, p...)
	} else {
		t.response = append(t.response, p...)
	}
}

// Conn is a socket whose bytes are counted and hashed.
type Conn struct {
	net.Conn
	Record *Record
}

func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.Record.count(&c.Record.read, p[:n])
	c.Record.turn(c.Record.server, p[:n])
	return n, err
}

func (c *Conn) Write(p []byte) (int, error) {
	c.Record.mark()
	// The turn is noted first: once the bytes are out, the peer may answer, and
	// net/http read of that, before this goroutine goes on.
	c.Record.turn(!c.Record.server, p)
	n, err := c.Conn.Write(p)
	c.Record.count(&c.Record.wrote, p[:n])
	return n, err
}

// count adds what was read or written to a stream.
func (r *Record) count(s *stream, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		s.add(p)
	}
}

// turn adds what was read or written to the turns of both sides.
func (r *Record) turn(fromClient bool, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		r.turns.add(fromClient, p)
	}
}

// CloseWrite sends FIN and leaves the other direction open.
func (c *Conn) CloseWrite() error {
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return nil
}

// record begins the record of a socket of h.
func (r *recorder) record(h *world.Host, c net.Conn, server bool, start time.Time) *Conn {
	rec := &Record{host: h, server: server, start: start,
		local: world.Unmapped(c.LocalAddr()), remote: world.Unmapped(c.RemoteAddr())}
	r.mu.Lock()
	r.conns = append(r.conns, rec)
	r.mu.Unlock()
	return &Conn{Conn: c, Record: rec}
}

// exchange adds an exchange that is over to the record of the connection.
func (r *Record) exchange(e Exchange) {
	if r.socket != nil {
		r = r.socket
	}
	e.at = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		r.exchanges = append(r.exchanges, e)
	}
}

// seal ends recording and returns the records, which can now be read without
// locks. Connections that stay open may still be closed, unseen.
func (r *recorder) seal() []*Record {
	out := r.all()
	for _, c := range out {
		c.mu.Lock()
		c.sealed = true
		c.mu.Unlock()
		if c.plain != nil {
			c.plain.mu.Lock()
			c.plain.sealed = true
			c.plain.mu.Unlock()
		}
	}
	return out
}

// all returns the records so far.
func (r *recorder) all() []*Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*Record(nil), r.conns...)
}

// listen records every socket that a listener of h accepts.
func (r *recorder) listen(h *world.Host, l net.Listener) net.Listener {
	return &recordedListener{l, h, r}
}

// recordedListener records every socket it accepts.
type recordedListener struct {
	net.Listener
	host *world.Host
	rec  *recorder
}

func (l *recordedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.rec.record(l.host, c, true, time.Now()), nil
}

// refused records a connection that was answered by RST.
func (r *recorder) refused(h *world.Host, from, to netip.AddrPort, start time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, &Record{host: h, local: from, remote: to, start: start, refused: true})
}

// forget drops the bytes that were recorded so far, of all sockets.
func (r *recorder) forget() {
	for _, c := range r.all() {
		c.mu.Lock()
		c.wrote, c.read, c.turns = stream{}, stream{}, turnLog{}
		c.mu.Unlock()
	}
}
