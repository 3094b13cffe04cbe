package accesslog_test

import "testing"

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
