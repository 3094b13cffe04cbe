package tls_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"slices"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// clientHello returns the first bytes that crypto/tls sends.
func clientHello(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	client, server := net.Pipe()
	defer server.Close()
	go func() {
		_ = tls.Client(client, c).Handshake() // fails: nobody answers
		client.Close()
	}()
	buf := make([]byte, 16<<10)
	n, err := server.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func TestParseClientHello(t *testing.T) {
	for _, tc := range []struct {
		name    string
		config  *tls.Config
		version uint16
	}{
		{"1.3", &tls.Config{ServerName: "outbound_.8000_._.httpbin.default.svc.cluster.local", NextProtos: []string{"istio-http/1.1", "istio", "http/1.1"}}, tls.VersionTLS13},
		{"1.2", &tls.Config{ServerName: "a.example", NextProtos: []string{"h2"}, MaxVersion: tls.VersionTLS12}, tls.VersionTLS12},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, ok := mytls.ParseHello(clientHello(t, tc.config))
			if !ok || !h.Client || h.SNI != tc.config.ServerName || !slices.Equal(h.ALPN, tc.config.NextProtos) || h.Version != tc.version {
				t.Errorf("ParseHello = %+v, %v, want the values of %+v", h, ok, tc.config)
			}
		})
	}
}

func TestParseHelloCutAnywhere(t *testing.T) {
	whole := clientHello(t, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2"}})
	for n := range whole {
		h, ok := mytls.ParseHello(whole[:n])
		if ok && h.SNI != "" && h.SNI != "a.example" {
			t.Fatalf("with %d bytes: SNI %q", n, h.SNI)
		}
		if ok != (n >= 9) {
			t.Fatalf("with %d bytes: ok = %v", n, ok)
		}
	}
}

func FuzzParseHello(f *testing.F) {
	f.Add(clientHello(f, &tls.Config{ServerName: "a.example", NextProtos: []string{"h2", "http/1.1"}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := mytls.ParseHello(b)
		if !ok && (h.SNI != "" || h.ALPN != nil) {
			t.Errorf("facts of no hello: %+v", h)
		}
		if h.SNI != "" && !bytes.Contains(b, []byte(h.SNI)) {
			t.Errorf("SNI %q does not stand in the input", h.SNI)
		}
	})
}
