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
