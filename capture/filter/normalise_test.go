package filter_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

// expressions that tcpdump accepts once the networks are valid; want is "" where
// nothing is to be changed.
var expressions = []struct{ name, expr, want string }{
	{"the example", "net 192.168.0.0/12 and (port 80 or src net 10.1.2.3/8)", "net 192.160.0.0/12 and (port 80 or src net 10.0.0.0/8)"},
	{"empty", "", ""},
	{"valid", "net 10.0.0.0/8", ""},
	{"no net", "tcp and host 10.1.2.3 and port 80", ""},
	{"short", "net 10.1", ""},
	{"short, number", "net 10", ""},
	{"short with length", "net 10.1/16", ""},
	{"short with bits", "net 10.1/8", "net 10.0.0.0/8"},
	{"number with length", "net 10/8", "net 10.0.0.0/8"},
	{"number with length in parentheses", "(net 10/8) and tcp", "(net 10.0.0.0/8) and tcp"},
	{"largest number", "net 255/8", "net 255.0.0.0/8"},
	{"hexadecimal numbers", "net 0x0a/8 or net 0x0b000001/8", "net 10.0.0.0/8 or net 11.0.0.0/8"},
	{"octal number of as many digits as an address has", "net 0000000012/8", "net 10.0.0.0/8"},
	{"three numbers", "net 10.1.2/8", "net 10.0.0.0/8"},
	{"an address of as many bytes as a link address has digits", "net 192.168.10.1/8", "net 192.0.0.0/8"},
	{"whole address", "net 10.0.0.1/32", ""},
	{"everything", "net 0/0", "net 0.0.0.0/0"},
	{"everything of a host", "net 10.1.2.3/0", "net 0.0.0.0/0"},
	{"not without blank", "!net 10.0.0.1/8", "!net 10.0.0.0/8"},
	{"not behind net", "net !10.0.0.1/8", "net !10.0.0.0/8"},
	{"operators without blanks", "net 10.0.0.1/8&&port 80||net 11.0.0.1/8", "net 10.0.0.0/8&&port 80||net 11.0.0.0/8"},
	{"blanks around the slash", "net 10.0.0.1 /\t8", "net 10.0.0.0 /\t8"},
	{"blanks kept", "  net   10.0.0.1/8\n and\tport  80 ", "  net   10.0.0.0/8\n and\tport  80 "},
	{"both directions", "src or dst net 10.0.0.1/8", "src or dst net 10.0.0.0/8"},
	{"qualifier carried on", "src net 10.0.0.1/8 or 11.0.0.1/8", "src net 10.0.0.0/8 or 11.0.0.0/8"},
	{"qualifier carried into parentheses", "net (10.0.0.1/8 or 11.0.0.1/8)", "net (10.0.0.0/8 or 11.0.0.0/8)"},
	{"qualifier carried past parentheses", "net 9.0.0.1/8 or (host 1.2.3.4) or 11.0.0.1/8", "net 9.0.0.0/8 or (host 1.2.3.4) or 11.0.0.0/8"},
	{"protocols", "ip net 10.0.0.1/8 or arp net 10.0.0.1/8 or ip6 net fe80::1/64", "ip net 10.0.0.0/8 or arp net 10.0.0.0/8 or ip6 net fe80::/64"},
	{"mask", "net 10.1.2.3 mask 255.0.0.0", "net 10.0.0.0 mask 255.0.0.0"},
	{"short mask", "net 10.1 mask 255.255", ""},
	{"mask with holes", "net 10.1.2.3 mask 255.0.255.0", "net 10.0.2.0 mask 255.0.255.0"},
	{"mask in hexadecimal", "net 10.1.2.3 mask 0xffff0000", "net 10.1.0.0 mask 255.255.0.0"},
	{"mask as a number", "net 10.1.2.3 mask 255", "net 10.0.0.0 mask 255.0.0.0"},
	{"mask behind a slash", "net 10.1.2.3/255.240.0.0", "net 10.0.0.0/12"},
	{"mask with holes behind a slash", "net 10.1.2.3/255.0.255.0", "net 10.0.2.0 mask 255.0.255.0"},
	{"number and mask", "net 10 mask 255.0.0.0", "net 10.0.0.0 mask 255.0.0.0"},
	{"IPv6", "net fe80::1/64 or ::1/128 or 2001:db8::ffff/32", "net fe80::/64 or ::1/128 or 2001:db8::/32"},
	{"IPv6 with IPv4 tail", "net ::ffff:10.1.2.3/104", "net ::ffff:10.0.0.0/104"},
	{"IPv6 without blank", "net::1/64 or net::1:2:3:4:5:6:7/120", "net::/64 or net 0:1:2:3:4:5:6:0/120"},
	{"IPv6 mask", "net fe80::1 mask ffc0::", "net fe80::/10"},
	{"IPv6 mask before a word without blank", "net fe80::1 mask ffc0::or port 80", "net fe80::/10 or port 80"},
	{"IPv6 host with all bits", "host fe80::1/128", ""},
	{"octal and hexadecimal lengths", "net 10.0.0.1/010 or 11.0.0.1/0x8", "net 10.0.0.0/010 or 11.0.0.0/0x8"},
	{"length that libpcap takes for octal", "net 10.0.0.1/09", "net 10.0.0.0/9"},
	{"leading zeros", "net 010.000.000.001/8", "net 10.0.0.0/8"},
	{"accessors and division", "tcp[10/2] = 1 and ip[0] & 0xf != 5 and tcp[((tcp[12:1]&0xf0)/4):4] = 0x47455420", ""},
	{"division beside a net", "net 9.0.0.1/8 or 10/8 = 1 or (10/8) = 1", "net 9.0.0.0/8 or 10/8 = 1 or (10/8) = 1"},
	{"escaped protocols", `ether proto \ip and ip proto \tcp and net 10.0.0.1/8`, `ether proto \ip and ip proto \tcp and net 10.0.0.0/8`},
	{"escaped protocol in parentheses", `net 9.0.0.1/8 or (ip proto \tcp) or 11.0.0.1/8`, `net 9.0.0.0/8 or (ip proto \tcp) or 11.0.0.0/8`},
	{"link addresses", "ether host 1:2:3:4:5:10 or ether host 0a-00-00-01-00-08 and net 10.0.0.1/8", "ether host 1:2:3:4:5:10 or ether host 0a-00-00-01-00-08 and net 10.0.0.0/8"},
	{"ports", "portrange 15000-15010 and not port 22 and net 10.0.0.1/8", "portrange 15000-15010 and not port 22 and net 10.0.0.0/8"},
	{"names", "host localhost and net 10.0.0.1/8", "host localhost and net 10.0.0.0/8"},
	{"vlan", "vlan 100 and net 10.0.0.1/8", "vlan 100 and net 10.0.0.0/8"},
}

