//go:build linux

//lint:file-ignore SA1019 net/http has no HTTP/2 on a connection that is made elsewhere; the tunnel needs that

package mesh

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/net/http2"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// hbonePort is where ztunnels take tunnels.
const hbonePort = 15008

// ztunnelSocket is a socket of ztunnel's in a pod: the mark keeps it from the
// redirect (DEFAULT_INPOD_MARK).
var ztunnelSocket = transparent{mark: 0x539}

// ztunnel stands in for Istio's node proxy in one pod: it carries connections
// on byte for byte, to peers in the mesh each as a CONNECT stream of HTTP/2
// over mTLS.
type ztunnel struct {
	ctx            context.Context
	pod            *Pod
	mu             sync.Mutex
	out            *os.File
	client, server *tls.Config
	peers          map[netip.AddrPort]Peer // by what is dialled; others are dialled plainly
	tunnels        map[netip.AddrPort][]*tunnel
	streams        int // that one tunnel takes in its life
}

// Peer is where a connection really goes.
type Peer struct {
	At    netip.AddrPort
	plain bool
}

// tunnel is one HBONE connection to a peer.
type tunnel struct {
	conn          net.Conn
	h2            *http2.ClientConn
	opened        int
	local, remote netip.AddrPort
	mu            sync.Mutex // held while a stream is opened, so that they are numbered in order
}

// InjectZtunnel makes h an ambient pod.
func (m *Mesh) InjectZtunnel(h *world.Host, ca *Authority, peers map[netip.AddrPort]Peer) error {
	rules := Interception{UID: 0, Out: 15001, In: 15006, Mode: ModeAmbient}
	p := &Pod{Host: h, Rules: rules, Log: filepath.Join(m.Tmp, h.Name+"-haproxy.log")}
	m.Pods = append(m.Pods, p)
	z := &ztunnel{ctx: m.Ctx, pod: p, peers: peers, streams: 4, tunnels: map[netip.AddrPort][]*tunnel{}}
	var err error
	if err = m.redirect(h, rules); err != nil {
		return err
	}
	if z.out, err = os.Create(p.Log); err != nil {
		return err
	}
	if z.client, err = ca.Client(h.Name); err != nil {
		return err
	}
	if z.server, err = ca.Server(h.Name); err != nil {
		return err
	}
	for _, c := range []*tls.Config{z.client, z.server} {
		c.NextProtos, c.MinVersion, c.DynamicRecordSizingDisabled = []string{"h2"}, tls.VersionTLS13, true
	}
	for port, serve := range map[int]func(net.Conn) error{rules.Out: z.outbound, rules.In: z.inbound, hbonePort: z.tunnelled} {
		l, err := ztunnelSocket.listen(m.Ctx, h, port)
		if err != nil {
			return err
		}
		m.Later(func() { _ = l.Close() })
		go accept(l, serve)
	}
	m.Later(z.close)
	return nil
}

func accept(l net.Listener, serve func(net.Conn) error) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = serve(c)
		}()
	}
}

func (z *ztunnel) close() {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, ts := range z.tunnels {
		for _, t := range ts {
			_ = t.conn.Close()
		}
	}
	_ = z.out.Close()
}

// outbound carries on what the application dialled.
func (z *ztunnel) outbound(c net.Conn) error {
	dst, err := originalDst4(c.(*net.TCPConn))
	if err != nil {
		return err
	}
	p, ok := z.peers[dst]
	if !ok {
		p = Peer{dst, true}
	}
	if !p.plain {
		return z.through(c, dst, p.At)
	}
	return z.plainly(c, dst, netip.Addr{}, p.At, "out")
}

// inbound carries on a plain connection of a client's.
func (z *ztunnel) inbound(c net.Conn) error {
	dst, err := originalDst4(c.(*net.TCPConn))
	if err != nil {
		return err
	}
	return z.plainly(c, dst, world.Unmapped(c.RemoteAddr()).Addr(), dst, "in")
}

// plainly dials and copies. from may be the zero Addr.
func (z *ztunnel) plainly(c net.Conn, dst netip.AddrPort, from netip.Addr, to netip.AddrPort, dir string) error {
	start := time.Now()
	up, err := ztunnelSocket.dial(z.ctx, z.pod.Host, from, to)
	if err != nil {
		return err
	}
	defer up.Close()
	splice(c, c.(*net.TCPConn).CloseWrite, up, up, up.(*net.TCPConn).CloseWrite)
	return z.log(LogLine{Dir: dir, T: start.UnixMilli()}, world.Unmapped(c.RemoteAddr()), dst, world.Unmapped(up.LocalAddr()), to)
}

