//go:build linux

package world

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Host is one network namespace: a pod, a machine outside, or the node that
// routes between them. In every host but the node the interface is eth0.
type Host struct {
	Name string
	NS   string
	IP   netip.Addr
	IP6  netip.Addr

	watched bool // conntrack's events are being recorded
}

// In runs f on a thread of its own inside the namespace, its sockets owned by
// uid. The thread ends with f, so nothing else ever runs there.
func (h *Host) In(uid int, f func() error) error { return h.As(Account{uid, uid}, f) }

// Account is whose sockets are.
type Account struct{ UID, GID int }

// As is In with a group of its own.
func (h *Host) As(who Account, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the runtime ends the thread
		done <- h.enter(who, f)
	}()
	return <-done
}

func (h *Host) enter(who Account, f func() error) error {
	fd, err := unix.Open("/run/netns/"+h.NS, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", h.NS, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter namespace %s: %w", h.NS, err)
	}
	if who != (Account{}) { // the owner match looks at the file system ids of the socket's creator
		if err := unix.Setfsgid(who.GID); err != nil {
			return fmt.Errorf("become group %d: %w", who.GID, err)
		}
		if err := unix.Setfsuid(who.UID); err != nil {
			return fmt.Errorf("become user %d: %w", who.UID, err)
		}
	}
	return f()
}

// Sysctl sets a parameter of the namespace, given as a path below /proc/sys.
func (h *Host) Sysctl(key, value string) error {
	return h.In(0, func() error { return os.WriteFile("/proc/sys/"+key, []byte(value), 0o644) })
}

// DialTCP connects from inside h. from may be the zero AddrPort.
func (h *Host) DialTCP(ctx context.Context, uid int, from, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, KeepAlive: -1, Control: reuseAddr}
	if from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(from)
	}
	var c net.Conn
	err := h.In(uid, func() (err error) {
		c, err = d.DialContext(ctx, "tcp", to.String())
		return err
	})
	return c, err
}

// ListenTCP listens inside h.
func (h *Host) ListenTCP(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1}
	lc.SetMultipathTCP(false)
	var l net.Listener
	err := h.In(0, func() (err error) {
		l, err = lc.Listen(ctx, "tcp", at.String())
		return err
	})
	return l, err
}

// DialUDP makes a socket in h that is owned by uid and sends to one server.
func (h *Host) DialUDP(uid int, from, to netip.AddrPort) (*net.UDPConn, error) {
	var local *net.UDPAddr
	if from.IsValid() {
		local = net.UDPAddrFromAddrPort(from)
	}
	var c *net.UDPConn
	err := h.In(uid, func() (err error) {
		c, err = net.DialUDP("udp4", local, net.UDPAddrFromAddrPort(to))
		return err
	})
	return c, err
}

// Owns says whether an address is the host's.
func (h *Host) Owns(a netip.Addr) bool { return a == h.IP || a == h.IP6 }

// At is a port at the host's address.
func (h *Host) At(port int) netip.AddrPort { return netip.AddrPortFrom(h.IP, uint16(port)) }

// reuseAddr lets a client bind a port that an earlier connection left in
// TIME_WAIT, or that another connection to another server is using.
func reuseAddr(_, _ string, c syscall.RawConn) error {
	var inner error
	err := c.Control(func(fd uintptr) {
		inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	})
	if err != nil {
		return err
	}
	return inner
}
