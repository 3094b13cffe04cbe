package conntrack_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

// with returns a line of UDP that ends in more pairs.
func with(more string) string {
	return "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1 " + more + "\n"
}

// why returns what is wrong with the only line of s.
func why(t *testing.T, s string) string {
	t.Helper()
	all, r := readString(t, s)
	n, first := r.Malformed()
	if len(all) != 0 || n != 1 {
		t.Fatalf("%d events, %d malformed of %q", len(all), n, s)
	}
	return first[0].Why
}

// Numbers are read up to the largest that their field holds.
func TestNumbers(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		get      func(*conntrack.Entry) uint64
		want     uint64
		why      string
	}{
		{"zero", "mark=0", func(e *conntrack.Entry) uint64 { return uint64(e.Mark) }, 0, ""},
		{"zeros in front", "mark=007", func(e *conntrack.Entry) uint64 { return uint64(e.Mark) }, 7, ""},
		{"largest mark", "mark=4294967295", func(e *conntrack.Entry) uint64 { return uint64(e.Mark) }, 1<<32 - 1, ""},
		{"mark too large", "mark=4294967296", nil, 0, `bad mark "4294967296"`},
		{"mark ten times too large", "mark=42949672950", nil, 0, `bad mark "42949672950"`},
		{"largest secmark", "secmark=4294967295", func(e *conntrack.Entry) uint64 { return uint64(e.SecMark) }, 1<<32 - 1, ""},
		{"largest zone", "zone=65535", func(e *conntrack.Entry) uint64 { return uint64(e.Zone) }, 65535, ""},
		{"zone too large", "zone=65536", nil, 0, `bad zone "65536"`},
		{"largest count", "packets=1 bytes=18446744073709551615", func(e *conntrack.Entry) uint64 { return e.ReplyCount.Bytes }, 1<<64 - 1, ""},
		{"count too large", "packets=1 bytes=18446744073709551616", nil, 0, `bad bytes "18446744073709551616"`},
		{"count that wraps", "packets=1 bytes=18446744073709551625", nil, 0, `bad bytes "18446744073709551625"`},
		{"twenty-one digits", "packets=1 bytes=000000000000000000001", nil, 0, `bad bytes "000000000000000000001"`},
		{"empty", "use=", nil, 0, `bad use ""`},
		{"sign", "use=+1", nil, 0, `bad use "+1"`},
		{"minus", "use=-1", nil, 0, `bad use "-1"`},
		{"letter", "use=1x", nil, 0, `bad use "1x"`},
		{"colon, which follows 9", "use=:", nil, 0, `bad use ":"`},
		{"slash, which precedes 0", "use=/", nil, 0, `bad use "/"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.why != "" {
				if got := why(t, with(tc.in)); got != tc.why {
					t.Errorf("%s, want %s", got, tc.why)
				}
				return
			}
			e := one(t, with(tc.in))
			if got := tc.get(&e.Entry); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct{ in, want string }{ // want "": none
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"10.244.1.9", "10.244.1.9"},
		{"001.2.3.4", "1.2.3.4"}, // nobody pads them, so this is no octal
		{"256.1.1.1", ""}, {"1.256.1.1", ""}, {"1.1.1.256", ""},
		{"1.1.1", ""}, {"1.1.1.", ""}, {".1.1.1", ""}, {"1..1.1", ""}, {"1.1.1.1.", ""}, {"1.1.1.1.1", ""}, {"0001.1.1.1", ""},
		{"1.1.1./", ""}, {"1.1.1.:", ""}, {"1.1.1.x", ""}, {"", ""},
		{"::", "::"},
		{"fd00:0009:0000:0000:0000:0000:0000:0002", "fd00:9::2"},
		{"2001:db8::1", "2001:db8::1"},
		{"::ffff:255.255.255.255", "::ffff:255.255.255.255"},
		{"0000:0000:0000:0000:0000:ffff:255.255.255.255", "::ffff:255.255.255.255"}, // the longest
		{"0000:0000:0000:0000:0000:ffff:255.255.255.2555", ""},
		{"fd00", ""}, {"fd00::1%eth0", ""}, {"fd00::g", ""},
	} {
		t.Run(tc.in, func(t *testing.T) {
			peer := "1.1.1.2"
			if strings.Contains(tc.in, ":") {
				peer = "fd00::2"
			}
			line := "udp 17 src=" + tc.in + " dst=" + peer + " sport=1 dport=2 src=" + peer + " dst=" + tc.in + " sport=2 dport=1\n"
			if tc.want == "" {
				if got, want := why(t, line), `bad src "`+tc.in[:min(len(tc.in), 40)]+`"`; got != want {
					t.Errorf("%s, want %s", got, want)
				}
				return
			}
			e := one(t, line)
			if want := netip.MustParseAddr(tc.want); e.Entry.Orig.Src.Addr() != want || e.Entry.Reply.Dst.Addr() != want {
				t.Errorf("%v, want %v", e.Entry.Orig.Src.Addr(), want)
			}
		})
	}
}

// Keys of GRE are printed in hexadecimal by the library, and in decimal by tools.
func TestKeys(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uint16
		why  string
	}{
		{"0x0", 0, ""}, {"0x9", 9, ""}, {"0xaf", 0xaf, ""}, {"0xAF", 0xaf, ""}, {"0xffff", 0xffff, ""}, {"0x0ffff", 0xffff, ""},
		{"7", 7, ""}, {"10", 10, ""}, {"65535", 65535, ""},
		{"65536", 0, `bad srckey "65536"`}, {"0x10000", 0, `bad srckey "0x10000"`}, {"0x", 0, `bad srckey "0x"`},
		{"0xg", 0, `bad srckey "0xg"`}, {"0xG", 0, `bad srckey "0xG"`}, {"0x:", 0, `bad srckey "0x:"`}, {"0x/", 0, `bad srckey "0x/"`},
		{"0x@", 0, "bad srckey \"0x@\""}, {"0x`", 0, "bad srckey \"0x`\""}, {"1x2", 0, `bad srckey "1x2"`}, {"", 0, `bad srckey ""`},
	} {
		t.Run(tc.in, func(t *testing.T) {
			line := "gre 47 src=1.1.1.1 dst=1.1.1.2 srckey=" + tc.in + " dstkey=0x1 src=1.1.1.2 dst=1.1.1.1 srckey=0x1 dstkey=0x2\n"
			if tc.why != "" {
				if got := why(t, line); got != tc.why {
					t.Errorf("%s, want %s", got, tc.why)
				}
				return
			}
			e := one(t, line)
			if got := e.Entry.Orig.Src.Port(); got != tc.want {
				t.Errorf("%d, want %d", got, tc.want)
			}
		})
	}
}

