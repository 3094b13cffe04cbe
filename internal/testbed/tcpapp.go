//go:build linux

package testbed

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// ending is who closes a raw TCP conversation, and how.
type ending int

const (
	clientCloses ending = iota
	serverCloses
	clientHalfCloses // sends FIN after its last turn; the server's last turn follows that
	clientResets
	serverResets
)

// turn is what one side sends before the other goes on.
type turn struct {
	fromClient bool
	data       []byte
	back       []byte        // what the other side sends at the same time
	pause      time.Duration // before it
}

// tcpScript is a raw TCP conversation. Where clients share a server, the
// first eight bytes of the first turn tell it which script it is.
type tcpScript struct {
	turns []turn
	end   ending
}

// tcpServer plays the server's side of scripts.
type tcpServer struct {
	mu      sync.Mutex
	scripts map[[8]byte]tcpScript
	fixed   *tcpScript // for all connections, if set
	tls     *tls.Config
	// greeting is sent before the client has said which script it follows.
	greeting []byte
}

// serveTCP starts a raw TCP application in h. With fixed nil, scripts are
// added by tcpServer.expect.
func (a *apps) serveTCP(h *world.Host, at netip.AddrPort, fixed *tcpScript) (*tcpServer, error) {
	l, err := h.ListenTCP(a.Ctx, at)
	if err != nil {
		return nil, err
	}
	a.Later(func() { _ = l.Close() })
	s := &tcpServer{scripts: map[[8]byte]tcpScript{}, fixed: fixed}
	rl := a.rec.Listen(h, l)
	go func() {
		for {
			c, err := rl.Accept()
			if err != nil {
				return
			}
			go s.secure(c)
		}
	}()
	return s, nil
}

func (s *tcpServer) expect(t tcpScript) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[[8]byte(t.turns[0].data)] = t
}

// secure serves a connection, through TLS if the server has a certificate.
func (s *tcpServer) secure(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if s.tls == nil {
		s.serve(c, c)
		return
	}
	t := tls.Server(c, s.tls)
	if t.Handshake() == nil {
		s.serve(c.(*socket.Conn).Layer(t), c)
	}
}

func (s *tcpServer) serve(c, raw net.Conn) {
	if s.fixed != nil {
		_ = s.fixed.play(c, raw, false)
		return
	}
	if _, err := c.Write(s.greeting); err != nil {
		return
	}
	var id [8]byte
	if _, err := io.ReadFull(c, id[:]); err != nil {
		return
	}
	s.mu.Lock()
	script, ok := s.scripts[id]
	s.mu.Unlock()
	if !ok {
		return
	}
	rest := append([]turn(nil), script.turns...)
	rest[0].data = rest[0].data[8:]
	script.turns = rest
	_ = script.play(c, raw, false)
}

// play goes through the turns as one of the sides. raw is the socket below
// conn.
func (t tcpScript) play(conn, raw net.Conn, client bool) error {
	for i, step := range t.turns {
		last := i == len(t.turns)-1
		if t.end == clientHalfCloses && last {
			if err := t.halfClose(conn, raw, client); err != nil {
				return err
			}
		}
		if err := step.take(conn, step.fromClient == client); err != nil {
			return fmt.Errorf("turn %d: %w", i, err)
		}
	}
	return t.finish(conn, raw, client)
}

func (s turn) take(conn net.Conn, mine bool) error {
	if s.back != nil {
		return s.both(conn, mine)
	}
	if mine {
		time.Sleep(s.pause)
		_, err := conn.Write(s.data)
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, len(s.data)))
	return err
}

// both sends one stream in pieces while it reads the other.
func (s turn) both(conn net.Conn, mine bool) error {
	out, in := s.data, s.back
	if !mine {
		out, in = in, out
	}
	return world.Parallel(func() error {
		_, err := io.ReadFull(conn, make([]byte, len(in)))
		return err
	}, func() error {
		for rest := out; len(rest) > 0; {
			n := min(len(rest), 100+int(rest[0])*3)
			if _, err := conn.Write(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
			time.Sleep(time.Duration(n) * 4 * time.Microsecond)
		}
		return nil
	})
}

func (t tcpScript) halfClose(conn, raw net.Conn, client bool) error {
	if client {
		return raw.(*socket.Conn).CloseWrite()
	}
	if n, err := io.Copy(io.Discard, conn); n > 0 || err != nil {
		return fmt.Errorf("%d bytes before the end: %w", n, err)
	}
	return nil
}

// finish ends the connection from the side that the script names; the other
// waits for it.
func (t tcpScript) finish(conn, raw net.Conn, client bool) error {
	mine := client == (t.end == clientCloses || t.end == clientResets)
	if !mine {
		if _, err := io.Copy(io.Discard, conn); err != nil && t.end != clientResets && t.end != serverResets {
			return err
		}
		return conn.Close()
	}
	if t.end == clientResets || t.end == serverResets {
		time.Sleep(20 * time.Millisecond) // what was sent has arrived
		if tcp, ok := raw.(*socket.Conn).Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	if client {
		socket.Farewell(conn)
	}
	return conn.Close()
}

// tcpClient is one raw TCP connection with its script.
type tcpClient struct {
	from   *world.Host
	local  netip.AddrPort
	to     netip.AddrPort
	script tcpScript
	tls    *tls.Config
	// greeting is what the server says first, before the script.
	greeting []byte
	before   func() error // done when it is connected, if set
}

func (a *apps) talk(c tcpClient) error {
	start := time.Now()
	raw, err := c.from.DialTCP(a.Ctx, 0, c.local, c.to)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	rc := a.rec.Record(c.from, raw, false, start)
	conn, err := rc.Secure(a.Ctx, c.tls)
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, len(c.greeting)))
	}
	if err == nil && c.before != nil {
		err = c.before()
	}
	if err == nil {
		err = c.script.play(conn, rc, true)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("client of %v: %w", c.to, err)
	}
	return nil
}

// turns makes a script of n turns of random bytes.
func (a *apps) turns(n, most int, end ending) tcpScript {
	t := tcpScript{end: end}
	for i := range n {
		size := a.Between(1, most)
		if i == 0 {
			size += 8
		}
		t.turns = append(t.turns, turn{fromClient: i%2 == 0, data: a.Random(size), pause: time.Duration(a.Between(0, 6)) * time.Millisecond})
	}
	return t
}
