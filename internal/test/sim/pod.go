package sim

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// Addresses of traces made by hand.
const (
	Pod = "10.244.1.10"
	App = Pod + ":8080"   // where the pod's application listens
	VIP = "10.96.10.1:80" // of a service
)

// On adds a connection at an interface.
func On(tr *pcap.Trace, iface, orig, dst string) *pcap.Connection {
	point := map[string]uint16{"eth0": 0, "lo": 1}[iface]
	return tr.Conn(orig, dst).At(tcpip.Point(point), iface).Timestamps()
}

// Torn adds the two half-flows of a connection that an application of the pod
// makes to a server, redirected to the proxy on lo.
func Torn(tr *pcap.Trace, port int, server string) *pcap.Connection {
	return On(tr, "lo", fmt.Sprintf("%s:%d", Pod, port), server).Redirect("127.0.0.1:15001")
}

// Meshed makes a trace show that a proxy is at work in the pod: an exchange
// from a client to the application, and one from the application outward.
func Meshed(tr *pcap.Trace) {
	Talk(On(tr, "eth0", "192.0.2.99:41000", App).ISN(1_000_001, 2_000_001), "/in")
	Talk(On(tr, "lo", "127.0.0.6:41001", App).ISN(3_000_001, 4_000_001), "/in")
	Talk(Torn(tr, 41002, "10.96.0.99:80").ISN(5_000_001, 6_000_001), "/out")
	Talk(On(tr, "eth0", Pod+":41004", "10.244.9.9:8080").ISN(7_000_001, 8_000_001), "/out")
}

// Talk adds an exchange on a connection of its own.
func Talk(c *pcap.Connection, target string) {
	c.Handshake()
	c.Send(Request("GET", target))
	c.Reply(Response(200, target))
	c.Close()
}
