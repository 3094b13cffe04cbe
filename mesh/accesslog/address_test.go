package accesslog_test

import (
	"net/netip"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// What is no address, however near to one, is none; and of one without port the
// port is 0.
func TestAddressBounds(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"10.0.0.010:80", "-"}, {"10.0.0.001:80", "-"}, {"10.0.0.09:80", "-"}, {"10.0.0.099:80", "-"}, {"010.0.0.1:80", "-"}, {"00.0.0.1:80", "-"},
		{"10.0.0.9:80", "10.0.0.9:80"}, {"10.0.0.10:80", "10.0.0.10:80"}, {"10.0.0.99:80", "10.0.0.99:80"}, {"10.0.0.100:80", "10.0.0.100:80"}, {"0.0.0.0:0", "0.0.0.0:0"},
		{"[::1", "-"}, {"::1]", "-"}, {"[10.0.0.1", "-"}, {"[10.0.0.1]", "10.0.0.1:0"}, {"10.0.0.1:99999", "-"}, {"10.0.0.1:65535", "10.0.0.1:65535"},
		{"10.0.0.1:8/", "-"}, {"10.0.0.1:8:", "-"}, {"10.0.0/1:80", "-"}, {"10.0.0.:80", "-"}, {"10..0.1:80", "-"}, {"10.0.0.1.:80", "-"}, {"%eth0", "-"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			l := parsed(t, "%DURATION% %UPSTREAM_HOST%", "5 "+tc.in)
			got := "-"
			if l.UpstreamHost.IsValid() {
				got = l.UpstreamHost.String()
			}
			if got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// Addresses and ports may be logged apart, and stay apart.
func TestAddressParts(t *testing.T) {
	for _, tc := range []struct{ addr, want string }{
		{"10.0.0.1", "10.0.0.1"}, {"::1", "::1"}, {"[::1]", "::1"}, {"fe80::1%eth0", "-"}, {"[::1", "-"}, {"::1]", "-"}, {"x", "-"}, {"10.0.0.1:80", "-"},
	} {
		t.Run(tc.addr, func(t *testing.T) {
			l := parsed(t, "%DURATION% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %UPSTREAM_LOCAL_PORT%", "5 "+tc.addr+" 80")
			got := "-"
			if a := l.UpstreamLocal.Addr(); a.IsValid() {
				got = a.String()
			}
			if got != tc.want || l.UpstreamLocal.Port() != 80 {
				t.Errorf("%s, port %d; want %s, 80", got, l.UpstreamLocal.Port(), tc.want)
			}
		})
	}
	for _, tc := range []struct {
		port string
		want uint16
	}{
		{"0", 0}, {"1", 1}, {"65535", 65535}, {"65536", 0}, {"x", 0}, {"-1", 0},
	} {
		if l := parsed(t, "%DURATION% %UPSTREAM_LOCAL_PORT%", "5 "+tc.port); l.UpstreamLocal.Port() != tc.want {
			t.Errorf("port %s is read as %d, want %d", tc.port, l.UpstreamLocal.Port(), tc.want)
		}
	}
}

// The short way takes every address of IPv4 with its port, and nothing else that
// netip does not read as the same.
func TestParseV4(t *testing.T) {
	for _, in := range []string{
		"0.0.0.0:0", "1.2.3.4:5", "9.9.9.9:9", "10.20.30.40:50", "99.99.99.99:99", "100.101.199.200:100", "255.255.255.255:65535", "249.250.254.255:10000", "10.0.0.1:99999", "10.0.0.1:12345", "192.0.2.9:999",
	} {
		want, err := netip.ParseAddrPort(in)
		if got, ok := accesslog.ParseV4(in); ok != (err == nil) || got != want {
			t.Errorf("%s: %v, %v; want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{
		"", "1", "1.2.3.4", "1.2.3:4", "1.2.3.4.5", "1.2.3.4.5:6", "1.2.3.4:", ":1", ".1.2.3:4", "1..2.3:4", "1.2.3.:4", "1.2.3.4:5:6", "1:2.3.4:5", "1.2.3:4.5", "1.2.3.4:5.", "256.2.3.4:5", "1.2.3.256:5", "1.2.3.4:65536", "1.2.3.4:000005", "1.2.3.4:123456",
		"01.2.3.4:5", "1.02.3.4:5", "1.2.3.04:5", "001.2.3.4:5", "010.2.3.4:5", "1.2.3.099:5", "1.2.3.09:5", "0000.2.3.4:5", "a.2.3.4:5", "1.2.3.4:a", "1.2.3./:5", "1.2.3.4:/", "[::1]:80", "1.2.3.4 5",
	} {
		if got, ok := accesslog.ParseV4(in); ok {
			t.Errorf("%s is read as %v", in, got)
		}
	}
}
