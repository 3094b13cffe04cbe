//go:build linux

package socket

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

// Recorder collects what the applications and clients did.
type Recorder struct {
	mu    sync.Mutex
	conns []*Record
}

// Record is one socket as the application that owned it saw it.
type Record struct {
	mu            sync.Mutex
	sealed        bool // the scenario is over; nothing is added any more
	Host          *world.Host
	Server        bool // the accepting end
	Local, Remote netip.AddrPort
	Start         time.Time
	Wrote, Read   Stream
	Plain         *Record // of the application above TLS, else nil
	socket        *Record // of the connection below TLS, else nil
	Encrypted     bool
	Control       bool           // a probe of the mesh's own, or DNS
	Taken         netip.AddrPort // the agent's listener that the redirect led to, if one did
	Refused       bool           // by RST, nothing was sent
	Cause         *Record        // the accepted connection on whose behalf it was dialled
	Multiplexed   bool           // HTTP/2: several exchanges at once
	Exchanges     []Exchange
	Turns         TurnLog
	marks         []mark // of what is written above TLS
}

// mark says where a write above TLS began, there and on the socket below.
type mark struct{ above, below int64 }

func (r *Record) mark() {
	if r.socket == nil || !r.socket.Multiplexed {
		return
	}
	below := r.socket.SentBelow()
	r.mu.Lock()
	defer r.mu.Unlock()
	if below != nil && !r.sealed {
		r.marks = append(r.marks, mark{r.Wrote.bytes, *below})
	}
}

// Exchange is one HTTP exchange at one end.
type Exchange struct {
	Method, Target string
	Status         int
	RequestID      string    // as sent (client) or seen (server); "" if none
	Begun          time.Time // when its handler was called (server)
	At             time.Time // when it was over at this end
	Below          *int64    // what TLS had written to the socket before its request (client), or nil
}

// Stream is one direction of a socket.
type Stream struct {
	bytes int64
	sum   hash.Hash
}

// Add counts and hashes what comes next.
func (s *Stream) Add(p []byte) {
	if s.sum == nil {
		s.sum = sha256.New()
	}
	s.sum.Write(p)
	s.bytes += int64(len(p))
}

// TallyOf is the tally of a stream that is known whole.
func TallyOf(p []byte) *truth.Tally {
	var s Stream
	s.Add(p)
	return s.Tally()
}

// Tally is what was added so far.
func (s *Stream) Tally() *truth.Tally {
	if s.sum == nil {
		s.sum = sha256.New()
	}
	return &truth.Tally{Bytes: s.bytes, SHA256: hex.EncodeToString(s.sum.Sum(nil))}
}

// TurnLog keeps the bytes of a connection in turns, a request and its
// response, so that they can be told apart later. It gives up on connections
// that carry more than turnLimit.
type TurnLog struct {
	Turns     []Turn
	kept      int
	answering bool
	Full      bool
}

// Turn is the bytes of a request and of its response.
type Turn struct{ Request, Response []byte }

const turnLimit = 4 << 20 // ample for all that is shipped; benchmarks need no turns

func (l *TurnLog) add(fromClient bool, p []byte) {
	l.kept += len(p)
	if l.kept > turnLimit {
		l.Turns, l.Full = nil, true
	}
	if len(p) == 0 || l.Full {
		return
	}
	if len(l.Turns) == 0 || fromClient && l.answering {
		l.Turns = append(l.Turns, Turn{})
	}
	l.answering = !fromClient
	t := &l.Turns[len(l.Turns)-1]
	if fromClient {
		t.Request = append(t.Request, p...)
	} else {
		t.Response = append(t.Response, p...)
	}
}

// Conn is a socket whose bytes are counted and hashed.
type Conn struct {
	net.Conn
	Record *Record
}

// Read reads, and records what came.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.Record.count(&c.Record.Read, p[:n])
	c.Record.turn(c.Record.Server, p[:n])
	return n, err
}

// Write writes, and records what went.
func (c *Conn) Write(p []byte) (int, error) {
	c.Record.mark()
	// The turn is noted first: once the bytes are out, the peer may answer, and
	// net/http read of that, before this goroutine goes on.
	c.Record.turn(!c.Record.Server, p)
	n, err := c.Conn.Write(p)
	c.Record.count(&c.Record.Wrote, p[:n])
	return n, err
}

// count adds what was read or written to a stream.
func (r *Record) count(s *Stream, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		s.Add(p)
	}
}

// turn adds what was read or written to the turns of both sides.
func (r *Record) turn(fromClient bool, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		r.Turns.add(fromClient, p)
	}
}

// CloseWrite sends FIN and leaves the other direction open.
func (c *Conn) CloseWrite() error {
	if t, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return t.CloseWrite()
	}
	return nil
}

// Record begins the record of a socket of h.
func (r *Recorder) Record(h *world.Host, c net.Conn, server bool, start time.Time) *Conn {
	rec := &Record{Host: h, Server: server, Start: start,
		Local: world.Unmapped(c.LocalAddr()), Remote: world.Unmapped(c.RemoteAddr())}
	r.mu.Lock()
	r.conns = append(r.conns, rec)
	r.mu.Unlock()
	return &Conn{Conn: c, Record: rec}
}

// Exchange adds an exchange that is over to the record of the connection.
func (r *Record) Exchange(e Exchange) {
	if r.socket != nil {
		r = r.socket
	}
	e.At = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.sealed {
		r.Exchanges = append(r.Exchanges, e)
	}
}

// Seal ends recording and returns the records, which can now be read without
// locks. Connections that stay open may still be closed, unseen.
func (r *Recorder) Seal() []*Record {
	out := r.all()
	for _, c := range out {
		c.mu.Lock()
		c.sealed = true
		c.mu.Unlock()
		if c.Plain != nil {
			c.Plain.mu.Lock()
			c.Plain.sealed = true
			c.Plain.mu.Unlock()
		}
	}
	return out
}

// all returns the records so far.
func (r *Recorder) all() []*Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]*Record(nil), r.conns...)
}

// Listen records every socket that a listener of h accepts.
func (r *Recorder) Listen(h *world.Host, l net.Listener) net.Listener {
	return &recordedListener{l, h, r}
}

// recordedListener records every socket it accepts.
type recordedListener struct {
	net.Listener
	host *world.Host
	rec  *Recorder
}

func (l *recordedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.rec.Record(l.host, c, true, time.Now()), nil
}

// Refused records a connection that was answered by RST.
func (r *Recorder) Refused(h *world.Host, from, to netip.AddrPort, start time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, &Record{Host: h, Local: from, Remote: to, Start: start, Refused: true})
}

// Forget drops the bytes that were recorded so far, of all sockets.
func (r *Recorder) Forget() {
	for _, c := range r.all() {
		c.mu.Lock()
		c.Wrote, c.Read, c.Turns = Stream{}, Stream{}, TurnLog{}
		c.mu.Unlock()
	}
}

// SentBelow is how much TLS has written so far, nil where there is no TLS.
func (r *Record) SentBelow() *int64 {
	if !r.Encrypted {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.Wrote.bytes
	return &n
}
