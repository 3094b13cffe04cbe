//go:build linux

package mesh

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// transparent is a socket that may have an address which is not the host's:
// that of whoever was dialled, or of a client.
type transparent struct {
	owner world.Account
	mark  int // SO_MARK; a listener's is that of the connections it accepts
}

func (t transparent) control(_, _ string, c syscall.RawConn) error {
	var inner error
	err := c.Control(func(fd uintptr) {
		inner = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, t.mark),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_TRANSPARENT, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1))
	})
	return errors.Join(err, inner)
}

// dial connects from inside h. from may be the zero Addr: the host's own.
func (t transparent) dial(ctx context.Context, h *world.Host, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1, Control: t.control}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
	}
	var c net.Conn
	err := h.As(t.owner, func() (err error) {
		c, err = d.DialContext(ctx, "tcp4", to.String())
		return err
	})
	return c, err
}

// listen listens inside h at all addresses.
func (t transparent) listen(ctx context.Context, h *world.Host, port int) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: t.control}
	lc.SetMultipathTCP(false)
	var l net.Listener
	err := h.As(t.owner, func() (err error) {
		l, err = lc.Listen(ctx, "tcp4", netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)).String())
		return err
	})
	return l, err
}
