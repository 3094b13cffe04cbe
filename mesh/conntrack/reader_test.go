package conntrack_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

var values = cmpopts.EquateComparable(netip.AddrPort{})

// read returns all events of r.
func read(t testing.TB, r *conntrack.Reader) []conntrack.Event {
	t.Helper()
	var all []conntrack.Event
	for {
		e, err := r.Next()
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, *e)
	}
}

func readString(t testing.TB, s string) ([]conntrack.Event, *conntrack.Reader) {
	t.Helper()
	r := conntrack.NewReader(strings.NewReader(s))
	return read(t, r), r
}

// A reader that is handed a bufio.Reader with a longer buffer than its own takes
// that one over.
func TestLongLineInLongerBuffer(t *testing.T) {
	in := strings.NewReader(strings.Repeat("\x00", 100000) + "\n" + strings.Repeat("x", 600000))
	r := conntrack.NewReader(bufio.NewReaderSize(in, 256<<10))
	if all := read(t, r); len(all) != 0 {
		t.Fatalf("%d events, want none", len(all))
	}
	if n, _ := r.Malformed(); n == 0 || r.Lines() != 2 {
		t.Errorf("%d malformed of %d lines, want some of 2", n, r.Lines())
	}
}

// one returns the only event of s, whatever its line.
func one(t testing.TB, s string) conntrack.Event {
	t.Helper()
	all, r := readString(t, s)
	n, first := r.Malformed()
	if len(all) != 1 || n != 0 {
		t.Fatalf("%d events, %d malformed %v, want one event of %q", len(all), n, first, s)
	}
	return all[0]
}

