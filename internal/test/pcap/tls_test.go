package pcap_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// halves returns what each side of a trace of one connection sent.
func halves(trace *pcap.Trace) (sent [2][]byte) {
	for _, s := range trace.Segments() {
		end := 0
		if s.Key.SrcPort == 443 {
			end = 1
		}
		sent[end] = append(sent[end], s.Bytes...)
	}
	return sent
}

// records lists the records of one half as "type/length".
func records(t *testing.T, half []byte) (list []string) {
	t.Helper()
	for len(half) > 0 {
		if len(half) < 5 || len(half) < 5+int(binary.BigEndian.Uint16(half[3:])) {
			t.Fatalf("%d bytes are no record", len(half))
		}
		n := int(binary.BigEndian.Uint16(half[3:]))
		list = append(list, fmt.Sprintf("%d/%d", half[0], n))
		half = half[5+n:]
	}
	return list
}

const client, server = "10.0.0.1:40000", "10.0.0.2:443"

func sealed(o pcap.TLSConfig) *pcap.TLSConnection {
	c := pcap.Conn(client, server)
	c.Handshake()
	return c.TLS(o)
}

func TestPackings(t *testing.T) {
	for _, tc := range []struct {
		name           string
		config         pcap.TLSConfig
		client, server string // records after the first of the client and the first of the server
	}{
		{"OpenSSL", pcap.TLSConfig{}, "20/1 23/53 23/117 23/19", "20/1 23/23 23/268 23/89 23/53 23/762 23/746 23/317 23/19"},
		{"OpenSSL, SHA-384", pcap.TLSConfig{Suite: 0x1302}, "20/1 23/69 23/117 23/19", "20/1 23/23 23/268 23/89 23/69 23/762 23/746 23/317 23/19"},
		{"OpenSSL, mutual", pcap.TLSConfig{Mutual: true}, "20/1 23/268 23/89 23/53 23/117 23/19", "20/1 23/23 23/82 23/268 23/89 23/53 23/762 23/746 23/317 23/19"},
		{"OpenSSL, resumed", pcap.TLSConfig{Resumed: true, Tickets: []int{}}, "20/1 23/53 23/117 23/19", "20/1 23/23 23/53 23/317 23/19"},
		{"OpenSSL, early", pcap.TLSConfig{Resumed: true, EarlyData: 10, Tickets: []int{}}, "20/1 23/27 23/21 23/53 23/117 23/19", "20/1 23/23 23/53 23/317 23/19"},
		{"OpenSSL, retry", pcap.TLSConfig{Retry: true, Tickets: []int{}}, "20/1 22/178 23/53 23/117 23/19", "20/1 22/122 23/23 23/268 23/89 23/53 23/317 23/19"},
		{"BoringSSL", pcap.TLSConfig{Packing: pcap.PackBoringSSL}, "20/1 23/53 23/117 23/19", "20/1 23/382 23/477 23/317 23/19"},
		{"BoringSSL, mutual", pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true}, "20/1 23/376 23/117 23/19", "20/1 23/447 23/477 23/317 23/19"},
		{"1.2", pcap.TLSConfig{Version: 0x0303}, "22/37 20/1 22/40 23/124 21/26", "22/248 22/108 22/4 22/133 20/1 22/40 23/324 21/26"},
		{"1.2, BoringSSL, mutual", pcap.TLSConfig{Version: 0x0303, Packing: pcap.PackBoringSSL, Mutual: true}, "22/357 20/1 22/40 23/124 21/26", "22/133 20/1 22/40 23/324 21/26"},
		{"1.2, resumed, ChaCha20", pcap.TLSConfig{Version: 0x0303, Resumed: true, Suite: 0xcca8}, "20/1 22/32 23/116 21/18", "22/133 20/1 22/32 23/316 21/18"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.config.Signature = 64
			c := sealed(tc.config)
			c.Play(pcap.Turn{Bytes: 100}, pcap.Turn{Reply: true, Bytes: 300, After: time.Millisecond})
			c.Close()
			for end, want := range []string{tc.client, tc.server} {
				if got := strings.Join(records(t, halves(c.Trace)[end])[1:], " "); got != want {
					t.Errorf("side %d: records\n%s, want\n%s", end, got, want)
				}
			}
		})
	}
}

// BoringSSL sends tickets with the first data of the server, in one segment.
func TestTicketsWithFirstData(t *testing.T) {
	c := sealed(pcap.TLSConfig{Packing: pcap.PackBoringSSL})
	c.Send(10)
	before := c.Len()
	c.Reply(20)
	if got, want := c.Len()-before, 1; got != want {
		t.Fatalf("%d segments for the tickets and the first data, want %d", got, want)
	}
	if got, want := records(t, c.Last(0).Bytes), []string{"23/477", "23/37"}; !slices.Equal(got, want) {
		t.Errorf("records %v, want %v", got, want)
	}
	c.Reply(20)
	if got, want := records(t, c.Last(0).Bytes), []string{"23/37"}; !slices.Equal(got, want) {
		t.Errorf("records afterwards %v, want %v", got, want)
	}
}

