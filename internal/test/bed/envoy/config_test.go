//go:build linux

package envoy

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// sample is a sidecar with everything that one may have.
func sample() Config {
	at := netip.MustParseAddrPort
	return Config{Pod: "b", IP: netip.MustParseAddr("10.0.0.2"), Out: 15001, In: 15006, Workers: 2,
		Cert: "b.pem", CA: "ca.pem", Access: "access.log", Truth: "truth.log", Keys: "keys.log",
		Services: []Service{
			{Name: "svc-b", VIP: at("10.96.0.1:80"), Endpoints: []netip.AddrPort{at("10.0.0.2:8080")}, Speaks: HTTP, TLS: true, Upgrade: true, RetryOn: "5xx", Mirror: "svc-c"},
			{Name: "svc-c", VIP: at("10.96.0.2:80"), Endpoints: []netip.AddrPort{at("10.0.0.3:8080")}, Speaks: HTTP},
			{Name: "svc-g", VIP: at("10.96.0.3:9090"), Endpoints: []netip.AddrPort{at("10.0.0.3:9090")}, Speaks: H2, TLS: true},
			{Name: "svc-d", VIP: at("10.96.0.4:5432"), Endpoints: []netip.AddrPort{at("10.0.0.3:5432")}, Speaks: TCP, TLS: true},
		},
		Ports: []Port{{8080, HTTP}, {9090, H2}, {5432, TCP}}}
}

// Envoy takes what is written for it.
func TestBootstrap(t *testing.T) {
	program, err := Find()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	cert(t, dir)
	for name, change := range map[string]func(*Config){
		"permissive": func(*Config) {},
		"strict":     func(c *Config) { c.Strict, c.Authz = true, "svc-c" },
		"gateway":    func(c *Config) { c.Gateway, c.Proxied, c.Services, c.Ports = 8080, true, c.Services[1:2], nil },
	} {
		t.Run(name, func(t *testing.T) {
			c := sample()
			change(&c)
			for _, f := range []*string{&c.Cert, &c.CA, &c.Access, &c.Truth, &c.Keys} {
				*f = filepath.Join(dir, *f)
			}
			text, err := c.Bootstrap()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, name+".yaml")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(program, "--mode", "validate", "-l", "warning", "-c", file).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// cert writes a certificate that signs itself, for both files.
func cert(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"b.pem", "ca.pem"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(selfSigned(t)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