func tuple(p tcpip.Proto, src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: p, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

func local(s string) conntrack.Stamp {
	at, err := time.Parse(time.DateTime, s)
	if err != nil {
		panic(err)
	}
	return conntrack.Stamp{Time: capture.Time(at.UnixNano()), Local: true}
}

const seenAssured = conntrack.SeenReply | conntrack.Assured

func TestReader(t *testing.T) {
	redirect := conntrack.Entry{
		Orig:    tuple(6, "127.0.0.1:39394", "127.0.0.5:80"),
		Reply:   tuple(6, "127.0.0.1:7777", "127.0.0.1:39394"),
		Has:     conntrack.HasTimeout,
		Status:  seenAssured,
		State:   "ESTABLISHED",
		Timeout: 431999,
	}
	counted := redirect
	counted.Has |= conntrack.HasOrigCount | conntrack.HasReplyCount | conntrack.HasMark | conntrack.HasDelta | conntrack.HasUse
	counted.OrigCount, counted.ReplyCount = conntrack.Counters{Packets: 3, Bytes: 166}, conntrack.Counters{Packets: 2, Bytes: 112}
	counted.Mark, counted.Use = 273, 1

	stamped := counted
	stamped.Has |= conntrack.HasID
	stamped.ID = 1729293742
	stamped.Start = local("2026-11-21 08:19:51")

	proc := counted
	proc.Has |= conntrack.HasZone
	proc.Use = 2

	destroyed := stamped
	destroyed.Has &^= conntrack.HasUse
	destroyed.Use = 0
	destroyed.State, destroyed.Timeout = "CLOSE", 9
	destroyed.Stop = local("2026-11-21 08:19:51")

	dns := conntrack.Entry{
		Orig:    tuple(17, "10.9.0.2:47146", "10.96.0.10:53"),
		Reply:   tuple(17, "127.0.0.1:15053", "10.9.0.2:47146"),
		Has:     conntrack.HasTimeout | conntrack.HasMark | conntrack.HasZone | conntrack.HasUse,
		Status:  conntrack.SeenReply,
		Timeout: 29,
		Zone:    2,
		Use:     1,
	}
	begun := conntrack.Entry{
		Orig:    tuple(6, "10.200.1.2:42598", "10.200.9.9:80"),
		Reply:   tuple(6, "127.0.0.1:15001", "10.200.1.2:42598"),
		Has:     conntrack.HasTimeout,
		State:   "SYN_SENT",
		Timeout: 120,
	}
	v6 := conntrack.Entry{
		Orig:    tuple(6, "[fd00:9::2]:50284", "[fd00:96::5]:80"),
		Reply:   tuple(6, "[::1]:15001", "[fd00:9::2]:50284"),
		Has:     conntrack.HasTimeout,
		Status:  seenAssured,
		State:   "ESTABLISHED",
		Timeout: 431998,
	}
	ping := conntrack.Entry{
		Orig:    tuple(1, "10.0.0.1:77", "10.0.0.2:2048"),
		Reply:   tuple(1, "10.0.0.2:77", "10.0.0.1:0"),
		Has:     conntrack.HasTimeout | conntrack.HasMark | conntrack.HasUse | conntrack.HasID,
		Timeout: 299,
		Use:     1,
		ID:      1230070571,
	}
	gre := conntrack.Entry{
		Orig:    tuple(47, "10.0.0.1:4660", "10.0.0.2:5"),
		Reply:   tuple(47, "10.0.0.2:5", "10.0.0.1:4660"),
		Has:     conntrack.HasTimeout | conntrack.HasMark | conntrack.HasZone | conntrack.HasUse,
		Timeout: 299,
		Use:     2,
	}
	offload := conntrack.Entry{
		Orig:       tuple(6, "172.0.0.3:34018", "172.0.0.4:33396"),
		Reply:      tuple(6, "172.0.0.4:33396", "172.0.0.3:34018"),
		Has:        conntrack.HasOrigCount | conntrack.HasReplyCount | conntrack.HasMark | conntrack.HasZone | conntrack.HasUse,
		Status:     conntrack.SeenReply | conntrack.HWOffload,
		OrigCount:  conntrack.Counters{Packets: 3941992, Bytes: 264113427},
		ReplyCount: conntrack.Counters{Packets: 4, Bytes: 218},
		SecCtx:     "system_u:object_r:unlabeled_t:s0",
		Use:        3,
	}
	zones := conntrack.Entry{
		Orig:      tuple(6, "10.9.0.2:1", "10.9.0.9:81"),
		Reply:     tuple(6, "10.9.0.9:81", "10.9.0.2:1"),
		Has:       conntrack.HasTimeout | conntrack.HasZoneOrig | conntrack.HasZoneReply | conntrack.HasMark | conntrack.HasSecMark,
		State:     "SYN_SENT",
		Timeout:   118,
		ZoneOrig:  7,
		ZoneReply: 8,
		SecMark:   5,
		Helper:    "ftp",
		Labels:    "blue,green",
	}
	sctp := conntrack.Entry{
		Orig:    tuple(132, "10.0.0.1:1000", "10.0.0.2:2000"),
		Reply:   tuple(132, "10.0.0.2:2000", "10.0.0.1:1000"),
		Has:     conntrack.HasTimeout,
		State:   "ESTABLISHED",
		Timeout: 299,
	}
	exact := stamped
	exact.Start = conntrack.Stamp{Time: 1795249191921720123}
	exact.Stop = conntrack.Stamp{Time: 1795249192921720123}

	const list = "tcp      6 431999 ESTABLISHED src=127.0.0.1 dst=127.0.0.5 sport=39394 dport=80 packets=3 bytes=166 src=127.0.0.1 dst=127.0.0.1 sport=7777 dport=39394 packets=2 bytes=112 [ASSURED] mark=273 delta-time=0 "
	const syn = "tcp      6 120 SYN_SENT src=10.200.1.2 dst=10.200.9.9 sport=42598 dport=80 [UNREPLIED] src=127.0.0.1 dst=10.200.1.2 sport=15001 dport=42598\n"
	for _, tc := range []struct {
		name, in string
		want     conntrack.Event
	}{
		{"list", list + "use=1\n", conntrack.Event{Entry: counted}},
		{"no newline", list + "use=1", conntrack.Event{Entry: counted}},
		{"CRLF", list + "use=1\r\n", conntrack.Event{Entry: counted}},
		{"byte order mark", "\ufeff" + list + "use=1\n", conntrack.Event{Entry: counted}},
		{"behind a prompt", "root@pod:/# " + list + "use=1\n", conntrack.Event{Entry: counted}},
		{"behind kubectl's prefixes", "[pod/reviews-v1/istio-proxy] 2026-11-21T08:19:51.123456789Z " + list + "use=1\n", conntrack.Event{Entry: counted}},
		{"extended,id,ktimestamp", "ipv4     2 " + list + "[start=Sat Nov 21 08:19:51 2026] use=1 id=1729293742\n", conntrack.Event{Entry: stamped}},
		{"proc", "ipv4     2 " + strings.Replace(list, "mark=273", "mark=273 zone=0", 1) + "use=2\n", conntrack.Event{Entry: proc}},
		{"dns in a zone", "udp      17 29 src=10.9.0.2 dst=10.96.0.10 sport=47146 dport=53 src=127.0.0.1 dst=10.9.0.2 sport=15053 dport=47146 mark=0 zone=2 use=1\n", conntrack.Event{Entry: dns}},
		{"new", "[1795248340.156154]\t    [NEW] " + syn, conntrack.Event{Kind: conntrack.New, When: conntrack.Stamp{Time: 1795248340156154000}, Entry: begun}},
		{"update without time", " [UPDATE] " + syn, conntrack.Event{Kind: conntrack.Update, Entry: begun}},
		{
			"destroy by a program", "[1795249191.921720]\t[DESTROY] ipv4     2 " + strings.Replace(list, "431999 ESTABLISHED", "9 CLOSE", 1) +
				"[start=Sat Nov 21 08:19:51 2026] [stop=Sat Nov 21 08:19:51 2026] id=1729293742 [USERSPACE] portid=3623341780 progname=a id=1 src=x\n",
			conntrack.Event{Kind: conntrack.Destroy, When: conntrack.Stamp{Time: 1795249191921720000}, Userspace: true, Entry: destroyed},
		},
		{
			"IPv6", "tcp      6 431998 ESTABLISHED src=fd00:9::2 dst=fd00:96::5 sport=50284 dport=80 src=::1 dst=fd00:9::2 sport=15001 dport=50284 [ASSURED]\n",
			conntrack.Event{Entry: v6},
		},
		{
			"IPv6 of proc", "ipv6     10 tcp      6 431998 ESTABLISHED src=fd00:0009:0000:0000:0000:0000:0000:0002 dst=fd00:0096:0000:0000:0000:0000:0000:0005 sport=50284 dport=80 src=0000:0000:0000:0000:0000:0000:0000:0001 dst=fd00:0009:0000:0000:0000:0000:0000:0002 sport=15001 dport=50284 [ASSURED]\n",
			conntrack.Event{Entry: v6},
		},
		{
			"ICMP has two ids", "ipv4     2 icmp     1 299 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 mark=0 use=1 id=1230070571\n",
			conntrack.Event{Entry: ping},
		},
		{
			"GRE of proc", "ipv4     2 gre      47 299 timeout=0, stream_timeout=0 src=10.0.0.1 dst=10.0.0.2 srckey=0x1234 dstkey=0x5 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 srckey=0x5 dstkey=0x1234 mark=0 zone=0 use=2\n",
			conntrack.Event{Entry: gre},
		},
		{
			"offload has no timeout", "ipv4     2 tcp      6 src=172.0.0.3 dst=172.0.0.4 sport=34018 dport=33396 packets=3941992 bytes=264113427 src=172.0.0.4 dst=172.0.0.3 sport=33396 dport=34018 packets=4 bytes=218 [HW_OFFLOAD] mark=0 secctx=system_u:object_r:unlabeled_t:s0 zone=0 use=3\n",
			conntrack.Event{Entry: offload},
		},
		{
			"zones, mark, helper, labels", "tcp      6 118 SYN_SENT src=10.9.0.2 dst=10.9.0.9 sport=1 dport=81 zone-orig=7 [UNREPLIED] src=10.9.0.9 dst=10.9.0.2 sport=81 dport=1 zone-reply=8 mark=0 secmark=5 helper=ftp labels=blue,green\n",
			conntrack.Event{Entry: zones},
		},
		{
			"sctp", "sctp     132 299 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=2000 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=2000 dport=1000\n",
			conntrack.Event{Entry: sctp},
		},
		{
			"save", "-A -t 431999 -u SEEN_REPLY,ASSURED -s 127.0.0.1 -d 127.0.0.5 -g 127.0.0.1 -q 127.0.0.1 -p tcp --sport 39394 --dport 80 --reply-port-src 7777 --reply-port-dst 39394 --state ESTABLISHED\n",
			conntrack.Event{Entry: redirect},
		},
		{
			"save of an event by a program", "-D -t 431999 -u SEEN_REPLY,ASSURED -s 127.0.0.1 -d 127.0.0.5 -g 127.0.0.1 -q 127.0.0.1 -p tcp --sport 39394 --dport 80 --reply-port-src 7777 --reply-port-dst 39394 --state ESTABLISHED [USERSPACE] portid=4\n",
			conntrack.Event{Kind: conntrack.Destroy, Userspace: true, Entry: redirect},
		},
		{
			"xml", `<flow type="destroy"><meta direction="original"><layer3 protonum="2" protoname="ipv4"><src>127.0.0.1</src><dst>127.0.0.5</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>39394</sport><dport>80</dport></layer4><counters><packets>3</packets><bytes>166</bytes></counters></meta><meta direction="reply"><layer3 protonum="2" protoname="ipv4"><src>127.0.0.1</src><dst>127.0.0.1</dst></layer3><layer4 protonum="6" protoname="tcp"><sport>7777</sport><dport>39394</dport></layer4><counters><packets>2</packets><bytes>112</bytes></counters></meta><meta direction="independent"><state>ESTABLISHED</state><timeout>431999</timeout><mark>273</mark><use>1</use><id>1729293742</id><assured/><timestamp><start>1795249191921720123</start><stop>1795249192921720123</stop></timestamp><deltatime>0</deltatime></meta><when><hour>8</hour><min>19</min><sec>52</sec><wday>7</wday><day>21</day><month>11</month><year>2026</year></when></flow> [USERSPACE] portid=1 progname=conntrack` + "\n",
			conntrack.Event{Kind: conntrack.Destroy, When: local("2026-11-21 08:19:52"), Userspace: true, Entry: exact},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.Line = 1
			if diff := cmp.Diff(tc.want, one(t, tc.in), values); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReaderPassesOver(t *testing.T) {
	for _, in := range []string{
		"", "\n", " \r\n",
		"conntrack v1.4.7 (conntrack-tools): 19 flow entries have been shown.\n",
		"nfct_labelmap_new: No such file or directory\n",
		"root@pod:/# conntrack -L -o extended,id\n",
		"$ conntrack -D -s 1.2.3.4 -p tcp --dport 80\n",
		"-A PREROUTING -p tcp -j ISTIO_INBOUND\n",
		"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n", "<conntrack>\n", "</conntrack>\n",
		"ESTAB 0 0 127.0.0.1:15001 10.200.1.2:42604 users:((\"envoy\",pid=17,fd=7))\n",
		"tcp", "tcp x", "ipv4 2 tcp", "\x00\xff",
	} {
		all, r := readString(t, in)
		if n, first := r.Malformed(); len(all) != 0 || n != 0 {
			t.Errorf("%q: %d events, malformed %v; want none", in, len(all), first)
		}
		if want := min(len(in), 1); r.Skipped() != want || r.Lines() != want {
			t.Errorf("%q: %d skipped of %d lines, want %d", in, r.Skipped(), r.Lines(), want)
		}
	}
}

func TestReaderMalformed(t *testing.T) {
	const flowStart = `<flow><meta direction="original"><layer3 protonum="2"><src>1.1.1.1</src><dst>1.1.1.2</dst></layer3><layer4 protonum="6"><sport>1</sport><dport>2</dport></layer4></meta>`
	for _, tc := range []struct {
		name, in, err string
	}{
		{"cut before the tuples", "tcp      6 431999 ESTABL", "a tuple without address"},
		{"cut before the reply", "tcp      6 9 CLOSE src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2\n", "no reply tuple"},
		{"cut in the reply", "tcp      6 9 CLOSE src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1\n", "a tuple without ports"},
		{"cut in the last port", "tcp      6 9 CLOSE src=1.1.1.1 dst=1.1.1.2 sport=35628 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=356", "cut off"},
		{"no protocol", "src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n", "no protocol"},
		{"no address", "udp 17 src=1.1.1.256 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n", `bad src "1.1.1.256"`},
		{"address with a zone", "udp 17 src=fe80::1%lo dst=fe80::2 sport=1 dport=2 src=fe80::2 dst=fe80::1 sport=2 dport=1\n", `bad src "fe80::1%lo"`},
		{"no port", "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=65536 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n", `bad sport "65536"`},
		{"mark too large", "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1 mark=4294967296\n", `bad mark "4294967296"`},
		{"no time", "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1 [start=Sat Nov 31 00:00:00 2026]\n", `bad time "Sat Nov 31 00:00:00 2026"`},
		{"families", "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=::1 dst=::2 sport=2 dport=1\n", "addresses of several families"},
		{"three tuples", "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1 src=1.1.1.1\n", "a third tuple"},
		{"save without protocol", "-A -t 1 -s 1.1.1.1 -d 1.1.1.2 -r 1.1.1.2 -q 1.1.1.1\n", "no protocol"},
		{"flow without reply", flowStart + "</flow>\n", "no reply tuple"},
		{"no flow", "<flowchart></flow>\n", "no protocol"},
		{"flow cut by the end", flowStart, "cut off"},
		{"flow cut by a line", flowStart + "\n$ \n", "cut off"},
		{"line too long", strings.Repeat("x", 70000) + "\n", "longer than 65536 bytes"},
		{"zeros without end", strings.Repeat("\x00", 100000), "longer than 65536 bytes"},
		{"line too long at the end", strings.Repeat("x", 200000), "longer than 65536 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const good = "udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n"
			all, r := readString(t, good+tc.in)
			n, first := r.Malformed()
			if len(all) != 1 || n != 1 || len(first) != 1 {
				t.Fatalf("%d events, %d malformed: %v; want 1 and 1", len(all), n, first)
			}
			if first[0].Why != tc.err || first[0].Line != 2 {
				t.Errorf("line %d: %s, want line 2: %s", first[0].Line, first[0].Why, tc.err)
			}
			if len(first[0].Text) > 200 || !strings.HasPrefix(first[0].Error(), "line 2: ") {
				t.Errorf("error %q of %d bytes", first[0].Error(), len(first[0].Text))
			}
			if !strings.HasSuffix(tc.in, "\n") {
				return
			}
			if all, _ := readString(t, tc.in+good); len(all) != 1 {
				t.Errorf("%d events after it, want 1", len(all))
			}
		})
	}
}

// Only the first malformed lines are kept; all are counted.
func TestReaderKeepsFirstErrors(t *testing.T) {
	_, r := readString(t, strings.Repeat("$ \ntcp 6 src=1 dst=2\n", 1000))
	n, first := r.Malformed()
	var lines []int
	for _, e := range first {
		lines = append(lines, e.Line)
	}
	if want := []int{2, 4, 6}; n != 1000 || !slices.Equal(lines, want) {
		t.Errorf("%d malformed, first %v; want 1000, %v", n, lines, want)
	}
	if r.Lines() != 2000 || r.Skipped() != 1000 {
		t.Errorf("%d lines, %d skipped", r.Lines(), r.Skipped())
	}
}

func TestReaderError(t *testing.T) {
	broken := errors.New("broken")
	r := conntrack.NewReader(io.MultiReader(strings.NewReader("udp 17 src=1.1.1.1 dst=1.1.1.2 sport=1 dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=1\n"), iotest.ErrReader(broken)))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Next(); err != broken {
			t.Errorf("error %v, want %v", err, broken)
		}
	}
}

// XML may be on one line, without end, or indented.
func TestReaderXMLLayouts(t *testing.T) {
	whole := sample(t, "list.xml")
	want := readBytes(t, whole)
	if len(want) != 14 {
		t.Fatalf("%d flows, want 14", len(want))
	}
	for name, in := range map[string]string{
		"one line":    strings.ReplaceAll(string(whole), "\n", ""),
		"one by one":  string(whole),
		"indented":    strings.NewReplacer("><", ">\n  <", "></", "></").Replace(string(whole)),
		"not closed":  strings.ReplaceAll(string(whole), "</conntrack>", ""),
		"many blanks": strings.ReplaceAll(string(whole), "><", ">   <"),
	} {
		t.Run(name, func(t *testing.T) {
			r := conntrack.NewReader(iotest.OneByteReader(strings.NewReader(in)))
			got := read(t, r)
			if n, first := r.Malformed(); n != 0 {
				t.Errorf("malformed: %v", first)
			}
			if diff := cmp.Diff(want, got, values, cmpopts.IgnoreFields(conntrack.Event{}, "Line")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// A list on one line of any length is read flow by flow.
func TestReaderXMLLongLine(t *testing.T) {
	_, flow, _ := strings.Cut(string(sample(t, "list.xml")), "<conntrack>\n")
	flow, _, _ = strings.Cut(flow, "\n")
	const flows = 10000
	var n int
	r := conntrack.NewReader(strings.NewReader("<conntrack>" + strings.Repeat(flow, flows)))
	for {
		if _, err := r.Next(); err != nil {
			break
		}
		n++
	}
	if n != flows {
		t.Errorf("%d flows, want %d", n, flows)
	}
}

func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readBytes(t testing.TB, b []byte) []conntrack.Event {
	t.Helper()
	all, _ := readString(t, string(b))
	return all
}

// What conntrack 1.4.7 printed is understood to the last line.
func TestSamples(t *testing.T) {
	for _, tc := range []struct {
		name                       string
		events, skipped, malformed int
	}{
		{"list-plain.txt", 14, 2, 0},
		{"list-extended.txt", 14, 0, 0},
		{"list-save.txt", 14, 0, 0},
		{"list.xml", 14, 6, 0},
		{"proc.txt", 14, 0, 0},
		{"events-plain.txt", 43, 0, 0},
		{"events-extended.txt", 43, 0, 0},
		{"events-save.txt", 43, 0, 0},
		{"events-killed.xml", 13, 2, 1},
		{"mixed.txt", 8, 6, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, r := readString(t, string(sample(t, tc.name)))
			n, first := r.Malformed()
			if len(all) != tc.events || r.Skipped() != tc.skipped || n != tc.malformed {
				t.Errorf("%d events, %d skipped, %d malformed %v; want %d, %d, %d", len(all), r.Skipped(), n, first, tc.events, tc.skipped, tc.malformed)
			}
		})
	}
}

// What the testbed printed is read whole: every line is an event, or the message
// at the end.
func TestTestbedSamples(t *testing.T) {
	names, err := filepath.Glob("../../testdata/pcaps/*-conntrack*.txt")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all, r := readString(t, string(b))
		n, first := r.Malformed()
		if n != 0 || len(all)+r.Skipped() != r.Lines() || r.Skipped() > 1 {
			t.Errorf("%s: %d events, %d skipped, %d malformed of %d lines: %v", name, len(all), r.Skipped(), n, r.Lines(), first)
		}
	}
}

// All forms of one moment say the same, but for what a form leaves out and for
// the time between the commands.
func TestFormsAgree(t *testing.T) {
	const lasting = ^(conntrack.HasTimeout | conntrack.HasDelta | conntrack.HasUse)
	byTuple := func(name string, has conntrack.Fields) map[string]conntrack.Entry {
		m := make(map[string]conntrack.Entry)
		for _, e := range readBytes(t, sample(t, name)) {
			m[fmt.Sprint(e.Entry.Orig.Proto, e.Entry.Orig, e.Entry.OrigZone())] = reduced(e.Entry, has)
		}
		return m
	}
	for _, tc := range []struct {
		name string
		has  conntrack.Fields
		more func(*conntrack.Entry) // forgets what the form leaves out
	}{
		{"list-plain.txt", lasting &^ conntrack.HasID, nil},
		{"list.xml", lasting, func(e *conntrack.Entry) {
			if e.Proto() != tcpip.ProtoTCP {
				e.State = ""
			}
		}},
		{"list-save.txt", conntrack.HasZone | conntrack.HasZoneOrig | conntrack.HasZoneReply, nil},
		{"proc.txt", lasting &^ (conntrack.HasID | conntrack.HasZone), func(e *conntrack.Entry) {
			if e.Proto() == 33 {
				e.State = ""
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want, got := byTuple("list-extended.txt", tc.has), byTuple(tc.name, tc.has)
			for k, e := range want {
				if tc.more != nil {
					tc.more(&e)
				}
				e.Status &^= conntrack.FixedTimeout
				want[k] = e
			}
			for k, e := range got {
				e.Status &^= conntrack.FixedTimeout // -o save only
				got[k] = e
			}
			if diff := cmp.Diff(want, got, values); diff != "" {
				t.Errorf("entries (-extended +%s):\n%s", tc.name, diff)
			}
		})
	}
}

// reduced returns e with the given fields only, and without times.
func reduced(e conntrack.Entry, has conntrack.Fields) conntrack.Entry {
	e.Start, e.Stop = conntrack.Stamp{}, conntrack.Stamp{}
	e.Timeout, e.Delta, e.Use = 0, 0, 0
	if has&conntrack.HasID == 0 {
		e.ID = 0
	}
	if has&conntrack.HasMark == 0 {
		e.Mark = 0
	}
	if has&conntrack.HasOrigCount == 0 {
		e.OrigCount, e.ReplyCount = conntrack.Counters{}, conntrack.Counters{}
	}
	e.Has &= has
	return e
}
