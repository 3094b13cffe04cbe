package tls_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// A wire is what a connection carried: by direction, 0 from the client.
type wire [2][]byte

// carry runs both ends of a connection and returns what lay on the wire
// between them.
func carry(t testing.TB, client, server func(net.Conn) error) wire {
	t.Helper()
	c, cw := net.Pipe()
	s, sw := net.Pipe()
	var w wire
	var wg sync.WaitGroup
	forward := func(dir int, to, from net.Conn) {
		_, _ = io.Copy(to, io.TeeReader(from, (*appender)(&w[dir]))) // ends when a side closes
		_ = to.Close()
	}
	wg.Go(func() { forward(0, sw, cw) })
	wg.Go(func() { forward(1, cw, sw) })
	errs := make(chan error, 2)
	run := func(conn net.Conn, end func(net.Conn) error) { errs <- errors.Join(end(conn), conn.Close()) }
	go run(c, client)
	go run(s, server)
	if err := errors.Join(<-errs, <-errs); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return w
}

type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// A fragment is a record with its bytes.
type fragment struct {
	mytls.Record
	bytes []byte
}

type collector []fragment

func (c *collector) Header(mytls.Record) bool { return true }
func (c *collector) Lost(_, _ int64)          {}
func (c *collector) Fragment(r mytls.Record, p []byte) {
	*c = append(*c, fragment{r, bytes.Clone(p)})
}

// recordsOf splits one direction into its records.
func recordsOf(stream []byte) []fragment {
	var s mytls.Scanner
	var c collector
	s.Reset(true)
	s.Feed(0, stream, &c)
	return c
}

// sessionOf reads the parameters from the hellos.
func sessionOf(t testing.TB, w wire) *mytls.Session {
	t.Helper()
	var facts [2]mytls.Facts
	for dir := range facts {
		var h mytls.Handshake
		for _, f := range recordsOf(w[dir]) {
			if f.Type == mytls.TypeHandshake {
				h.Feed(f.bytes)
			}
		}
		facts[dir] = h.Facts()
	}
	s, ok := mytls.SessionOf(facts[0], facts[1])
	if !ok {
		t.Fatal("no session")
	}
	return s
}

// An opening is what came of opening one direction.
type opening struct {
	data   []byte // of type application data
	inner  []int  // lengths of what was opened, by record; -1 = failed
	types  []uint8
	failed []error
}

func open(t testing.TB, d *mytls.Decrypter, fs []fragment) (o opening) {
	t.Helper()
	for _, f := range fs {
		typ, plain, err := d.Open(nil, f.Record, f.bytes)
		o.types = append(o.types, typ)
		if err != nil {
			o.inner = append(o.inner, -1)
			o.failed = append(o.failed, err)
			continue
		}
		o.inner = append(o.inner, len(plain))
		if typ == mytls.TypeApplicationData {
			o.data = append(o.data, plain...)
		}
	}
	return o
}

func keyLog(t testing.TB, text []byte) *mytls.KeyLog {
	t.Helper()
	k := new(mytls.KeyLog)
	if err := k.Read(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	return k
}

func decrypter(t testing.TB, w wire, k *mytls.KeyLog, client bool) *mytls.Decrypter {
	t.Helper()
	d, err := mytls.NewDecrypter(sessionOf(t, w), k, client)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Certificates for servers, made once for all tests of the package.
var certificates = sync.OnceValues(func() (rsaCert, ecCert tls.Certificate) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return certificateOf(rsaKey, &rsaKey.PublicKey), certificateOf(ecKey, &ecKey.PublicKey)
})

func certificateOf(key, public any) tls.Certificate {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"server.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// pemOf returns a certificate and its key as PEM.
func pemOf(t testing.TB, c tls.Certificate) []byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
}
