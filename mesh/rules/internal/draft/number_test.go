package draft_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/draft"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
)

// complaint returns what an error says, "" for none.
func complaint(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		sep        byte
		bits       int
		want       netfilter.Span
		err        string
	}{
		{"one", "80", ':', 16, netfilter.Span{Lo: 80, Hi: 80}, ""},
		{"range", "80:90", ':', 16, netfilter.Span{Lo: 80, Hi: 90}, ""},
		{"range of one", "80:80", ':', 16, netfilter.Span{Lo: 80, Hi: 80}, ""},
		{"up to", ":90", ':', 16, netfilter.Span{Hi: 90}, ""},
		{"from", "80:", ':', 16, netfilter.Span{Lo: 80, Hi: 65535}, ""},
		{"all", ":", ':', 16, netfilter.Span{Hi: 65535}, ""},
		{"dashes", "1-9", '-', 32, netfilter.Span{Lo: 1, Hi: 9}, ""},
		{"no end behind a dash", "1-", '-', 32, netfilter.Span{Lo: 1}, `"" is no number below 4294967296`},
		{"no beginning before a dash", "-9", '-', 32, netfilter.Span{}, `"" is no number below 4294967296`},
		{"another separator", "1:9", '-', 32, netfilter.Span{}, `"1:9" is no number below 4294967296`},
		{"backwards", "90:80", ':', 16, netfilter.Span{Lo: 90, Hi: 80}, `"90:80" ends before it begins`},
		{"too large", "80:65536", ':', 16, netfilter.Span{Lo: 80}, `"65536" is no number below 65536`},
		{"domain", "domain", ':', 16, netfilter.Span{Lo: 53, Hi: 53}, ""},
		{"from ssh to http", "ssh:http", ':', 16, netfilter.Span{Lo: 22, Hi: 80}, ""},
		{"https", "https", ':', 16, netfilter.Span{Lo: 443, Hi: 443}, ""},
		{"a service that is not known", "imap", ':', 16, netfilter.Span{}, `"imap" is no number below 65536`},
		{"a service where no port is", "http", '-', 32, netfilter.Span{}, `"http" is no number below 4294967296`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := draft.Span([]byte(tt.text), tt.sep, tt.bits)
			if got != tt.want || complaint(err) != tt.err {
				t.Errorf("got %v, %v, want %v, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestDestination(t *testing.T) {
	for _, tt := range []struct {
		name, text, addr string
		ports            netfilter.Span
		err              string
	}{
		{"address", "10.0.0.1", "10.0.0.1", netfilter.Span{}, ""},
		{"address and port", "10.0.0.1:80", "10.0.0.1", netfilter.Span{Lo: 80, Hi: 80}, ""},
		{"a choice of ports", "10.0.0.1:80-90", "10.0.0.1", netfilter.Span{Lo: 80, Hi: 90}, ""},
		{"port", ":80", "", netfilter.Span{Lo: 80, Hi: 80}, ""},
		{"address of IPv6", "fd00::1", "fd00::1", netfilter.Span{}, ""},
		{"address of IPv6 in brackets", "[fd00::1]", "fd00::1", netfilter.Span{}, ""},
		{"address of IPv6 and port", "[fd00::1]:80", "fd00::1", netfilter.Span{Lo: 80, Hi: 80}, ""},
		{"nothing", "", "", netfilter.Span{}, ""},
		{"no end of brackets", "[fd00::1", "", netfilter.Span{}, `"[fd00::1" is no address`},
		{"a choice of addresses", "10.0.0.1-10.0.0.9", "", netfilter.Span{}, `"10.0.0.1-10.0.0.9" is no address`},
		{"a zone", "fe80::1%eth0", "", netfilter.Span{}, `"fe80::1%eth0" is no address`},
		{"no port", "10.0.0.1:x", "", netfilter.Span{}, `"x" is no number below 65536`},
		{"a port too large", "10.0.0.1:65536", "", netfilter.Span{}, `"65536" is no number below 65536`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, ports, err := draft.Destination([]byte(tt.text))
			addr := ""
			if a.IsValid() {
				addr = a.String()
			}
			if addr != tt.addr || ports != tt.ports || complaint(err) != tt.err {
				t.Errorf("got %q %v, %v, want %q %v, %q", addr, ports, err, tt.addr, tt.ports, tt.err)
			}
		})
	}
}