// mistakes are expressions that tcpdump refuses, for other reasons than a network:
// they are its to report, and the networks in them are mended all the same.
var mistakes = []struct{ name, expr, want string }{
	{"link address of one digit at the end", "net 10.0.0.1/8 and $a", "net 10.0.0.0/8 and $a"},
	{"link address of two digits at the end", "net 10.0.0.1/8 and $ab", "net 10.0.0.0/8 and $ab"},
	{"link address of one digit before parentheses", "net 10.0.0.1/8 or $a(port 80) or 11.0.0.1/8", "net 10.0.0.0/8 or $a(port 80) or 11.0.0.0/8"},
	{"dollar at the end", "net 10.0.0.1/8 and $", "net 10.0.0.0/8 and $"},
	{"and at the end", "net 10/8 &&", "net 10.0.0.0/8 &&"},
	{"slash at the end", "net 10.0.0.1/", ""},
	{"backslash alone", `\ net 10.0.0.1/8`, `\ net 10.0.0.0/8`},
	{"link address as a network", "net 001122334455/8 or net 1000.2000.3000/8", ""},
	{"keyword in a name", "net 9.0.0.1/8 or no-host or no_host or 11.0.0.1/8", "net 9.0.0.0/8 or no-host or no_host or 11.0.0.0/8"},
	{"five numbers are a name", "net 1.2.3.4.5/8", ""},
	{"colon behind a mask", "net fe80::1 mask ffc0:::", "net fe80::/10 :"},
	{"dot behind a mask", "net fe80::1 mask ffc0::.", "net fe80::/10 ."},
}

func TestNormalise(t *testing.T) {
	for _, tt := range append(mistakes, expressions...) {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.want
			if want == "" {
				want = tt.expr
			}
			got, changes, err := filter.Normalise(tt.expr)
			if err != nil || got != want {
				t.Fatalf("Normalise(%q)\n got %q, %v\nwant %q", tt.expr, got, err, want)
			}
			checkNormalised(t, tt.expr, got, changes)
		})
	}
}

