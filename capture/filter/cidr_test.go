package filter_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

// networks are texts that mean exactly one network, and that network.
var networks = []struct{ text, want string }{
	{"192.168.0.0/12", "192.160.0.0/12"},
	{"192.160.0.0/12", "192.160.0.0/12"},
	{"10.1.2.3", "10.1.2.3/32"},
	{"10.1.2.3/0", "0.0.0.0/0"},
	{"10.1.2.3/32", "10.1.2.3/32"},
	{"10.1.2.3/31", "10.1.2.2/31"},
	{"10.1.2.3/08", "10.0.0.0/8"},
	{"10.1.2.3/255.0.0.0", "10.0.0.0/8"},
	{"10.1.2.3/255.255", "10.1.0.0/16"},
	{"10.1.2.3 mask 255.255.240.0", "10.1.0.0/20"},
	{"10.1.2.3  netmask\t0xffff0000", "10.1.0.0/16"},
	{"net 10.1.2.3 mask 0.0.0.0", "0.0.0.0/0"},
	{"10.1.2.3 / 8", "10.0.0.0/8"},
	{"-net 10.1.2.3 netmask 0XFFFF0000", "10.1.0.0/16"}, // as in route
	{"10.1", "10.1.0.0/16"},
	{"10.1.2", "10.1.2.0/24"},
	{"10", "10.0.0.0/8"},
	{"net 10.1", "10.1.0.0/16"},
	{"10.1/8", "10.0.0.0/8"},
	{"10.1/12", "10.0.0.0/12"},
	{"172.31/12", "172.16.0.0/12"},
	{"010.001.000.009/8", "10.0.0.0/8"}, // decimal, as libpcap reads addresses
	{"fe80::1/64", "fe80::/64"},
	{"FD00:10:244:1::5/56", "fd00:10:244::/56"},
	{"::1", "::1/128"},
	{"::/0", "::/0"},
	{"fe80::1 mask ffff:ffff::", "fe80::/32"},
	{"fe80::1/ffc0::", "fe80::/10"},
	{"fe80::1/ffff:ffff:ffff:ffff:8000::", "fe80::/65"},
	{"::ffff:10.1.2.3/104", "::ffff:10.0.0.0/104"},
	{"64:ff9b::10.1.2.3/96", "64:ff9b::/96"},
}

func TestParseNetwork(t *testing.T) {
	for _, tt := range networks {
		n, err := filter.ParseNetwork(tt.text)
		if err != nil || n.Prefix.String() != tt.want {
			t.Errorf("ParseNetwork(%q) = %v, %v; want %s", tt.text, n.Prefix, err, tt.want)
		}
	}
}

func TestParseNetworkErrors(t *testing.T) {
	for _, tt := range []struct{ text, reason, remedy string }{
		{"", "no network", "write a network"},
		{"garbage", "no network", "write a network"},
		{"10.1.2.300/8", "300 is more than 255", "write a network"},
		{"10..1/8", "no network", "write a network"},
		{"10.1.2.3.4/8", "more than four numbers", "write a network"},
		{"10.1.2.3/33", "prefix length 33 is more than 32", "0 to 32"},
		{"10.1.2.3/99999999999999999999", "is more than 32", "0 to 32"},
		{"10.1.2.3/", "no prefix length", "write a network"},
		{"10.1.2.3/x", "no network", "write a network"},
		{"10.1.2.3/0xff00", "is no mask", "all eight digits"},
		{"10.1.2.3/0xf", "is no mask", "all eight digits"},
		{"10.1.2.3/0x", "no network", "write a network"},
		{"10.1.2.3 mask", "no network", "write a network"},
		{"10.1.2.3 to 255.0.0.0", "more than four numbers", "write a network"},
		{"fe80::1 mask ffff::%eth0", "no IPv6 mask", "prefix length"},
		{"fe80::1/:::", "no IPv6 mask", "prefix length"},
		{"10.1.2.3/8/8", "no prefix length", "write a network"},
		{"10.1.2.3 mask 255.0.255.0", "ones behind a zero", "255.240.0.0"},
		{"10.1.2.3 mask 0.0.15.255", "ones behind a zero", "wildcard mask: write 255.255.240.0"},
		{"fe80::1/129", "prefix length 129 is more than 128", "0 to 128"},
		{"fe80::1%eth0/64", "no zone", "leave out %eth0"},
		{"fe80::1/255.0.0.0", "different families", "prefix length"},
		{"10.1.2.3/ffff::", "different families", "prefix length"},
		{"fe80::1 mask ff00:ff00::", "ones behind a zero", "prefix length"},
		{"fe80:::1/64", "no IPv6 address", "fd00:10:244::/56"},
	} {
		_, err := filter.ParseNetwork(tt.text)
		var e *filter.Error
		if !errors.As(err, &e) {
			t.Errorf("ParseNetwork(%q): error %v, want *filter.Error", tt.text, err)
			continue
		}
		if !strings.Contains(e.Reason, tt.reason) || !strings.Contains(e.Hint(), tt.remedy) {
			t.Errorf("ParseNetwork(%q): %q, hint %q; want %q, hint %q", tt.text, e, e.Hint(), tt.reason, tt.remedy)
		}
	}
}

