package tls_test

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// The captures that other tests write must say what they are meant to say.
func TestWrittenHandshakes(t *testing.T) {
	base := pcap.TLSConfig{SNI: "outbound_.8000_._.httpbin.default", ALPN: []string{"istio-http/1.1", "istio"}}
	for _, packing := range []pcap.Packing{pcap.PackOpenSSL, pcap.PackBoringSSL, pcap.PackGo} {
		for i := range 32 {
			o := base
			o.Packing, o.Version = packing, 0x0303+uint16(i&1)
			o.Mutual, o.Resumed, o.Retry = i&2 != 0, i&4 != 0, i&8 != 0 && o.Version == 0x0304
			if i&16 != 0 && o.Resumed && o.Version == 0x0304 {
				o.EarlyData = 100
			}
			client, server := written(o)
			shown := o.Version < 0x0304 && !o.Resumed
			h, g := client.Hello, server.Hello
			for what, ok := range map[string]bool{
				"whole":     client.Known && server.Known && h.Whole && g.Whole && !client.Missing && !server.Missing,
				"version":   h.Version == o.Version && g.Version == o.Version,
				"suite":     g.Suite == map[uint16]uint16{0x0303: 0xc02f, 0x0304: 0x1301}[o.Version],
				"names":     h.SNI == o.SNI && slices.Equal(h.ALPN, o.ALPN),
				"resumed":   server.Resumed == o.Resumed && h.PSK == (o.Resumed && o.Version == 0x0304),
				"retried":   client.Retried == o.Retry && server.Retried == o.Retry,
				"early":     h.EarlyData == (o.EarlyData > 0),
				"presented": client.Presented == (shown && o.Mutual) && server.Presented == shown,
				"asked":     server.Requested == (shown && o.Mutual),
				"identity":  (len(client.Identities) == 1) == (shown && o.Mutual) && (len(server.Identities) == 1) == shown,
			} {
				if !ok {
					t.Errorf("%s of %+v:\nclient %+v\nserver %+v", what, o, client, server)
				}
			}
		}
	}
}

// written returns what the two halves of a written connection say.
func written(o pcap.TLSConfig) (client, server mytls.Facts) {
	c := pcap.Conn("10.0.0.1:40000", "10.0.0.2:443")
	c.Handshake()
	t := c.TLS(o)
	t.Play(pcap.Turn{Bytes: 100}, pcap.Turn{Reply: true, Bytes: 200})
	t.Close()
	var half [2][]byte
	for _, s := range c.Segments() {
		end := 0
		if s.Key.SrcPort == 443 {
			end = 1
		}
		half[end] = append(half[end], s.Bytes...)
	}
	return facts(half[0]), facts(half[1])
}
