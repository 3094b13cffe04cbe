//go:build linux

package testbed

import (
	"context"
	"crypto/tls"
	"io"
	"net"
)

// secure puts TLS over the connection if cfg is given.
func (c *Conn) secure(ctx context.Context, cfg *tls.Config) (net.Conn, error) {
	if cfg == nil {
		return c, nil
	}
	t := tls.Client(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return c.layer(t), nil
}

// overTLS puts TLS over the connections of a listener that records.
func overTLS(l net.Listener, cfg *tls.Config) net.Listener { return &secureListener{l, cfg} }

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
	return c.(*Conn).layer(tls.Server(c, l.cfg)), nil
}

// farewell ends TLS so that the peer's last records are read too.
func farewell(conn net.Conn) {
	if rc, ok := conn.(*Conn); ok {
		if t, ok := rc.Conn.(*tls.Conn); ok {
			_ = t.CloseWrite()
			_, _ = io.Copy(io.Discard, rc)
		}
	}
}

// layer records the plaintext above a TLS connection.
func (c *Conn) layer(tlsConn net.Conn) *Conn {
	c.Record.encrypted = true
	c.Record.plain = &Record{socket: c.Record}
	return &Conn{Conn: tlsConn, Record: c.Record.plain}
}

// sentBelow is how much TLS has written so far, nil where there is no TLS.
func (r *Record) sentBelow() *int64 {
	if !r.encrypted {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.wrote.bytes
	return &n
}
