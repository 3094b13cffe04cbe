//go:build linux

package mesh

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// ServerName is what an Istio client asks for; the certificates carry it,
// since HAProxy checks it.
const ServerName = "outbound_.80_._.svc.default.svc.cluster.local"

// Authority is the mesh's certificate authority.
type Authority struct {
	keys *KeyLog // of those whom it certifies
	dir  string
	File string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

// newAuthority makes an authority that writes into a directory.
func newAuthority(dir string, keys *KeyLog) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{keys: keys, dir: dir, File: filepath.Join(dir, "ca.pem"), key: key, pool: x509.NewCertPool()}
	tmpl := template509("cluster.local")
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.pool.AddCert(a.cert)
	return a, os.WriteFile(a.File, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func template509(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
}

// Issue writes certificate and key of a workload into one file, as HAProxy
// wants them.
func (a *Authority) Issue(name string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	tmpl := template509(name)
	tmpl.DNSNames = []string{ServerName}
	tmpl.URIs = []*url.URL{{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/default/sa/" + name}}
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		return "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	file := filepath.Join(a.dir, name+".pem")
	return file, os.WriteFile(file, text, 0o644)
}

// Client is the TLS side of a peer that dials by itself. Its keys go to the
// scenario's key log.
func (a *Authority) Client(name string) (*tls.Config, error) {
	file, err := a.Issue(name)
	if err != nil {
		return nil, err
	}
	return a.Load(file)
}

// Load is client with a certificate that was issued before.
func (a *Authority) Load(file string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: a.pool, ServerName: ServerName,
		NextProtos: []string{"istio"}, KeyLogWriter: a.keys}, nil
}

// Server is the TLS side of an application that wants certificates of its
// clients. Its keys go to the scenario's key log.
func (a *Authority) Server(name string) (*tls.Config, error) {
	c, err := a.Client(name)
	if err != nil {
		return nil, err
	}
	c.RootCAs, c.ServerName = nil, ""
	c.ClientCAs, c.ClientAuth = a.pool, tls.RequireAndVerifyClientCert
	return c, nil
}
