package conn_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
)

// challenged is a connection whose SYN meets a server that still has an earlier one
// between the same ends, of which rounds times an ACK is sent and reset.
type challenged struct {
	client, server, listener, from string
	earlier                        func(old *pcap.Connection) // what was captured of it
	rounds                         int
	off                            uint32 // between the number acknowledged and the one reset
	alone                          bool   // the ACK was not captured
	unanswered                     bool   // the server is never heard of again
	ahead                          uint32 // how far the new numbers are past the old one; 0 = far
}

func (c challenged) trace() *pcap.Trace {
	tr := new(pcap.Trace)
	dial := func() *pcap.Connection {
		k := tr.Conn(c.client, c.server).At(1, "lo")
		switch {
		case c.from != "":
			k.RedirectFrom(c.from, c.listener)
		case c.listener != "":
			k.Redirect(c.listener)
		}
		return k
	}
	old := dial().ISN(1e9, 2e9)
	if c.earlier != nil {
		c.earlier(old)
		tr.Wait(time.Second)
	}
	k := dial().ISN(3e9, 4e9)
	if c.ahead != 0 {
		k = dial().ISN(1e9+c.ahead, 4e9)
	}
	for range c.rounds {
		k.SYN()
		number := uint32(1e9 + 1)
		if !c.alone {
			number = old.AckReply().Ack
		}
		r := old.RST()
		r.Seq, r.Ack, r.Flags = number+c.off, 0, tcpip.FlagRST
		tr.Wait(time.Second)
	}
	if c.unanswered {
		k.SYN()
		return tr
	}
	k.Handshake()
	k.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	k.Reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	k.Close()
	return tr
}

// An ACK of an earlier connection that answers a SYN, and the reset of it, are no
// connection; where the earlier one was captured, they are not a further one.
func TestChallengeACK(t *testing.T) {
	const pod, service, proxy = "10.244.1.10:40000", "10.96.0.1:80", "127.0.0.1:15001"
	request := func(c *pcap.Connection) {
		c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		c.AckReply()
	}
	for _, tt := range []struct {
		name string
		c    challenged
		want string // packets of the legs, client + server
	}{
		{"once", challenged{client: pod, server: service, rounds: 1}, "6+3"},
		{"IPv6", challenged{client: "[fd00::1]:40000", server: "[fd00::2]:80", rounds: 1}, "6+3"},
		{"the first reset was lost", challenged{client: pod, server: service, rounds: 3}, "8+3"},
		{"redirected", challenged{client: pod, server: service, listener: proxy, rounds: 1}, "6+3"},
		{"redirected from another port", challenged{client: pod, server: service, listener: proxy, from: "10.244.1.10:40663", rounds: 2}, "7+3"},
		{"the ACK was not captured", challenged{client: pod, server: service, rounds: 1, alone: true}, "6+3"},
		{"and never a SYN-ACK", challenged{client: pod, server: service, rounds: 1, unanswered: true}, "2+0"},
		{"the reset has another number", challenged{client: pod, server: service, rounds: 1, off: 1}, "6+3 0+1"},
		{"a little ahead of the earlier one", challenged{client: pod, server: service, rounds: 1, ahead: 500_000}, "6+3"},
		{"a little ahead, redirected", challenged{client: pod, server: service, listener: proxy, rounds: 2, ahead: 70_000}, "7+3"},
		{"a little ahead, and never a SYN-ACK", challenged{client: pod, server: service, rounds: 1, ahead: 500_000, unanswered: true}, "2+0"},
		{"a little ahead of one that was captured", challenged{client: pod, server: service, ahead: 500_000, earlier: func(c *pcap.Connection) { c.Handshake(); request(c) }, rounds: 1}, "3+3 7+3"},
		{"a little ahead of one whose middle was captured", challenged{client: pod, server: service, ahead: 500_000, earlier: request, rounds: 1}, "1+2 7+3"},
		{"the middle of the earlier one was captured", challenged{client: pod, server: service, earlier: request, rounds: 1}, "1+2 7+3"},
		{"all of it", challenged{client: pod, server: service, earlier: func(c *pcap.Connection) { c.Handshake(); request(c) }, rounds: 1}, "3+3 7+3"},
		{"all of it, redirected", challenged{client: pod, server: service, listener: proxy, earlier: func(c *pcap.Connection) { c.Handshake(); request(c) }, rounds: 1}, "3+3 7+3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := tt.c.trace()
			r := sim.Stitch(t, tr)
			var got []string
			for _, l := range r.Legs {
				got = append(got, fmt.Sprintf("%d+%d", l.OrigPackets, l.ReplyPackets))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("legs of %s packets, want %s", s, tt.want)
			}
			if len(r.Paths) != len(r.Legs) {
				t.Errorf("%d paths of %d legs", len(r.Paths), len(r.Legs))
			}
			if sum, err := r.WriteCapture(t.Context(), io.Discard, nil); err != nil || sum.Packets != tr.Len() || sum.Streams != len(r.Legs) {
				t.Errorf("%d of %d packets written, %d streams, %v", sum.Packets, tr.Len(), sum.Streams, err)
			}
		})
	}
}