func TestNetworkParts(t *testing.T) {
	for _, tt := range []struct{ text, hostBits, mask, first, last, end string }{
		{"192.168.0.0/12", "0.8.0.0", "255.240.0.0", "192.160.0.1", "192.175.255.254", "192.175.255.255"},
		{"10.0.0.0/8", "0.0.0.0", "255.0.0.0", "10.0.0.1", "10.255.255.254", "10.255.255.255"},
		{"10.0.0.7/31", "0.0.0.1", "255.255.255.254", "10.0.0.6", "10.0.0.7", "10.0.0.7"},
		{"10.0.0.7", "0.0.0.0", "255.255.255.255", "10.0.0.7", "10.0.0.7", "10.0.0.7"},
		{"1.2.3.4/0", "1.2.3.4", "0.0.0.0", "0.0.0.1", "255.255.255.254", "255.255.255.255"},
		{"fd00::5/126", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc", "fd00::5", "fd00::7", "fd00::7"},
		{"fd00::5/127", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "fd00::4", "fd00::5", "fd00::5"},
	} {
		n, err := filter.ParseNetwork(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		first, last := n.Hosts()
		got := []string{n.HostBits().String(), n.Netmask().String(), first.String(), last.String(), n.Last().String()}
		if diff := cmp.Diff([]string{tt.hostBits, tt.mask, tt.first, tt.last, tt.end}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
		if n.Changed() == n.HostBits().IsUnspecified() {
			t.Errorf("%s: Changed is %v with host bits %s", tt.text, n.Changed(), n.HostBits())
		}
	}
}

func TestFindNetworks(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"prose", "see chapter 3/4 of 2026/11/21, section 1.2/3", nil},
		{"one", "192.168.0.0/12", []string{"192.160.0.0/12"}},
		{"several", "10.1 net 10.2,fe80::1", []string{"10.1.0.0/16", "10.2.0.0/16", "fe80::1/128"}},
		{"repeated", "10.0.0.1/8 10.0.0.1/8", []string{"10.0.0.0/8", "10.0.0.0/8"}},
		{"blanks around slashes", "10.0.0.1 / 8 11.0.0.1 /8,12.0.0.1/ 8", []string{"10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"}},
		{"numbers", "10 net 11", []string{"10.0.0.0/8", "11.0.0.0/8"}},
		{"masks", "10.1.2.3 mask 255.0.0.0 10.1.2.3/255.255.0.0", []string{"10.0.0.0/8", "10.1.0.0/16"}},
		{"slash between blanks", "10.0.0.1 / 8", []string{"10.0.0.0/8"}},
		{"words that could begin one", "face", nil},
		{"word and number", "chapter 12", nil},
		{"address and word", "10.0.0.5 up", nil},
		{"net at the end", "10.0.0.1 net", nil},
		{"slash at the end", "10.0.0.1 /", nil},
		{"slash without length", "from 10.0.0.1/ on", nil},
		{"ratio", "about 10.0.0.1/2026", nil},
		{"dots too many or too few", "about .1.2.3/8 1.2.3./8 1..2.3/8 1.2.3/8", nil},
		{"mask in text", "inet 10.1.2.3 mask 255.0.0.0 10.2.0.1/16 up", []string{"10.0.0.0/8", "10.2.0.0/16"}},
		{"IPv6 mask in text", "inet6 fe80::1 mask ffff:ffff:: up", []string{"fe80::/32"}},
		{"zone and mask in text", "inet6 fe80::1%eth0 mask ffff:ffff:: up", nil},
		{"mask of no address", "the netmask 255.0.0.0 is ours", nil},
		{"no mask behind the word", "that 10.1.2.3 mask of ours, 10.1.2.3 mask () and 10.1.2.3 mask", nil},
		{"bare addresses in text do not count", "--bind-address=127.0.0.1 10.0.0.5 up", nil},
		{
			"command line",
			"kube-controller-manager --bind-address=127.0.0.1 --cluster-cidr=192.168.0.0/12 --v=2 --service-cluster-ip-range=10.96.0.0/12",
			[]string{"192.160.0.0/12", "10.96.0.0/12"},
		},
		{"dual stack", "--cluster-cidr=10.244.0.0/16,fd00:10:244::1/56", []string{"10.244.0.0/16", "fd00:10:244::/56"}},
		{"json", `{"podCIDRs":["10.244.3.9/24","fd00::5/64"]}`, []string{"10.244.3.0/24", "fd00::/64"}},
		{"yaml without blank", "podCIDR:10.244.1.0/22", []string{"10.244.0.0/22"}},
		{"yaml without blank, IPv6", "podIP:fd00::5/64", []string{"fd00::/64"}},
		{"end of a sentence", "it is 10.244.1.0/22.", []string{"10.244.0.0/22"}},
		{"iptables", "-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -s 10.1.2.3/255.0.0.0 -j RETURN", []string{"127.0.0.1/32", "10.0.0.0/8"}},
		{"ifconfig", "inet 10.1.2.3 netmask 0xfffff000 broadcast 10.1.15.255", []string{"10.1.0.0/20"}},
		{"URLs and paths", "http://10.0.0.1/24 /etc/10.0.0.1/24 10.0.0.1/24/x 10.0.0.1/v1", nil},
		{"names", "v1.2.3.4/5 x_1.2.3.4/5 1.2.3.4/5a z1.2.3.4/5 1.2.3.4/5z", nil},
		{"times and ports", "12:30:45/60 10.0.0.1:80/8 :8080/1", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list, err := filter.FindNetworks(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, n := range list {
				got = append(got, n.Prefix.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFindNetworksErrors has the offset of the bad network marked by §.
func TestFindNetworksErrors(t *testing.T) {
	for _, tt := range []struct{ text, reason string }{
		{"§10.0.0.0/33", "more than 32"},
		{"§fe80::1%eth0/64", "no zone"},
		{"§10.0.0.1/", "no prefix length"},
		{"192.168.0.0 §12", "number alone"},
		{"--cluster-cidr=§10.0.0.300/8", "more than 255"},
		{"a b --cidr=§fd00::/129,10.0.0.0/8", "more than 128"},
		{"inet '§10.0.0.1' netmask 255.0.255.0", "ones behind a zero"},
		{"x §10.0.0.1/255.0.255.0", "ones behind a zero"},
	} {
		offset := strings.Index(tt.text, "§")
		_, err := filter.FindNetworks(strings.Replace(tt.text, "§", "", 1))
		var e *filter.Error
		if !errors.As(err, &e) || !strings.Contains(e.Reason, tt.reason) || e.Offset != offset {
			t.Errorf("%s: %+v, want %q", tt.text, err, tt.reason)
		}
	}
	list, err := filter.FindNetworks("a=10.0.0.300/8 b=10.0.0.1/8")
	if err == nil || len(list) != 1 || list[0].Prefix.String() != "10.0.0.0/8" {
		t.Errorf("one good network of two: %v, %v", list, err)
	}
}

// FuzzCIDR checks every network found against net/netip: masked, a fixed point,
// and made of bits that were given.
func FuzzCIDR(f *testing.F) {
	for _, tt := range networks {
		f.Add(tt.text)
	}
	f.Add("kube-controller-manager --cluster-cidr=192.168.0.0/12,fd00::/56 --service-cluster-ip-range=10.96.0.0/12")
	f.Add("inet 10.1.2.3 netmask 0xfffff000, podCIDR:10.244.1.0/22.")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := filter.FindNetworks(text)
		for _, n := range list {
			checkNetwork(t, n)
		}
		want, perr := netip.ParsePrefix(text)
		if perr != nil {
			return
		}
		if err != nil || len(list) != 1 || list[0].Prefix != want.Masked() || list[0].Addr != want.Addr() {
			t.Errorf("FindNetworks(%q) = %v, %v; netip says %v", text, list, err, want.Masked())
		}
	})
}

func checkNetwork(t *testing.T, n filter.Network) {
	t.Helper()
	p, err := netip.ParsePrefix(n.Prefix.String())
	if err != nil || p.Masked() != p || p != n.Prefix {
		t.Fatalf("%q: %v is not what netip reads and masks: %v, %v", n.Given, n.Prefix, p, err)
	}
	again, err := filter.ParseNetwork(n.Prefix.String())
	if err != nil || again.Prefix != n.Prefix || again.Changed() {
		t.Fatalf("%q: %v is no fixed point: %v, %v", n.Given, n.Prefix, again, err)
	}
	if !n.Prefix.Contains(n.Addr) || !n.Prefix.Contains(n.Last()) || n.Prefix.Contains(n.Last().Next()) {
		t.Fatalf("%q: %v does not hold exactly %v to %v", n.Given, n.Prefix, n.Addr, n.Last())
	}
	if same, err := filter.ParseNetwork(n.Given); err != nil || same != n {
		t.Fatalf("%q read alone is %v, %v; want %v", n.Given, same, err, n)
	}
}
