//go:build linux

package app

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

// Ending is who closes a raw TCP conversation, and how.
type Ending int

const (
	ClientCloses Ending = iota
	ServerCloses
	ClientHalfCloses // sends FIN after its last turn; the server's last turn follows that
	ClientResets
	ServerResets
)

// Turn is what one side sends before the other goes on.
type Turn struct {
	FromClient bool
	Data       []byte
	Back       []byte        // what the other side sends at the same time
	Pause      time.Duration // before it
}

// TCPScript is a raw TCP conversation. Where clients share a server, the
// first eight bytes of the first turn tell it which script it is.
type TCPScript struct {
	Turns []Turn
	End   Ending
}

// TCPServer plays the server's side of scripts.
type TCPServer struct {
	mu      sync.Mutex
	scripts map[[8]byte]TCPScript
	fixed   *TCPScript // for all connections, if set
	TLS     *tls.Config
	// Greeting is sent before the client has said which script it follows.
	Greeting []byte
}

// ServeTCP starts a raw TCP application in h. With fixed nil, scripts are
// added by TCPServer.expect.
func (a *Apps) ServeTCP(h *world.Host, at netip.AddrPort, fixed *TCPScript) (*TCPServer, error) {
	l, err := h.ListenTCP(a.Ctx, at)
	if err != nil {
		return nil, err
	}
	a.Later(func() { _ = l.Close() })
	s := &TCPServer{scripts: map[[8]byte]TCPScript{}, fixed: fixed}
	rl := a.Rec.Listen(h, l)
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

// Expect adds a script that a client will follow.
func (s *TCPServer) Expect(t TCPScript) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scripts[[8]byte(t.Turns[0].Data)] = t
}

// secure serves a connection, through TLS if the server has a certificate.
func (s *TCPServer) secure(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if s.TLS == nil {
		s.serve(c, c)
		return
	}
	t := tls.Server(c, s.TLS)
	if t.Handshake() == nil {
		s.serve(c.(*socket.Conn).Layer(t), c)
	}
}

func (s *TCPServer) serve(c, raw net.Conn) {
	if s.fixed != nil {
		_ = s.fixed.play(c, raw, false)
		return
	}
	if _, err := c.Write(s.Greeting); err != nil {
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
	rest := append([]Turn(nil), script.Turns...)
	rest[0].Data = rest[0].Data[8:]
	script.Turns = rest
	_ = script.play(c, raw, false)
}

// play goes through the turns as one of the sides. raw is the socket below
// conn.
func (t TCPScript) play(conn, raw net.Conn, client bool) error {
	for i, step := range t.Turns {
		last := i == len(t.Turns)-1
		if t.End == ClientHalfCloses && last {
			if err := t.halfClose(conn, raw, client); err != nil {
				return err
			}
		}
		if err := step.take(conn, step.FromClient == client); err != nil {
			return fmt.Errorf("turn %d: %w", i, err)
		}
	}
	return t.finish(conn, raw, client)
}

func (s Turn) take(conn net.Conn, mine bool) error {
	if s.Back != nil {
		return s.both(conn, mine)
	}
	if mine {
		time.Sleep(s.Pause)
		_, err := conn.Write(s.Data)
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, len(s.Data)))
	return err
}

// both sends one stream in pieces while it reads the other.
func (s Turn) both(conn net.Conn, mine bool) error {
	out, in := s.Data, s.Back
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

func (t TCPScript) halfClose(conn, raw net.Conn, client bool) error {
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
func (t TCPScript) finish(conn, raw net.Conn, client bool) error {
	mine := client == (t.End == ClientCloses || t.End == ClientResets)
	if !mine {
		if _, err := io.Copy(io.Discard, conn); err != nil && t.End != ClientResets && t.End != ServerResets {
			return err
		}
		return conn.Close()
	}
	if t.End == ClientResets || t.End == ServerResets {
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

// TCPClient is one raw TCP connection with its script.
type TCPClient struct {
	From   *world.Host
	Local  netip.AddrPort
	To     netip.AddrPort
	Script TCPScript
	TLS    *tls.Config
	// Greeting is what the server says first, before the script.
	Greeting []byte
	Before   func() error // done when it is connected, if set
}

// Talk plays a client to its end.
func (a *Apps) Talk(c TCPClient) error {
	start := time.Now()
	raw, err := c.From.DialTCP(a.Ctx, 0, c.Local, c.To)
	if err != nil {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	defer raw.Close()
	defer bounded(a.Ctx, raw)()
	rc := a.Rec.Record(c.From, raw, false, start)
	conn, err := rc.Secure(a.Ctx, c.TLS)
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, len(c.Greeting)))
	}
	if err == nil && c.Before != nil {
		err = c.Before()
	}
	if err == nil {
		err = c.Script.play(conn, rc, true)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("client of %v: %w", c.To, err)
	}
	return nil
}

// Turns makes a script of n turns of random bytes.
func (a *Apps) Turns(n, most int, end Ending) TCPScript {
	t := TCPScript{End: end}
	for i := range n {
		size := a.Between(1, most)
		if i == 0 {
			size += 8
		}
		t.Turns = append(t.Turns, Turn{FromClient: i%2 == 0, Data: a.Random(size), Pause: time.Duration(a.Between(0, 6)) * time.Millisecond})
	}
	return t
}