// splice copies both ways until both have ended; what ends one side is told to
// the other.
func splice(down net.Conn, endDown func() error, in io.Reader, out io.Writer, endUp func() error) {
	_ = world.Parallel(func() error {
		_, err := io.Copy(out, down)
		return errors.Join(err, endUp())
	}, func() error {
		_, err := io.Copy(down, in)
		return errors.Join(err, endDown())
	})
}

// through opens a stream to the peer and copies.
func (z *ztunnel) through(c net.Conn, dst, to netip.AddrPort) error {
	start := time.Now()
	t, n, err := z.tunnel(netip.AddrPortFrom(to.Addr(), hbonePort))
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	req := (&http.Request{Method: http.MethodConnect, URL: &url.URL{Host: to.String()}, Host: to.String(), Body: r, ContentLength: -1,
		Header: http.Header{"Baggage": {"k8s.pod.name=" + z.pod.Name}, "Forwarded": {"for=" + c.RemoteAddr().String()}}}).WithContext(z.ctx)
	resp, err := t.h2.RoundTrip(req)
	t.mu.Unlock()
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	splice(c, c.(*net.TCPConn).CloseWrite, resp.Body, w, w.Close)
	return z.log(LogLine{Dir: "out", T: start.UnixMilli(), Tunnel: "up", Stream: n}, world.Unmapped(c.RemoteAddr()), dst, t.local, t.remote)
}

// tunnel returns a tunnel to a peer that takes another stream, locked, and the
// number that the stream will have.
func (z *ztunnel) tunnel(to netip.AddrPort) (*tunnel, int, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, t := range z.tunnels[to] {
		if t.opened < z.streams {
			t.mu.Lock()
			t.opened++
			return t, t.opened - 1, nil
		}
	}
	raw, err := ztunnelSocket.dial(z.ctx, z.pod.Host, netip.Addr{}, to)
	if err != nil {
		return nil, 0, err
	}
	conn := tls.Client(raw, z.client)
	h2, err := (&http2.Transport{DisableCompression: true}).NewClientConn(conn)
	if err != nil {
		return nil, 0, errors.Join(err, raw.Close())
	}
	t := &tunnel{conn: conn, h2: h2, opened: 1, local: world.Unmapped(raw.LocalAddr()), remote: to}
	t.mu.Lock()
	z.tunnels[to] = append(z.tunnels[to], t)
	return t, 0, nil
}

// tunnelled serves a tunnel of a peer's.
func (z *ztunnel) tunnelled(c net.Conn) error {
	conn := tls.Server(c, z.server)
	if err := conn.HandshakeContext(z.ctx); err != nil {
		return err
	}
	n := 0
	var mu sync.Mutex
	(&http2.Server{}).ServeConn(conn, &http2.ServeConnOpts{Context: z.ctx, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		k := n
		n++
		mu.Unlock()
		if err := z.stream(w, r, c, k); err != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
	})})
	return nil
}

// stream carries the n-th stream of a tunnel on, from the address at which the
// tunnel begins.
func (z *ztunnel) stream(w http.ResponseWriter, r *http.Request, c net.Conn, n int) error {
	start := time.Now()
	to, err := netip.ParseAddrPort(r.Host)
	if err != nil || r.Method != http.MethodConnect {
		return fmt.Errorf("%s %s: no tunnel", r.Method, r.Host)
	}
	up, err := ztunnelSocket.dial(z.ctx, z.pod.Host, world.Unmapped(c.RemoteAddr()).Addr(), to)
	if err != nil {
		return err
	}
	defer up.Close()
	w.WriteHeader(http.StatusOK)
	out := flushing{w, http.NewResponseController(w)}
	if err := out.Flush(); err != nil {
		return err
	}
	_ = world.Parallel(func() error {
		_, err := io.Copy(up, r.Body)
		return errors.Join(err, up.(*net.TCPConn).CloseWrite())
	}, func() error {
		_, err := io.Copy(out, up)
		return err
	})
	return z.log(LogLine{Dir: "in", T: start.UnixMilli(), Tunnel: "down", Stream: n},
		world.Unmapped(c.RemoteAddr()), world.Unmapped(c.LocalAddr()), world.Unmapped(up.LocalAddr()), to)
}

// flushing sends at once what is written.
type flushing struct {
	io.Writer
	*http.ResponseController
}

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	return n, errors.Join(err, f.Flush())
}

// log writes a line as HAProxy does of raw TCP.
func (z *ztunnel) log(l LogLine, client, dialled, local, server netip.AddrPort) error {
	bp, sp := 0, 0
	l.Kind = "tcp"
	l.CI, l.CP = split(client)
	l.FI, l.FP = split(dialled)
	l.BI, bp = split(local)
	l.SI, sp = split(server)
	l.BP, l.SP = fmt.Sprint(bp), fmt.Sprint(sp)
	z.mu.Lock()
	defer z.mu.Unlock()
	return json.NewEncoder(z.out).Encode(l)
}