// What ICMP has in place of ports: the id, and type and code together.
func TestICMPWords(t *testing.T) {
	e := one(t, "icmp 1 src=1.1.1.1 dst=1.1.1.2 type=255 code=254 id=65535 src=1.1.1.2 dst=1.1.1.1 type=0 code=1 id=65535 id=9\n")
	if got := e.Entry; got.Orig.Src.Port() != 65535 || got.Orig.Dst.Port() != 255<<8|254 || got.Reply.Src.Port() != 65535 || got.Reply.Dst.Port() != 1 || got.ID != 9 {
		t.Errorf("%+v", got)
	}
	for _, tc := range []struct{ in, want string }{
		{"type=256 code=0 id=7", `bad type "256"`}, {"type=0 code=256 id=7", `bad code "256"`}, {"type=0 code=0 id=65536", `bad id "65536"`},
	} {
		if got := why(t, "icmp 1 src=1.1.1.1 dst=1.1.1.2 "+tc.in+" src=1.1.1.2 dst=1.1.1.1 type=0 code=0 id=7\n"); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.in, got, tc.want)
		}
	}
}

// Words that a protocol does not have are passed over.
func TestWordsOfOthers(t *testing.T) {
	const all = "sport=5 dport=6 type=7 code=8 srckey=9 dstkey=10 "
	for _, tc := range []struct {
		name     string
		proto    tcpip.Proto
		src, dst uint16
	}{
		{"tcp 6", 6, 5, 6}, {"udp 17", 17, 5, 6}, {"dccp 33", 33, 5, 6}, {"sctp 132", 132, 5, 6}, {"udplite 136", 136, 5, 6},
		{"icmp 1", 1, 0, 7<<8 | 8}, {"icmpv6 58", 58, 0, 7<<8 | 8}, {"gre 47", 47, 9, 10}, {"unknown 89", 89, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, tc.name+" src=1.1.1.1 dst=1.1.1.2 "+all+"src=1.1.1.2 dst=1.1.1.1 "+all+"\n").Entry
			for _, got := range []tcpip.Tuple{e.Orig, e.Reply} {
				if got.Proto != tc.proto || got.Src.Port() != tc.src || got.Dst.Port() != tc.dst {
					t.Errorf("%v, want %d and %d", got, tc.src, tc.dst)
				}
			}
		})
	}
}

// The kernel and the library do not know the same names of protocols. Without a
// network protocol in front the name must be one of theirs, since anything may
// stand before an entry.
func TestProtocols(t *testing.T) {
	const tuples = " src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n"
	for _, tc := range []struct {
		in    string
		proto tcpip.Proto // 0: none
	}{
		{"tcp 6", 6}, {"unknown 6", 6}, {"unknown 255", 255}, {"ipv4 2 ospf 89", 89}, {"ipv6 10 ospf 89", 89},
		{"web-1 tcp 6", 6}, {"tcp tcp 6", 6}, {"ipv4 2 tcp 6", 6}, {"7 ipv4 2 ospf 89", 89},
		{"ospf 89", 0}, {"tcp 17", 0}, {"tcp 0", 0}, {"unknown 256", 0}, {"tcp six", 0},
		{"ipv4 10 ospf 89", 0}, {"ipv6 2 ospf 89", 0}, {"ipv5 2 ospf 89", 0}, {"ipv4 2 ospf", 0},
	} {
		t.Run(tc.in, func(t *testing.T) {
			if tc.proto == 0 {
				if got := why(t, tc.in+tuples); got != "no protocol" {
					t.Errorf("%s", got)
				}
				return
			}
			e := one(t, tc.in+tuples)
			if got := e.Entry.Proto(); got != tc.proto || e.Entry.Reply.Proto != tc.proto {
				t.Errorf("protocol %d, want %d", got, tc.proto)
			}
		})
	}
}