// TestNormaliseErrors has the offset of the bad network marked by §; the
// expression must come back with only the other networks changed.
func TestNormaliseErrors(t *testing.T) {
	for _, tt := range []struct{ expr, want, reason, remedy string }{
		{"net §10.0.0.0/33", "", "more than 32", "0 to 32"},
		{"net §fe80::/129 or 10.0.0.1/8", "net fe80::/129 or 10.0.0.0/8", "more than 128", "0 to 128"},
		{"net §10.0.0.0/99999999999", "", "more than 32", "0 to 32"},
		{"net §300.1/8", "", "300 is more than 255", "write a network"},
		{"net §256.1.1.1", "", "256 is more than 255", "write a network"},
		{"net §300/8", "", "300 is more than 255", "all four numbers"},
		{"net §10000.2000.3000/8", "", "10000 is more than 255", "write a network"},
		{"net §99999999999/8", "", "99999999999 is more than 255", "all four numbers"},
		{"net §0x0a.0.0.0/8", "", "no network", "write a network"},
		{"net §10.0.0.1 mask 300.1", "", "300 is more than 255", "write a network"},
		{"net §10.0.0.1 mask 300", "", "300 is more than 255", "all four numbers"},
		{"net §fe80::1 mask 255.0.0.0", "", "different families", "prefix length"},
		{"net §10.0.0.1 mask ffff::", "", "different families", "prefix length"},
		{"net §fe80::1 mask 64", "", "different families", "prefix length"},
		{"net §fe80::1/255.0.0.0", "", "different families", "prefix length"},
		{"host §10.1.2.3/8", "", "only net takes", "write net 10.0.0.0/8"},
		{"src §10.1.2.3/8", "", "only net takes", "write net 10.0.0.0/8"},
		{"port 80 or §10.1.2.3/8", "", "only net takes", "write net 10.0.0.0/8"},
		{"§10.1.2.3 mask 255.0.0.0", "", "only net takes", "write net 10.0.0.0/8"},
		{"host §10.1.2.3/128", "", "only net takes", ""},
		{"host §fe80::1 mask 128", "", "only net takes", ""},
		{"host §fe80::1/64", "", "only net takes", "write net fe80::/64"},
		{"(net 10.0.0.1/8) or §11.0.0.0/8", "(net 10.0.0.0/8) or 11.0.0.0/8", "only net takes", "write net 11.0.0.0/8"},
		{"net 9.0.0.0/8 or tcp or §11.0.0.0/8", "", "only net takes", "write net 11.0.0.0/8"},
		{"net 9.0.0.0/8 or src §11.0.0.0/8", "", "only net takes", "write net 11.0.0.0/8"},
	} {
		offset := strings.Index(tt.expr, "§")
		expr := strings.Replace(tt.expr, "§", "", 1)
		if tt.want == "" {
			tt.want = expr
		}
		got, _, err := filter.Normalise(expr)
		var e *filter.Error
		if !errors.As(err, &e) || got != tt.want || e.Offset != offset {
			t.Errorf("Normalise(%q) = %q, %+v", expr, got, err)
			continue
		}
		if !strings.Contains(e.Reason, tt.reason) || !strings.Contains(e.Hint(), tt.remedy) {
			t.Errorf("Normalise(%q): %q, hint %q; want %q, hint %q", expr, e, e.Hint(), tt.reason, tt.remedy)
		}
	}
}

// checkNormalised checks that got is expr with exactly the changes spliced in,
// that each is a valid network, and that got is a fixed point.
func checkNormalised(t *testing.T, expr, got string, changes []filter.Change) {
	t.Helper()
	var want strings.Builder
	done := 0
	for _, c := range changes {
		if c.Offset < done || expr[c.Offset:c.Offset+len(c.From)] != c.From || c.From == c.To {
			t.Fatalf("%q: change %+v is not there", expr, c)
		}
		want.WriteString(expr[done:c.Offset] + c.To)
		done = c.Offset + len(c.From)
		checkChange(t, c)
	}
	if want.WriteString(expr[done:]); got != want.String() {
		t.Fatalf("%q: got %q, the changes give %q", expr, got, want.String())
	}
	if again, more, _ := filter.Normalise(got); again != got || len(more) > 0 {
		t.Fatalf("%q: %q is no fixed point: %q", expr, got, again)
	}
}

