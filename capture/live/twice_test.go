//go:build linux

package live_test

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/live"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
)

func TestLiveSeesEveryPacketOnLoTwice(t *testing.T) {
	source := openLo(t)
	defer source.Close()
	port := exchangeOnLo(t)
	done := make(chan bool)
	defer close(done)
	go keepTalking(done) // so that Next returns, whatever was lost
	points := tcpip.NewPoints()
	d := tcpip.NewDecoder(points, func(uint32) []capture.Interface { return source.Interfaces() })
	first, second := 0, 0
	for n, fin := 0, 0; fin < 2 && n < 1000; n++ { // up to both copies of the client's FIN
		p, err := source.Next()
		check(t, err)
		if p.Ref != (capture.Ref{Packet: uint32(n + 1)}) || p.Interface != 0 {
			t.Fatalf("packet %+v of interface %d, want number %d", p.Ref, p.Interface, n+1)
		}
		var s tcpip.Segment
		if !d.Decode(p, &s) || s.Key.DstPort != port {
			continue
		}
		if s.Dup {
			second++
		} else {
			first++
		}
		if s.Flags&tcpip.FlagFIN != 0 {
			fin++
		}
	}
	if first < 3 || first != second || !points.Info(0).Loopback {
		t.Errorf("%d packets, %d second copies, point %+v", first, second, points.Info(0))
	}
}

// openLo captures on lo. Only who may not is let off: all else that Open can fail
// with is a fault.
func openLo(t *testing.T) *live.Source {
	t.Helper()
	source, err := live.Open("lo")
	if err != nil && strings.HasSuffix(err.Error(), syscall.EPERM.Error()) { // the library does not wrap it
		t.Skipf("needs root with CAP_NET_RAW: %v", err)
	}
	check(t, err)
	return source
}

// exchangeOnLo makes a TCP connection over lo and closes it. It returns the
// server's port.
func exchangeOnLo(t *testing.T) uint16 {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	check(t, err)
	check(t, c.Close())
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

// keepTalking sends UDP packets over lo until done.
func keepTalking(done chan bool) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
			if c, err := net.Dial("udp4", "127.0.0.1:9"); err == nil {
				c.Write([]byte("x"))
				c.Close()
			}
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// After Close nothing more comes, and that is said with the interface.
func TestNextAfterClose(t *testing.T) {
	source := openLo(t)
	if in := source.Interfaces(); len(in) != 1 || in[0].Name != "lo" {
		t.Errorf("interfaces %+v", in)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Next(); err == nil || !strings.HasPrefix(err.Error(), "capture on lo: ") {
		t.Errorf("%v, want why nothing more comes", err)
	}
}
