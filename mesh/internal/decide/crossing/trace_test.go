package crossing

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testlegs"
)

// onEth0 and onLo add the i-th connection of a client, and that of the proxy.
func onEth0(tr *pcap.Trace, i int) *pcap.Connection {
	return tr.Conn(fmt.Sprintf("192.0.2.%d:40000", i+1), "10.244.1.10:8080").At(0, "eth0").ISN(uint32(i+1)<<22, uint32(i+101)<<22)
}

func onLo(tr *pcap.Trace, i int) *pcap.Connection {
	return tr.Conn(fmt.Sprintf("127.0.0.6:%d", 50000+i), "10.244.1.10:8080").At(1, "lo").ISN(uint32(i+201)<<22, uint32(i+301)<<22)
}

// dropSYN drops the SYNs that an interface shows.
func dropSYN(tr *pcap.Trace, iface string) {
	tr.Filter(func(p *pcap.Packet) bool { return p.Interface != iface || p.Flags&tcpip.FlagSYN == 0 })
}

// crossed reads a trace of client's legs on eth0.
func crossed(t *testing.T, tr *pcap.Trace) *Crossing {
	t.Helper()
	s := testlegs.Read(t, tr, "eth0")
	c := New(s.Index, nil, nil)
	c.Down, c.Up = s.Down, s.Up
	c.Trust = NewTrust(c)
	return c
}

// A flowed is a connection that came to the proxy and the one that it dialled for it.
type flowed struct{ down, up *pcap.Connection }

// opened adds n flows, all open at once: the clients' first.
func opened(tr *pcap.Trace, n int) (fs []flowed) {
	for i := range n {
		fs = append(fs, flowed{onEth0(tr, i), onLo(tr, i)})
		fs[i].down.Handshake()
	}
	for _, f := range fs {
		f.up.Handshake()
	}
	return fs
}

// carry has the client say something and the server answer, on both sides.
func (f flowed) carry(ask, answer string) {
	f.down.Send(ask)
	f.up.Send(ask)
	if answer != "" {
		f.up.Reply(answer)
		f.down.Reply(answer)
	}
}

// close ends both connections.
func (f flowed) close() {
	f.down.Close()
	f.up.Close()
}
