//go:build linux

package mesh

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// shim lets HAProxy, which asks for original destinations over IPv4 only,
// serve IPv6: it accepts on the proxy's ports, asks the kernel
// (IP6T_SO_ORIGINAL_DST) and hands the connection on with a PROXY v2 header
// over an abstract UNIX socket. Nothing of that shows in a capture.
func shim(w *world.World, h *world.Host, s *Sidecar) error {
	s.Pass = "[" + PassV6.String() + "]:0"
	for _, side := range []struct {
		port int
		addr *string
	}{{s.In, &s.AddrIn}, {s.Out, &s.AddrOut}} {
		l, err := h.ListenTCP(w.Ctx, netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(side.port)))
		if err != nil {
			return err
		}
		w.Later(func() { _ = l.Close() })
		name := fmt.Sprintf("%s%d", w.Prefix, side.port)
		*side.addr = "abns@" + name + " accept-proxy"
		go accept6(h, l, name)
	}
	return nil
}

func accept6(h *world.Host, l net.Listener, name string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = handOver(h, c.(*net.TCPConn), name)
		}()
	}
}

func handOver(h *world.Host, c *net.TCPConn, name string) error {
	dst, err := originalDst6(c)
	if err != nil {
		return err
	}
	var up net.Conn
	// HAProxy pads abstract names with zeros to the full length of the address.
	full := "@" + name + strings.Repeat("\x00", 107-len(name))
	err = h.In(0, func() (err error) {
		up, err = net.Dial("unix", full)
		return err
	})
	if err != nil {
		return err
	}
	defer up.Close()
	if _, err := up.Write(proxyHeader(world.Unmapped(c.RemoteAddr()), dst)); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(up, c); _ = up.(*net.UnixConn).CloseWrite() })
	wg.Go(func() { _, _ = io.Copy(c, up); _ = c.CloseWrite() })
	wg.Wait()
	return nil
}

// originalDst6 asks for the destination before REDIRECT
// (linux/netfilter_ipv6/ip6_tables.h: IP6T_SO_ORIGINAL_DST is 80). The answer
// is a sockaddr_in6, which is read as the bytes of another option's structure
// of at least that size.
func originalDst6(c *net.TCPConn) (netip.AddrPort, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	var dst netip.AddrPort
	var inner error
	err = rc.Control(func(fd uintptr) {
		info, err := unix.GetsockoptIPv6MTUInfo(int(fd), unix.SOL_IPV6, 80)
		if err != nil {
			inner = err
			return
		}
		var port [2]byte
		binary.NativeEndian.PutUint16(port[:], info.Addr.Port) // stored in network order
		dst = netip.AddrPortFrom(netip.AddrFrom16(info.Addr.Addr), binary.BigEndian.Uint16(port[:]))
	})
	return dst, errors.Join(err, inner)
}

// proxyHeader is a PROXY protocol v2 header for TCP over IPv6
// (haproxy.org, proxy-protocol.txt §2.2).
func proxyHeader(src, dst netip.AddrPort) []byte {
	h := []byte("\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24")
	s, d := src.Addr().As16(), dst.Addr().As16()
	h = append(append(h, s[:]...), d[:]...)
	h = binary.BigEndian.AppendUint16(h, src.Port())
	return binary.BigEndian.AppendUint16(h, dst.Port())
}

// PassV6 is Istio's source of inbound connections over IPv6.
var PassV6 = netip.MustParseAddr("::6")
