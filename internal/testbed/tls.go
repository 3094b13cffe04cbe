//go:build linux

package testbed

import (
	"bytes"
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
	"slices"
	"strings"
	"sync"
	"time"
)

// frontKeys adds the secrets of the client's TLS connection to a log line.
// HAProxy 2.6 does not know them for connections to servers.
const frontKeys = `,"keys":"%[ssl_fc_client_random,hex] %[ssl_fc_client_handshake_traffic_secret] %[ssl_fc_server_handshake_traffic_secret] %[ssl_fc_client_traffic_secret_0] %[ssl_fc_server_traffic_secret_0]"`

// masterKey is the same for TLS 1.2, where Go logs no key of a session that
// was resumed.
const masterKey = `,"keys":"%[ssl_fc_client_random,hex] %[ssl_fc_session_key,hex]"`

// keyLabels are the names of the secrets of frontKeys in the NSS key log.
var keyLabels = [...]string{"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
	"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}

// serverName is what an Istio client asks for; the certificates carry it,
// since HAProxy checks it.
const serverName = "outbound_.80_._.svc.default.svc.cluster.local"

// authority is the mesh's certificate authority of one bed.
type authority struct {
	keys *keyLog // of those whom it certifies
	dir  string
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func (m *mesh) authority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{keys: &m.keys, dir: m.Tmp, file: filepath.Join(m.Tmp, "ca.pem"), key: key, pool: x509.NewCertPool()}
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
	return a, os.WriteFile(a.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func template509(name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
}

// issue writes certificate and key of a workload into one file, as HAProxy
// wants them.
func (a *authority) issue(name string) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	tmpl := template509(name)
	tmpl.DNSNames = []string{serverName}
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

// client is the TLS side of a peer that dials by itself. Its keys go to the
// scenario's key log.
func (a *authority) client(name string) (*tls.Config, error) {
	file, err := a.issue(name)
	if err != nil {
		return nil, err
	}
	return a.load(file)
}

// load is client with a certificate that was issued before.
func (a *authority) load(file string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: a.pool, ServerName: serverName,
		NextProtos: []string{"istio"}, KeyLogWriter: a.keys}, nil
}

// server is the TLS side of an application that wants certificates of its
// clients. Its keys go to the scenario's key log.
func (a *authority) server(name string) (*tls.Config, error) {
	c, err := a.client(name)
	if err != nil {
		return nil, err
	}
	c.RootCAs, c.ServerName = nil, ""
	c.ClientCAs, c.ClientAuth = a.pool, tls.RequireAndVerifyClientCert
	return c, nil
}

// keyLog collects the secrets that several TLS ends log at once.
type keyLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *keyLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// load adds the log that another program wrote.
func (l *keyLog) load(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = l.Write(text)
	return err
}

// lines are the log's lines, with an empty one at the end.
func (l *keyLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(l.text.String(), "\n")
}

// writeKeys writes the key log of the scenario, if it has TLS, and returns the
// file's name.
func (m *mesh) writeKeys() (string, error) {
	lines := m.keys.lines()
	for _, p := range m.pods {
		for _, l := range p.lines {
			words := strings.Fields(strings.ToLower(l.Keys))
			if len(words) == 2 {
				lines = append(lines, "CLIENT_RANDOM "+words[0]+" "+words[1])
			}
			if len(words) != 1+len(keyLabels) {
				continue
			}
			for i, label := range keyLabels {
				lines = append(lines, label+" "+words[0]+" "+words[i+1])
			}
		}
	}
	slices.Sort(lines)
	lines = slices.DeleteFunc(slices.Compact(lines), func(l string) bool { return l == "" })
	if len(lines) == 0 {
		return "", nil
	}
	name := m.Name + "-keys.txt"
	return name, os.WriteFile(filepath.Join(m.Dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
}
