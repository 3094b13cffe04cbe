package report_test

import (
	"io"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/filter"
	"github.com/pcapmesh/pcapmesh/internal/report"
)

// Up to eight host bits are named one by one.
func TestHostBits(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"10.0.0.1/8", "0.0.0.1 (bit 32)"},
		{"10.128.0.1/8", "0.128.0.1 (bits 9, 32)"},
		{"10.0.0.255/8", "0.0.0.255 (bits 25, 26, 27, 28, 29, 30, 31, 32)"},
		{"10.0.1.255/8", "0.0.1.255 (9 bits from 24 on)"},
	} {
		t.Run(tc.in, func(t *testing.T) {
			list, err := filter.FindNetworks(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			if err := report.NetworksInFull(&out, list); err != nil || !strings.Contains(out.String(), "  host bits   "+tc.want+": set") {
				t.Errorf("%v: %s; want %s", err, out.String(), tc.want)
			}
		})
	}
}

func TestNetworks(t *testing.T) {
	const text = "192.168.0.0/12 10.0.0.0/8 10.0.0.128/24 255.255.255.255/1"
	list, err := filter.FindNetworks(text)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "192.160.0.0/12\n10.0.0.0/8\n10.0.0.0/24\n128.0.0.0/1\n", func(w io.Writer) error { return report.Networks(w, list) })
	check(t, `192.160.0.0/12
  given       192.168.0.0/12
  host bits   0.8.0.0 (bit 13): set behind /12, where tcpdump allows none
  network     192.160.0.0
  netmask     255.240.0.0
  first host  192.160.0.1
  last host   192.175.255.254
  last        192.175.255.255
  addresses   1048576
10.0.0.0/8
  given       10.0.0.0/8
  host bits   none set: valid
  network     10.0.0.0
  netmask     255.0.0.0
  first host  10.0.0.1
  last host   10.255.255.254
  last        10.255.255.255
  addresses   16777216
10.0.0.0/24
  given       10.0.0.128/24
  host bits   0.0.0.128 (bit 25): set behind /24, where tcpdump allows none
  network     10.0.0.0
  netmask     255.255.255.0
  first host  10.0.0.1
  last host   10.0.0.254
  last        10.0.0.255
  addresses   256
128.0.0.0/1
  given       255.255.255.255/1
  host bits   127.255.255.255 (31 bits from 2 on): set behind /1, where tcpdump allows none
  network     128.0.0.0
  netmask     128.0.0.0
  first host  128.0.0.1
  last host   255.255.255.254
  last        255.255.255.255
  addresses   2147483648
`, func(w io.Writer) error { return report.NetworksInFull(w, list) })
	check(t, `{"version":1,"networks":[{"given":"192.168.0.0/12","cidr":"192.160.0.0/12","changed":true,"host_bits":"0.8.0.0","network":"192.160.0.0","netmask":"255.240.0.0","first_host":"192.160.0.1","last_host":"192.175.255.254","last":"192.175.255.255","addresses":"1048576"}]}
`, func(w io.Writer) error { return report.NetworksJSON(w, list[:1]) })
	check(t, `{"version":1,"networks":[]}
`, func(w io.Writer) error { return report.NetworksJSON(w, nil) })
}
