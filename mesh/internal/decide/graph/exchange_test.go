package graph_test

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
)

// Requests and responses find each other by order, and where some were not
// captured by what their senders had received.
func TestPairing(t *testing.T) {
	get := func(target string) string { return sim.Request("GET", target) }
	ok := sim.Response(200, "ok")
	for _, tt := range []struct {
		name string
		make func(*pcap.Connection)
		want []string
	}{
		{"one after the other", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Reply(ok)
			c.Send(get("/b"))
			c.Reply(sim.Response(404, "no"))
		}, []string{"GET /a 200", "GET /b 404"}},
		{"pipelined", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Send(get("/b"))
			c.Reply(sim.Response(201, ""))
			c.Reply(sim.Response(202, ""))
		}, []string{"GET /a 201", "GET /b 202"}},
		{"pipelined in one packet", func(c *pcap.Connection) {
			c.Send(get("/a") + get("/b"))
			c.Reply(sim.Response(201, "x") + sim.Response(202, "y"))
		}, []string{"GET /a 201", "GET /b 202"}},
		{"an answer to HEAD has no content", func(c *pcap.Connection) {
			c.Send(sim.Request("HEAD", "/a"))
			c.Reply("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
			c.Send(get("/b"))
			c.Reply(ok)
		}, []string{"HEAD /a 200", "GET /b 200"}},
		{"an interim response is none", func(c *pcap.Connection) {
			c.Send("POST /a HTTP/1.1\r\nhost: app\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
			c.Reply("HTTP/1.1 100 Continue\r\n\r\n")
			c.Send("hi")
			c.Reply(ok)
			c.Send(get("/b"))
			c.Reply(sim.Response(404, ""))
		}, []string{"POST /a 200", "GET /b 404"}},
		{"an early answer", func(c *pcap.Connection) {
			c.Send("POST /a HTTP/1.1\r\nhost: app\r\ncontent-length: 4\r\n\r\nhi")
			c.Reply(sim.Response(413, ""))
			c.Send("ho")
			c.Send(get("/b"))
			c.Reply(ok)
		}, []string{"POST /a 413", "GET /b 200"}},
		{"a response was lost", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Reply(sim.Response(201, ""))
			c.Lose(1)
			c.Send(get("/b"))
			c.Reply(sim.Response(202, ""))
		}, []string{"GET /a 0", "GET /b 202"}},
		{"two responses were lost", func(c *pcap.Connection) {
			for _, target := range []string{"/a", "/b"} {
				c.Send(get(target))
				c.Reply(ok)
				c.Lose(1)
			}
			c.Send(get("/c"))
			c.Reply(sim.Response(202, ""))
		}, []string{"GET /a 0", "GET /b 0", "GET /c 202"}},
		{"the last response was lost", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Reply(ok)
			c.Send(get("/b"))
			c.Reply(ok)
			c.Lose(1)
		}, []string{"GET /a 200", "GET /b 0"}},
		{"a request was lost", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Reply(ok)
			c.Send(get("/b"))
			c.Lose(1)
			c.Reply(sim.Response(202, ""))
			c.Send(get("/c"))
			c.Reply(sim.Response(203, ""))
		}, []string{"GET /a 200", "202", "GET /c 203"}},
		{"the capture begins with a response", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Reply(sim.Response(201, ""))
			c.Send(get("/b"))
			c.Reply(sim.Response(202, ""))
			c.DropFirst(4)
		}, []string{"201", "GET /b 202"}},
		{"the capture begins inside a body", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Reply("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n0123456789")
			c.Reply("0123456789")
			c.Send(get("/b"))
			c.Reply(sim.Response(202, ""))
			c.DropFirst(5)
		}, []string{"GET /b 202"}},
		{"a swapped pair of packets", func(c *pcap.Connection) {
			c.Send(get("/a"))
			c.Reply(sim.Response(201, ""))
			c.Swap()
			c.Send(get("/b"))
			c.Reply(sim.Response(202, ""))
		}, []string{"GET /a 201", "GET /b 202"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr pcap.Trace
			c := sim.On(&tr, "eth0", "192.0.2.1:40000", sim.App)
			c.Handshake()
			tt.make(c)
			if got := sim.ExchangeList(sim.Stitch(t, &tr)); !slices.Equal(got, tt.want) {
				t.Errorf("exchanges %q, expected %q", got, tt.want)
			}
		})
	}
}

// One half is enough to know its messages.
func TestPairingOneHalf(t *testing.T) {
	for _, tt := range []struct {
		name string
		keep uint16 // source port
		want []string
	}{
		{"requests only", 40000, []string{"GET /a 0", "GET /b 0"}},
		{"responses only", 8080, []string{"201", "202"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr pcap.Trace
			c := sim.On(&tr, "eth0", "192.0.2.1:40000", sim.App)
			c.Handshake()
			c.Send(sim.Request("GET", "/a"))
			c.Reply(sim.Response(201, ""))
			c.Send(sim.Request("GET", "/b"))
			c.Reply(sim.Response(202, ""))
			tr.Filter(func(p *pcap.Packet) bool { return p.Key.SrcPort == tt.keep })
			if got := sim.ExchangeList(sim.Stitch(t, &tr)); !slices.Equal(got, tt.want) {
				t.Errorf("exchanges %q, expected %q", got, tt.want)
			}
		})
	}
}
