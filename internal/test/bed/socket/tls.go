//go:build linux

package socket

import (
	"context"
	"crypto/tls"
	"io"
	"net"
)

// Secure puts TLS over the connection if cfg is given.
func (c *Conn) Secure(ctx context.Context, cfg *tls.Config) (net.Conn, error) {
	if cfg == nil {
		return c, nil
	}
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return c.Layer(t), nil
}

// OverTLS puts TLS over the connections of a listener that records.
func OverTLS(l net.Listener, cfg *tls.Config) net.Listener { return &secureListener{l, cfg} }

// secureListener puts TLS over recorded connections.
type secureListener struct {
	net.Listener
	cfg *tls.Config
}

func (l *secureListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return c.(*Conn).Layer(tls.Server(c, l.cfg)), nil
}

// Farewell ends TLS so that the peer's last records are read too.
func Farewell(conn net.Conn) {
	if rc, ok := conn.(*Conn); ok {
		if t, ok := rc.Conn.(*tls.Conn); ok {
			_ = t.CloseWrite()
			_, _ = io.Copy(io.Discard, rc)
		}
	}
}

// Layer records the plaintext above a TLS connection.
func (c *Conn) Layer(tlsConn net.Conn) *Conn {
	c.Record.Encrypted = true
	c.Record.Plain = &Record{socket: c.Record}
	return &Conn{Conn: tlsConn, Record: c.Record.Plain}
}
