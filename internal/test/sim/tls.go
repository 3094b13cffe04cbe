package sim

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// A Saying is what one end of a connection writes at once.
type Saying struct {
	Reply bool
	Data  string
	Snap  int // packets are cut to so many bytes from here on; 0 = as before
}

// Asks is a saying of the client.
func Asks(data string) Saying { return Saying{Data: data} }

// Answers is a saying of the server.
func Answers(data string) Saying { return Saying{Reply: true, Data: data} }

// A wiretap records what an end of a connection writes as packets.
type wiretap struct {
	net.Conn
	mu    *sync.Mutex
	write func(string) *pcap.Packet
	cut   int // bytes in a packet at the most
}

func (w *wiretap) Write(p []byte) (int, error) {
	w.mu.Lock()
	for q := p; len(q) > 0; {
		n := min(len(q), w.cut)
		w.write(string(q[:n]))
		q = q[n:]
	}
	w.mu.Unlock()
	return w.Conn.Write(p)
}

// SpeakTLS has both ends of c speak TLS of the given version and say what they
// have to. It returns the key log.
func SpeakTLS(t *testing.T, c *pcap.Connection, version uint16, cut int, talk ...Saying) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	var mu sync.Mutex
	client := tls.Client(&wiretap{there, &mu, c.Send, cut}, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &log, MaxVersion: version})
	server := tls.Server(&wiretap{here, &mu, c.Reply, cut}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	c.Handshake()
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	ends := [2]*tls.Conn{client, server}
	for _, s := range talk {
		from, to := ends[0], ends[1]
		if s.Snap > 0 {
			c.Snap(s.Snap)
		}
		if s.Reply {
			from, to = to, from
		}
		_, err := io.WriteString(from, s.Data)
		_, err2 := io.ReadFull(to, make([]byte, len(s.Data)))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range ends {
		if err := e.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(there.Close(), here.Close()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	return log.String()
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// StitchKeys reads a trace with a key log.
func StitchKeys(t *testing.T, tr *pcap.Trace, log string) *mesh.Result {
	t.Helper()
	r, err := mesh.Stitch(t.Context(), []mesh.Input{
		{Name: pcap.WriteFile(t, "eth0.pcap", tr.PCAP("eth0"))},
		{Name: pcap.WriteFile(t, "lo.pcap", tr.PCAP("lo"))},
	}, &mesh.Options{Reread: true, KeyLogs: []string{pcap.WriteFile(t, "keys.txt", []byte(log))}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// Spoken returns what a stream carries, by direction; holes are "<n>".
func Spoken(t *testing.T, r *mesh.Result, stream int) (out [2]string) {
	t.Helper()
	for c, err := range r.Follow(t.Context(), stream, mesh.AllExchanges) {
		if err != nil {
			t.Fatal(err)
		}
		d := 0
		if c.Reply {
			d = 1
		}
		out[d] += string(c.Data)
		if c.Missing > 0 {
			out[d] += fmt.Sprintf("<%d>", c.Missing)
		}
	}
	return out
}