// checkChange checks that a change is to a network whose address has no bit
// that its mask lacks, by netip where the mask is a decimal length.
func checkChange(t *testing.T, c filter.Change) {
	t.Helper()
	p, err := netip.ParsePrefix(strings.Join(strings.Fields(c.To), ""))
	if err == nil && p.Masked() != p {
		t.Fatalf("change to %q, which netip masks to %v", c.To, p.Masked())
	}
	if c.Bits.IsValid() && c.Bits.IsUnspecified() {
		t.Fatalf("change %+v clears no bits", c)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, tt := range expressions {
		f.Add(tt.expr)
	}
	f.Add("net 10.0.0.1/8/8 or net :::1/64 # net 1.2.3.4/5\n or net $a10.0.0.1/8")
	f.Fuzz(func(t *testing.T, expr string) {
		got, changes, _ := filter.Normalise(expr)
		checkNormalised(t, expr, got, changes)
		if !strings.Contains(expr, "net") && got != expr {
			t.Errorf("Normalise(%q) = %q without any net", expr, got)
		}
		if !strings.ContainsAny(expr, "/") && !strings.Contains(expr, "mask") && got != expr {
			t.Errorf("Normalise(%q) = %q without length or mask", expr, got)
		}
	})
}

// tcpdump returns what tcpdump says to an expression, "" if it accepts it. The
// optimiser is off: it refuses expressions that no packet can match.
func tcpdump(t *testing.T, expr string) string {
	t.Helper()
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("needs tcpdump")
	}
	cmd := exec.Command("tcpdump", "-O", "-d", "-y", "EN10MB", expr)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return strings.TrimSpace(stderr.String())
	}
	return ""
}

// TestNormaliseAccepted has tcpdump judge the table.
func TestNormaliseAccepted(t *testing.T) {
	for _, tt := range expressions {
		t.Run(tt.name, func(t *testing.T) {
			got, _, _ := filter.Normalise(tt.expr)
			if said := tcpdump(t, got); said != "" {
				t.Errorf("tcpdump refuses %q: %s", got, said)
			}
			if said := tcpdump(t, tt.expr); said == "" && got != tt.expr {
				t.Errorf("tcpdump accepts %q, yet it was changed to %q", tt.expr, got)
			}
		})
	}
}

// TestNormaliseRandom builds expressions from parts, once as a user writes them
// and once with the networks masked by net/netip, and has tcpdump compile both.
func TestNormaliseRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		raw, want := expression(r, 3)
		got, changes, err := filter.Normalise(raw)
		checkNormalised(t, raw, got, changes)
		if got != want || err != nil {
			t.Fatalf("Normalise(%q)\n got %q, %v\nwant %q", raw, got, err, want)
		}
		if said := tcpdump(t, got); said != "" {
			t.Fatalf("tcpdump refuses %q: %s", got, said)
		}
		if said := tcpdump(t, raw); (said == "") != (raw == want) {
			t.Fatalf("tcpdump says %q to %q", said, raw)
		}
	}
}

// expression returns a random expression with and without bits behind the
// prefixes.
func expression(r *rand.Rand, depth int) (raw, want string) {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	if depth == 0 || r.IntN(4) == 0 {
		plain := pick("port 80", "tcp", "host 10.1.2.3", `ip proto \tcp `, "tcp[10/2]=1", "ip[8] / 2 > 3", "ether host 1:2:3:4:5:6",
			"udp portrange 15000-15010", "net 10.1", "net 127", "less 100", "vlan", "src host ::1", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0")
		return plain, plain
	}
	if r.IntN(2) == 0 {
		return netPrimitive(r, pick)
	}
	a, b := expression(r, depth-1)
	c, d := expression(r, depth-1)
	op := pick(" and ", " or ", "&&", "||", "\tand not ", " or !")
	if r.IntN(2) == 0 {
		return "(" + a + ")" + op + c, "(" + b + ")" + op + d
	}
	return a + op + c, b + op + d
}

// netPrimitive returns one to three random networks behind one qualifier.
func netPrimitive(r *rand.Rand, pick func(...string) string) (raw, want string) {
	raw = pick("net ", "src net ", "dst net ", "src or dst net ", "src and dst net ", "not net ", "! net ")
	want = raw
	six := r.IntN(3) == 0
	for i := range 1 + r.IntN(3) {
		if i > 0 {
			op := pick(" or ", " and ", " or not ", "||")
			raw, want = raw+op, want+op
		}
		p := randomPrefix(r, six)
		sep := pick("/", " / ", "/ ")
		raw += fmt.Sprint(p.Addr(), sep, p.Bits())
		want += fmt.Sprint(p.Masked().Addr(), sep, p.Bits())
	}
	return raw, want
}

// randomPrefix returns an address with a length; half of them are masked.
func randomPrefix(r *rand.Rand, six bool) netip.Prefix {
	b := make([]byte, 4)
	if six {
		b = make([]byte, 16)
		b[0] = 0xfd
	}
	for i := 1; i < len(b); i++ {
		b[i] = byte(r.Uint32() >> r.IntN(32))
	}
	a, _ := netip.AddrFromSlice(b)
	p := netip.PrefixFrom(a, r.IntN(len(b)*8+1))
	if r.IntN(2) == 0 {
		return p.Masked()
	}
	return p
}