// A state is a word in capitals; what cannot be one is passed over.
func TestStates(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"ESTABLISHED", "ESTABLISHED"}, {"SYN_SENT2", "SYN_SENT2"}, {"A", "A"}, {"Z0_9", "Z0_9"},
		{strings.Repeat("A", 32), strings.Repeat("A", 32)}, {strings.Repeat("A", 33), ""},
		{"_A", ""}, {"9A", ""}, {"a", ""}, {"Aa", ""}, {"A:", ""}, {"A/", ""}, {"A[", ""}, {"A@", ""}, {"A^", ""}, {"[X]", ""},
	} {
		t.Run(tc.in, func(t *testing.T) {
			e := one(t, "tcp 6 9 "+tc.in+" src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n")
			if e.Entry.State != tc.want || e.Entry.Timeout != 9 {
				t.Errorf("%q after %d, want %q", e.Entry.State, e.Entry.Timeout, tc.want)
			}
		})
	}
}

// Names hold what can stand as one word in a line.
func TestNames(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"plain", "ftp-20000", "ftp-20000"}, {"first and last", "!~", "!~"}, {"an equals sign", "a=b", "a=b"},
		{"longest", strings.Repeat("x", 1024), strings.Repeat("x", 1024)}, {"too long", strings.Repeat("x", 1025), ""},
		{"empty", "", ""}, {"delete", "a\x7f", ""}, {"no ASCII", "zürich", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := one(t, with("helper="+tc.in+" secctx="+tc.in+" labels="+tc.in)).Entry
			if e.Helper != tc.want || e.SecCtx != tc.want || e.Labels != tc.want {
				t.Errorf("%q, %q, %q; want %q", e.Helper, e.SecCtx, e.Labels, tc.want)
			}
		})
	}
}

// More names than are kept are all read right.
func TestManyNames(t *testing.T) {
	var in strings.Builder
	for i := range 40 {
		in.WriteString(with("helper=h" + strings.Repeat("x", i%20)))
	}
	all, _ := readString(t, in.String())
	for i, e := range all {
		if want := "h" + strings.Repeat("x", i%20); e.Entry.Helper != want {
			t.Errorf("%d: %s, want %s", i, e.Entry.Helper, want)
		}
	}
}

func TestTimes(t *testing.T) {
	local := func(nanos int64) conntrack.Stamp { return conntrack.Stamp{Time: capture.Time(nanos), Local: true} }
	for _, tc := range []struct {
		name, in string
		want     conntrack.Stamp
		why      string
	}{
		{"in words", "[start=Sat Nov 21 08:19:51 2026]", local(1795249191e9), ""},
		{"day of one digit", "[start=Thu Jan  1 00:00:01 1970]", local(1e9), ""},
		{"last second", "[start=Sat Dec 31 23:59:59 2261]", local(9214646399e9), ""},
		{"too late", "[start=Wed Jan  1 00:00:00 2262]", conntrack.Stamp{}, `bad time "Wed Jan  1 00:00:00 2262"`},
		{"too early", "[start=Wed Dec 31 23:59:59 1969]", conntrack.Stamp{}, `bad time "Wed Dec 31 23:59:59 1969"`},
		{"not closed", "[start=Sat Nov 21 08:19:51 2026", conntrack.Stamp{}, `bad time ""`},
		{"another bracket", "[begin=Sat Nov 21 08:19:51 2026]", conntrack.Stamp{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.why != "" {
				if got := why(t, with(tc.in)); got != tc.why {
					t.Errorf("%s, want %s", got, tc.why)
				}
				return
			}
			if got := one(t, with(tc.in)).Entry.Start; got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
	if got := one(t, with("[stop=Sat Nov 21 08:19:51 2026] use=7")).Entry; got.Stop != local(1795249191e9) || got.Start.Known() || got.Use != 7 {
		t.Errorf("stop %+v, start %+v, use %d", got.Stop, got.Start, got.Use)
	}
}

// The time in front of an event has six digits behind the point.
func TestExactTimes(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want int64
	}{
		{"[1795263508.290581]", 1795263508290581e3}, {"[0.000001]", 1e3}, {"[8589934591.999999]", 8589934591999999e3},
		{"[8589934592.000000]", 0}, {"[8589934593.000000]", 0}, {"[.000001]", 0}, {"[1.00001]", 0}, {"[1.0000001]", 0}, {"[1:000001]", 0},
		{"[1.00000x]", 0}, {"[x.000001]", 0}, {"[]", 0}, {"[NEWS]", 0},
	} {
		t.Run(tc.in, func(t *testing.T) {
			e := one(t, tc.in+" [NEW] "+with(""))
			if e.When != (conntrack.Stamp{Time: capture.Time(tc.want)}) || e.Kind != conntrack.New {
				t.Errorf("%+v, %s; want %d", e.When, e.Kind, tc.want)
			}
		})
	}
}
