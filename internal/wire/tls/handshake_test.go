package tls_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// A session is what went over the wire of one connection of crypto/tls, and
// what its two ends say about it.
type session struct {
	sent           [2][]byte // by the client and by the server
	client, server tls.ConnectionState
	random         string // the client's, in hexadecimal, from the key log
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

// connection returns both ends of a connection. Unlike net.Pipe it holds
// bytes that both ends write at once.
func connection(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// converse lets crypto/tls make a connection and send a few bytes each way.
func converse(t testing.TB, client, server *tls.Config) *session {
	t.Helper()
	var s session
	var log bytes.Buffer
	client = client.Clone()
	client.KeyLogWriter, client.InsecureSkipVerify = &log, true
	a, b := connection(t)
	defer a.Close()
	defer b.Close()
	c, d := tls.Client(tap{a, &s.sent[0]}, client), tls.Server(tap{b, &s.sent[1]}, server)
	served := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(d, make([]byte, 4))
		if err == nil {
			_, err = d.Write([]byte("pong"))
		}
		_ = d.Close() // the other end may be gone
		served <- err
	}()
	_, err := c.Write([]byte("ping"))
	if err == nil {
		_, err = io.ReadAll(c)
	}
	if err := errors.Join(err, <-served); err != nil {
		t.Fatal(err)
	}
	s.client, s.server = c.ConnectionState(), d.ConnectionState()
	s.random = hex.EncodeToString(s.sent[0][11:43])    // its place in every ClientHello
	if f := strings.Fields(log.String()); len(f) > 1 { // nothing is logged of a session resumed before TLS 1.3
		s.random = f[1]
	}
	return &s
}

// certificate makes a certificate of its own with the given URIs and names.
func certificate(t testing.TB, names int, uris ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	for _, u := range uris {
		parsed, err := url.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = append(template.URIs, parsed)
	}
	for i := range names {
		template.DNSNames = append(template.DNSNames, fmt.Sprintf("name-%d.example", i))
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A listener gives the handshake records of a half to a Handshake.
type listener struct {
	handshake mytls.Handshake
	split     func(n int) int // where to end the next fragment of n bytes
}

func (l *listener) Header(r mytls.Record) bool {
	if r.Type == mytls.TypeChangeCipherSpec {
		l.handshake.ChangeCipherSpec()
	}
	return r.Type == mytls.TypeHandshake
}

func (l *listener) Fragment(r mytls.Record, p []byte) {
	for l.split != nil && len(p) > 0 {
		n := l.split(len(p))
		l.handshake.Feed(p[:n])
		p = p[n:]
	}
	switch {
	case p == nil:
		l.handshake.Miss()
	case len(p) > 0:
		l.handshake.Feed(p)
	}
}

func (l *listener) Lost(off, n int64) { l.handshake.Miss() }

// facts reads one half.
func facts(half []byte) mytls.Facts {
	var s mytls.Scanner
	var l listener
	s.Reset(true)
	s.Feed(0, half, &l)
	return l.handshake.Facts()
}

const (
	alice = "spiffe://cluster.local/ns/default/sa/alice"
	bob   = "spiffe://cluster.local/ns/default/sa/bob"
)

// A shape is one way to make a connection.
type shape struct {
	name           string
	client, server *tls.Config
	again          bool // the second connection counts
}

func shapes(t testing.TB) []*shape {
	own, huge := certificate(t, 1, bob, "https://elsewhere.example", "spiffe://b"), certificate(t, 2000, bob)
	theirs := certificate(t, 0, alice)
	var out []*shape
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		base := func(name string) *shape {
			s := &shape{name: mytls.VersionName(version) + " " + name}
			out = append(out, s)
			s.client = &tls.Config{MinVersion: version, MaxVersion: version, ServerName: "outbound_.8000_._.httpbin.default", NextProtos: []string{"istio-http/1.1", "istio", "http/1.1"}}
			s.server = &tls.Config{MinVersion: tls.VersionTLS10, Certificates: []tls.Certificate{own}, NextProtos: []string{"istio"}}
			return s
		}
		base("plain")
		s := base("mutual")
		s.client.Certificates, s.server.ClientAuth = []tls.Certificate{theirs}, tls.RequireAnyClientCert
		base("asked for nothing").server.ClientAuth = tls.RequestClientCert
		base("long").server.Certificates = []tls.Certificate{huge}
		s = base("resumed")
		s.again, s.client.ClientSessionCache = true, tls.NewLRUClientSessionCache(1)
		base("P-256 only").server.CurvePreferences = []tls.CurveID{tls.CurveP256}
		base("no name").client.ServerName = ""
	}
	return out
}

func (s *shape) session(t testing.TB) *session {
	t.Helper()
	got := converse(t, s.client, s.server)
	if s.again {
		got = converse(t, s.client, s.server)
	}
	return got
}

func TestHandshake(t *testing.T) {
	for _, sh := range shapes(t) {
		t.Run(sh.name, func(t *testing.T) {
			s := sh.session(t)
			client, server := facts(s.sent[0]), facts(s.sent[1])
			compareClient(t, client, s, sh)
			compareServer(t, server, s)
			// Certificates and requests are seen before TLS 1.3, of connections that resume nothing.
			shown := s.client.Version < tls.VersionTLS13 && !s.client.DidResume
			for _, c := range []struct {
				what      string
				got, want any
			}{
				{"client presented", client.Presented, shown && len(s.server.PeerCertificates) > 0},
				{"server presented", server.Presented, shown && len(s.client.PeerCertificates) > 0},
				{"requested", server.Requested, shown && sh.server.ClientAuth != tls.NoClientCert},
				{"client identities", fmt.Sprint(client.Identities), fmt.Sprint(identities(shown, s.server))},
				{"server identities", fmt.Sprint(server.Identities), fmt.Sprint(identities(shown, s.client))},
				{"missing", client.Missing || server.Missing, false},
			} {
				if c.got != c.want {
					t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
				}
			}
		})
	}
}

func compareClient(t *testing.T, got mytls.Facts, s *session, sh *shape) {
	t.Helper()
	want := mytls.Hello{
		Client: true, Whole: true, PSK: sh.again && s.client.Version == tls.VersionTLS13, ExtendedMasterSecret: true,
		Version: s.client.Version, SNI: sh.client.ServerName, ALPN: sh.client.NextProtos,
	}
	copy(want.Random[:], unhex(t, s.random))
	if !got.Known || !reflect.DeepEqual(got.Hello, want) {
		t.Errorf("ClientHello\n%+v, want\n%+v", got.Hello, want)
	}
	if got.Retried != s.client.HelloRetryRequest || got.Resumed {
		t.Errorf("client: retried %v, resumed %v, want %v, false", got.Retried, got.Resumed, s.client.HelloRetryRequest)
	}
}

func compareServer(t *testing.T, got mytls.Facts, s *session) {
	t.Helper()
	want := mytls.Hello{
		Whole: true, PSK: s.client.DidResume && s.client.Version == tls.VersionTLS13, ExtendedMasterSecret: s.client.Version < tls.VersionTLS13,
		Version: s.client.Version, Suite: s.client.CipherSuite,
		Random: got.Hello.Random,
	}
	if s.client.Version < tls.VersionTLS13 {
		want.ALPN = []string{s.client.NegotiatedProtocol}
	}
	if !got.Known || !reflect.DeepEqual(got.Hello, want) || got.Hello.Random == [32]byte{} {
		t.Errorf("ServerHello\n%+v, want\n%+v", got.Hello, want)
	}
	if got.Retried != s.server.HelloRetryRequest || got.Resumed != s.server.DidResume {
		t.Errorf("server: retried %v, resumed %v, want %v, %v", got.Retried, got.Resumed, s.server.HelloRetryRequest, s.server.DidResume)
	}
}

// identities lists the SPIFFE IDs that the other end of s showed.
func identities(shown bool, s tls.ConnectionState) (ids []string) {
	if !shown || len(s.PeerCertificates) == 0 {
		return nil
	}
	for _, u := range s.PeerCertificates[0].URIs {
		if u.Scheme == "spiffe" {
			ids = append(ids, u.String())
		}
	}
	return ids
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		t.Fatalf("client random %q in the key log: %v", s, err)
	}
	return b
}

// The cases are worth nothing if crypto/tls did not do what they are for.
func TestShapesAreWhatTheySay(t *testing.T) {
	saw := map[string]bool{}
	for _, sh := range shapes(t) {
		s := sh.session(t)
		v := mytls.VersionName(s.client.Version)
		saw[v] = true
		saw[v+" resumed"] = saw[v+" resumed"] || s.client.DidResume
		saw["retry"] = saw["retry"] || s.client.HelloRetryRequest
		saw["long"] = saw["long"] || s.client.Version < tls.VersionTLS13 && len(s.client.PeerCertificates[0].Raw) > mytls.MaxFragment
	}
	for _, want := range []string{"1.0", "1.1", "1.2", "1.3", "1.2 resumed", "1.3 resumed", "retry", "long"} {
		if !saw[want] {
			t.Errorf("no connection was %q", want)
		}
	}
}

// Everything before a loss stays, and a record after it is read if messages
// fill it.
func TestHandshakeAfterLoss(t *testing.T) {
	s := converse(t, &tls.Config{MaxVersion: tls.VersionTLS12}, &tls.Config{Certificates: []tls.Certificate{certificate(t, 0, bob)}})
	var h mytls.Handshake
	hello, rest := s.sent[1][5:5+binary.BigEndian.Uint16(s.sent[1][3:])], s.sent[1][5+binary.BigEndian.Uint16(s.sent[1][3:]):]
	h.Feed(hello[:len(hello)-1])
	h.Miss()
	if f := h.Facts(); f.Known || !f.Missing {
		t.Errorf("hello cut by a byte: %+v", f)
	}
	n := binary.BigEndian.Uint16(rest[3:])
	h.Feed(rest[6 : 5+n]) // the first byte is missing too
	h.Feed(rest[5 : 5+n])
	h.ChangeCipherSpec()
	if f := h.Facts(); !f.Presented || len(f.Identities) != 1 || f.Resumed {
		t.Errorf("certificate after the loss: %+v", f)
	}
}

func TestHandshakePeek(t *testing.T) {
	s := converse(t, &tls.Config{ServerName: "a.example"}, &tls.Config{Certificates: []tls.Certificate{certificate(t, 0)}})
	var h mytls.Handshake
	h.Peek(s.sent[0][:150])
	h.Miss()
	if f := h.Facts(); !f.Known || f.Hello.Whole || f.Hello.Random == [32]byte{} {
		t.Errorf("from 150 bytes: %+v", f)
	}
	h.Reset()
	h.Peek(s.sent[0])
	h.Feed(s.sent[0][5 : 5+binary.BigEndian.Uint16(s.sent[0][3:])])
	if f := h.Facts(); !f.Hello.Whole || f.Retried || f.Hello.SNI != "a.example" {
		t.Errorf("peeked at and fed: %+v", f)
	}
}

// A message that is too long is passed over, and what follows is read.
func TestHandshakeTooLong(t *testing.T) {
	s := converse(t, &tls.Config{ServerName: "a.example"}, &tls.Config{Certificates: []tls.Certificate{certificate(t, 0)}})
	var h mytls.Handshake
	const n = 1 << 20
	h.Feed([]byte{11, n >> 16, n >> 8 & 0xff, n & 0xff})
	block := make([]byte, 1<<14)
	for range n / len(block) {
		h.Feed(block)
	}
	h.Feed(s.sent[0][5 : 5+binary.BigEndian.Uint16(s.sent[0][3:])])
	if f := h.Facts(); !f.Presented || f.Hello.SNI != "a.example" {
		t.Errorf("after a message of %d bytes: %+v", n, f)
	}
}

func TestHandshakeAllocates(t *testing.T) {
	s := converse(t, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2", "http/1.1"}}, &tls.Config{Certificates: []tls.Certificate{certificate(t, 0)}, NextProtos: []string{"h2"}})
	fragment := s.sent[0][5 : 5+binary.BigEndian.Uint16(s.sent[0][3:])]
	var h mytls.Handshake
	h.Feed(fragment[:100])
	h.Feed(fragment[100:])
	// The name of the server, two of protocols, and the list of these as it grows.
	if n := testing.AllocsPerRun(100, func() {
		h.Reset()
		h.Feed(fragment[:100])
		h.Feed(fragment[100:])
	}); n > 5 {
		t.Errorf("%v allocations for a ClientHello", n)
	}
}
