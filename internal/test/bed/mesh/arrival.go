//go:build linux

package mesh

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// arrival is a connection of a client and where it was dialled. It hides from
// net/http that it is TLS, which would end connections with Istio's ALPN.
type arrival struct {
	net.Conn
	tls *tls.Conn // nil: plaintext
	dst netip.AddrPort
	at  time.Time
}

type arrivalKey struct{}

// arrivals ends TLS and notes where connections were dialled before REDIRECT.
type arrivals struct {
	net.Listener
	cfg *tls.Config
}

func (l *arrivals) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	dst, err := originalDst4(c.(*net.TCPConn))
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	if l.cfg == nil {
		return &arrival{Conn: c, dst: dst, at: time.Now()}, nil
	}
	over := tls.Server(c, l.cfg)
	return &arrival{over, over, dst, time.Now()}, nil
}

// originalDst4 asks for the destination before REDIRECT
// (linux/netfilter_ipv4.h: SO_ORIGINAL_DST is 80). The answer is a
// sockaddr_in, which is read as the bytes of another option's structure.
func originalDst4(c *net.TCPConn) (netip.AddrPort, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	var dst netip.AddrPort
	var inner error
	err = rc.Control(func(fd uintptr) {
		m, err := unix.GetsockoptIPv6Mreq(int(fd), unix.SOL_IP, 80)
		if err != nil {
			inner = err
			return
		}
		a := m.Multiaddr // family, port, address
		dst = netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[4:8])), binary.BigEndian.Uint16(a[2:]))
	})
	return dst, errors.Join(err, inner)
}