// An ECDSA signature varies by a few bytes, from connection to connection.
func TestFlightsVary(t *testing.T) {
	c := pcap.Conn(client, server)
	seen := map[string]bool{}
	for range 50 {
		c.TLS(pcap.TLSConfig{Packing: pcap.PackBoringSSL, Mutual: true, Tickets: []int{}})
		r := records(t, c.Last(0).Bytes)
		seen[r[1]] = true
		c.Wait(time.Second)
	}
	if len(seen) < 3 || len(seen) > 5 {
		t.Errorf("client flights of %d lengths: %v", len(seen), seen)
	}
}

func TestSegmentsKnowNoRecords(t *testing.T) {
	c := sealed(pcap.TLSConfig{Segment: 100, Tickets: []int{}})
	c.Send(3000)
	if n := len(c.Last(0).Bytes); n != 3022%100 {
		t.Errorf("last segment has %d bytes, want %d", n, 3022%100)
	}
	if got, want := records(t, halves(c.Trace)[0]), []string{"22/178", "20/1", "23/53", "23/3017"}; !slices.Equal(got, want) {
		t.Errorf("records %v, want %v", got, want)
	}
}

// other is what crypto/tls makes of a connection.
func other(t *testing.T, o pcap.TLSConfig, bytes int) (sent [2][]byte) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	config := func(der []byte) *tls.Config {
		return &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, InsecureSkipVerify: true,
			ServerName: o.SNI, NextProtos: o.ALPN, MaxVersion: o.Version, Time: func() time.Time { return time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC) },
		}
	}
	theirs, ours := config(pcap.Certificate("spiffe://cluster.local/ns/default/sa/client")), config(pcap.Certificate("spiffe://cluster.local/ns/default/sa/server"))
	ours.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	if !o.Mutual {
		theirs.Certificates = nil
	} else {
		ours.ClientAuth = tls.RequireAnyClientCert
	}
	if o.Resumed {
		theirs.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		talk(t, theirs, ours, bytes)
	}
	return talk(t, theirs, ours, bytes)
}

// talk sends bytes each way and closes.
func talk(t *testing.T, theirs, ours *tls.Config, bytes int) (sent [2][]byte) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	served := make(chan error, 1)
	c, d := tls.Client(tap{a, &sent[0]}, theirs), tls.Server(tap{b, &sent[1]}, ours)
	go func() {
		_, err := io.ReadFull(d, make([]byte, bytes))
		_, errWrite := d.Write(make([]byte, bytes))
		_, errRead := io.ReadAll(d)
		served <- errors.Join(err, errWrite, errRead, d.Close())
	}()
	_, err = c.Write(make([]byte, bytes))
	_, errRead := io.ReadFull(c, make([]byte, bytes))
	if err := errors.Join(err, errRead, c.Close(), <-served); err != nil {
		t.Fatal(err)
	}
	return sent
}

// A tap keeps what is written to a connection.
type tap struct {
	net.Conn
	sent *[]byte
}

func (t tap) Write(p []byte) (int, error) {
	*t.sent = append(*t.sent, p...)
	return t.Conn.Write(p)
}

// What is packed as Go does it has the records of crypto/tls, but for the
// hellos, and tickets, whose lengths are their own.
func TestPackedAsGo(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, kind := range []string{"", "mutual", "resumed"} {
			t.Run(fmt.Sprintf("%x%s", version, kind), func(t *testing.T) {
				const bytes = 300_000
				o := pcap.TLSConfig{
					Packing: pcap.PackGo, Version: version, SNI: "a.example", ALPN: []string{"h2"}, Signature: 64,
					Mutual: kind == "mutual", Resumed: kind == "resumed",
				}
				if !o.Resumed {
					o.Tickets = []int{} // without a cache no client asks for them
				}
				c := sealed(o)
				c.Send(bytes)
				c.Reply(bytes)
				c.Alert()
				c.AlertReply()
				mine, real := halves(c.Trace), other(t, o, bytes)
				for end := range mine {
					got, want := records(t, mine[end])[1:], records(t, real[end])[1:]
					if len(got) != len(want) {
						t.Fatalf("side %d: %d records %v, crypto/tls has %d %v", end, len(got), got, len(want), want)
					}
					for i := range got {
						ticket := o.Resumed && end == 1 && (i == 3 || version == tls.VersionTLS12 && i == 0)
						if got[i] != want[i] && !ticket {
							t.Errorf("side %d, record %d: %s, crypto/tls has %s", end, i+1, got[i], want[i])
						}
					}
				}
			})
		}
	}
}
