package conntrack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

// xmlFlow returns a flow of UDP from a port, with more elements of the entry.
func xmlFlow(port int, more string) string {
	return fmt.Sprintf(`<flow><meta direction="original"><layer3 protonum="2"><src>1.1.1.1</src><dst>1.1.1.2</dst></layer3><layer4 protonum="17"><sport>%[1]d</sport><dport>2</dport></layer4></meta>`+
		`<meta direction="reply"><layer3 protonum="2"><src>1.1.1.2</src><dst>1.1.1.1</dst></layer3><layer4 protonum="17"><sport>2</sport><dport>%[1]d</dport></layer4></meta>`+
		`<meta direction="independent">%[2]s</meta></flow>`, port, more)
}

// What a text holds, counted: events by line and port, and how many lines were
// read, passed over and malformed.
func TestLineCounts(t *testing.T) {
	text := func(port int) string {
		return fmt.Sprintf("udp 17 src=1.1.1.1 dst=1.1.1.2 sport=%[1]d dport=2 src=1.1.1.2 dst=1.1.1.1 sport=2 dport=%[1]d", port)
	}
	for _, tc := range []struct {
		name, in                  string
		want                      []string // line:port
		lines, skipped, malformed int
	}{
		{"one line, not ended", text(7), []string{"1:7"}, 1, 0, 0},
		{"one line", text(7) + "\n", []string{"1:7"}, 1, 0, 0},
		{"empty lines", "\n\n" + text(7) + "\n\n" + text(8) + "\n\n", []string{"3:7", "5:8"}, 6, 4, 0},
		{"byte order mark", "\ufeff" + text(7) + "\n", []string{"1:7"}, 1, 0, 0},
		{"byte order mark before a flow", "\ufeff" + xmlFlow(7, ""), []string{"1:7"}, 1, 0, 0},
		{"flows side by side", xmlFlow(7, "") + xmlFlow(8, "") + "\n" + xmlFlow(9, ""), []string{"1:7", "1:8", "2:9"}, 2, 0, 0},
		{"flows with blanks between", xmlFlow(7, "") + "  " + xmlFlow(8, "") + "\n", []string{"1:7", "1:8"}, 1, 0, 0},
		{"a flow, then text", xmlFlow(7, "") + "\n" + text(8) + "\n", []string{"1:7", "2:8"}, 2, 0, 0},
		{"a flow in lines", strings.ReplaceAll(xmlFlow(7, ""), "><", ">\n<") + "\n" + text(8), []string{"1:7", "25:8"}, 25, 0, 0},
		{"a flow in lines, with empty ones", strings.ReplaceAll(xmlFlow(7, ""), "><", ">\n\n<") + "\n", []string{"1:7"}, 47, 0, 0},
		{"a tag that is no flow's", "<conntrack>\n" + text(7) + "\n</conntrack>\n", []string{"2:7"}, 3, 2, 0},
		{"a closing tag that is no flow's", "<x>workflow></x>\n" + text(7) + "\n", []string{"2:7"}, 2, 1, 0},
		{"a flow cut by another", xmlFlow(7, "")[:100] + "\n" + xmlFlow(8, "") + "\n", []string{"2:8"}, 2, 0, 1},
		{"a flow cut by text", xmlFlow(7, "")[:100] + "\n" + text(8) + "\n", []string{"2:8"}, 2, 0, 1},
		{"a flow cut by the end", text(8) + "\n" + xmlFlow(7, "")[:100], []string{"1:8"}, 2, 0, 1},
		{"too long, then text", strings.Repeat("x", 64<<10) + "\n" + text(8) + "\n", []string{"2:8"}, 2, 0, 1},
		{"as long as may be", strings.Repeat("x", 64<<10-1) + "\n" + text(8) + "\n", []string{"2:8"}, 2, 1, 0},
		{"too long within a flow", xmlFlow(7, "")[:100] + "\n" + strings.Repeat("x", 65<<10) + "\n" + text(8) + "\n", []string{"3:8"}, 3, 0, 1},
		{"too long twice", strings.Repeat("x", 200<<10) + "\n" + strings.Repeat("y", 200<<10) + "\n" + text(8), []string{"3:8"}, 3, 0, 2},
		{"many lines", strings.Repeat(text(7)+"\n", 2000) + text(8), nil, 2001, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, r := readString(t, tc.in)
			var got []string
			for _, e := range all {
				got = append(got, fmt.Sprintf("%d:%d", e.Line, e.Entry.Orig.Src.Port()))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" && tc.want != nil {
				t.Errorf("-want +got:\n%s", diff)
			}
			if n, first := r.Malformed(); r.Lines() != tc.lines || r.Skipped() != tc.skipped || n != tc.malformed {
				t.Errorf("%d lines, %d skipped, %d malformed %v; want %d, %d, %d", r.Lines(), r.Skipped(), n, first, tc.lines, tc.skipped, tc.malformed)
			}
		})
	}
}

// Lines counts as reading goes on, a line that has not ended too.
func TestLinesWhileReading(t *testing.T) {
	r := conntrack.NewReader(strings.NewReader(with("") + with("") + xmlFlow(7, "") + xmlFlow(8, "") + "\n" + strings.TrimSpace(with(""))))
	if r.Lines() != 0 {
		t.Errorf("%d lines before the first", r.Lines())
	}
	for i, want := range []int{1, 2, 3, 3, 4} {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if r.Lines() != want || e.Line != want {
			t.Errorf("event %d on line %d of %d, want %d", i, e.Line, r.Lines(), want)
		}
	}
}

// The last line of a file that does not end may be cut in its last port.
func TestLastLineCut(t *testing.T) {
	line := func(client, last string) string {
		return "tcp 6 src=1.1.1.1 dst=1.1.1.2 sport=" + client + " dport=80 src=1.1.1.2 dst=1.1.1.1 sport=80 dport=" + last
	}
	for _, tc := range []struct {
		name, in string
		whole    bool
	}{
		{"whole", line("35628", "35628"), true},
		{"cut by one digit", line("35628", "3562"), false},
		{"cut to one digit", line("35628", "3"), false},
		{"another port", line("35628", "1024"), true},
		{"the end of the port", line("35628", "5628"), true},
		{"port 0", line("35628", "0"), true},
		{"one digit", line("7", "7"), true},
		{"more behind it", line("35628", "3562") + " mark=0", true},
		{"cut, but the line ends", line("35628", "3562") + "\n", true},
		{"save", "-A -t 1 -s 1.1.1.1 -d 1.1.1.2 -r 1.1.1.2 -q 1.1.1.1 -p tcp --sport 35628 --dport 80 --reply-port-src 80 --reply-port-dst 3562", true},
		{"no ports", "unknown 89 src=1.1.1.1 dst=1.1.1.2 src=1.1.1.2 dst=1.1.1.1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, r := readString(t, tc.in)
			if n, first := r.Malformed(); tc.whole != (len(all) == 1) || tc.whole == (n == 1) {
				t.Errorf("%d events, malformed %v; want whole: %v", len(all), first, tc.whole)
			}
		})
	}
}

// Three malformed lines are kept, cut after 200 bytes and without blanks around.
func TestMalformedText(t *testing.T) {
	for _, n := range []int{100, 181, 200, 201, 5000} {
		in := "  tcp 6 src=1 dst=2 " + strings.Repeat("y", n) + " \n"
		_, r := readString(t, in)
		_, first := r.Malformed()
		want := strings.TrimSpace(in)
		want = want[:min(len(want), 200)]
		if len(first) != 1 || first[0].Text != want || first[0].Line != 1 {
			t.Errorf("%d: %v, want %s", n, first, want)
		}
	}
}

// Everything that a flow may hold.
func TestXMLElements(t *testing.T) {
	base := one(t, xmlFlow(7, ""))
	for _, tc := range []struct {
		name, in string
		edit     func(*conntrack.Event)
	}{
		{"nothing more", xmlFlow(7, ""), func(*conntrack.Event) {}},
		{"mark and use", xmlFlow(7, "<mark>5</mark><use>6</use>"), func(e *conntrack.Event) {
			e.Entry.Mark, e.Entry.Use, e.Entry.Has = 5, 6, conntrack.HasMark|conntrack.HasUse
		}},
		{"ids", xmlFlow(7, "<id>5</id><zone>6</zone><secmark>8</secmark><deltatime>9</deltatime><timeout>10</timeout>"), func(e *conntrack.Event) {
			e.Entry.ID, e.Entry.Zone, e.Entry.SecMark, e.Entry.Delta, e.Entry.Timeout = 5, 6, 8, 9, 10
			e.Entry.Has = conntrack.HasID | conntrack.HasZone | conntrack.HasSecMark | conntrack.HasDelta | conntrack.HasTimeout
		}},
		{"the state of another protocol", xmlFlow(7, "<state>ESTABLISHED</state>"), func(*conntrack.Event) {}},
		{"flags", xmlFlow(7, "<assured/><unreplied/>"), func(e *conntrack.Event) { e.Entry.Status = conntrack.Assured }},
		{"flags with a blank", xmlFlow(7, "<assured />"), func(e *conntrack.Event) { e.Entry.Status |= conntrack.Assured }},
		{"security context", xmlFlow(7, "<secctx>a:b</secctx>"), func(e *conntrack.Event) { e.Entry.SecCtx = "a:b" }},
		{"labels", xmlFlow(7, "<labels><label>a</label><label>b</label><label></label><label>a b</label></labels>"), func(e *conntrack.Event) { e.Entry.Labels = "a,b" }},
		{"a label too long", xmlFlow(7, "<labels><label>"+strings.Repeat("x", 1020)+"</label><label>bb</label><label>ccc</label><label>d</label></labels>"), func(e *conntrack.Event) {
			e.Entry.Labels = strings.Repeat("x", 1020) + ",bb"
		}},
		{"times", xmlFlow(7, "<timestamp><start>1795249191921720123</start><stop>9223372036854775807</stop></timestamp>"), func(e *conntrack.Event) {
			e.Entry.Start, e.Entry.Stop = conntrack.Stamp{Time: 1795249191921720123}, conntrack.Stamp{Time: 9223372036854775807}
		}},
		{"helper", strings.Replace(xmlFlow(7, ""), "</flow>", "<helper>ftp</helper></flow>", 1), func(e *conntrack.Event) { e.Entry.Helper = "ftp" }},
		{"zones of the directions", strings.ReplaceAll(xmlFlow(7, ""), "</layer4>", "</layer4><zone>3</zone>"), func(e *conntrack.Event) {
			e.Entry.ZoneOrig, e.Entry.ZoneReply, e.Entry.Has = 3, 3, conntrack.HasZoneOrig|conntrack.HasZoneReply
		}},
		{"counters", strings.Replace(xmlFlow(7, ""), "</layer4>", "</layer4><counters><packets>3</packets><bytes>4</bytes></counters>", 1), func(e *conntrack.Event) {
			e.Entry.OrigCount, e.Entry.Has = conntrack.Counters{Packets: 3, Bytes: 4}, conntrack.HasOrigCount
		}},
		{"created", strings.Replace(xmlFlow(7, ""), "<flow>", `<flow type="new">`, 1), func(e *conntrack.Event) { e.Kind = conntrack.New }},
		{"changed", strings.Replace(xmlFlow(7, ""), "<flow>", `<flow type="update">`, 1), func(e *conntrack.Event) { e.Kind = conntrack.Update }},
		{"gone", strings.Replace(xmlFlow(7, ""), "<flow>", `<flow type="destroy">`, 1), func(e *conntrack.Event) { e.Kind = conntrack.Destroy }},
		{"by a program", xmlFlow(7, "") + " [USERSPACE] portid=1\n", func(e *conntrack.Event) { e.Userspace = true }},
		{"elements within an element", xmlFlow(7, "<mark>5<x/></mark><use><y>6</y></use>"), func(*conntrack.Event) {}},
		{"a text that is another element's", xmlFlow(7, "<mark>5</use>"), func(*conntrack.Event) {}},
		{"a tag of nothing", xmlFlow(7, "<><//><mark>5</mark>"), func(e *conntrack.Event) { e.Entry.Mark, e.Entry.Has = 5, conntrack.HasMark }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := base
			tc.edit(&want)
			if diff := cmp.Diff(want, one(t, tc.in), values); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// When an event was printed, in parts; what is no time is unknown.
func TestXMLWhen(t *testing.T) {
	when := func(year, month, day, hour, minute, sec string) string {
		return fmt.Sprintf("<when><hour>%s</hour><min>%s</min><sec>%s</sec><wday>7</wday><day>%s</day><month>%s</month><year>%s</year></when>", hour, minute, sec, day, month, year)
	}
	for _, tc := range []struct{ name, in, want string }{
		{"a time", when("2026", "11", "21", "17", "53", "29"), "2026-11-21 17:53:29"},
		{"first", when("1970", "1", "1", "0", "0", "1"), "1970-01-01 00:00:01"},
		{"last", when("2261", "12", "31", "23", "59", "59"), "2261-12-31 23:59:59"},
		{"too early", when("1969", "12", "31", "23", "59", "59"), ""},
		{"too late", when("2262", "1", "1", "0", "0", "0"), ""},
		{"no day", when("2026", "11", "31", "0", "0", "0"), ""},
		{"no month", when("2026", "13", "1", "0", "0", "0"), ""},
		{"no numbers", when("x", "x", "x", "x", "x", "x"), ""},
		{"nothing", "<when></when>", ""},
		{"a year too large for a number", when("65537", "1", "1", "0", "0", "0"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var want conntrack.Stamp
			if tc.want != "" {
				want = local(tc.want)
			}
			if got := one(t, strings.Replace(xmlFlow(7, ""), "</flow>", tc.in+"</flow>", 1)).When; got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// A line of -o save is known by its command.
func TestSaveCommands(t *testing.T) {
	const options = "-t 1 -s 1.1.1.1 -d 1.1.1.2 -r 1.1.1.2 -q 1.1.1.1 -p udp --sport 1 --dport 2 --reply-port-src 2 --reply-port-dst 1"
	for _, tc := range []struct {
		name, in string
		kind     conntrack.Kind
		ok       bool
	}{
		{"a list", "-A " + options, conntrack.List, true},
		{"a list, before 1.4.5", "-I " + options, conntrack.List, true},
		{"changed", "-U " + options, conntrack.Update, true},
		{"gone", "-D " + options, conntrack.Destroy, true},
		{"behind a prefix", "web-1 -A " + options, conntrack.List, true},
		{"typed", "$ conntrack -A " + options, 0, false},
		{"another command", "-L " + options, 0, false},
		{"a rule of iptables", "-A PREROUTING -p tcp -j ISTIO_INBOUND", 0, false},
		{"no options", "-A", 0, false},
		{"two blanks", "-A  " + options, 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			all, r := readString(t, tc.in+"\n")
			n, first := r.Malformed()
			if n != 0 || (len(all) == 1) != tc.ok || tc.ok && all[0].Kind != tc.kind {
				t.Errorf("%d events %v, malformed %v; want %s: %v", len(all), all, first, tc.kind, tc.ok)
			}
		})
	}
}

// All options of -o save.
func TestSaveOptions(t *testing.T) {
	const ends = "-s 1.1.1.1 -d 1.1.1.2 -g 1.1.1.3 -n 1.1.1.4 "
	for _, tc := range []struct {
		name, in    string
		orig, reply string // addresses and words
		edit        func(*conntrack.Entry)
	}{
		{"ports", ends + "-p tcp --sport 1 --dport 2 --reply-port-src 3 --reply-port-dst 4", "1.1.1.1:1 1.1.1.2:2", "1.1.1.3:3 1.1.1.4:4", func(*conntrack.Entry) {}},
		{"plain reply", "-s 1.1.1.1 -d 1.1.1.2 -r 1.1.1.3 -q 1.1.1.4 -p 17 --sport 1 --dport 2 --reply-port-src 3 --reply-port-dst 4", "1.1.1.1:1 1.1.1.2:2", "1.1.1.3:3 1.1.1.4:4", func(*conntrack.Entry) {}},
		{"keys", ends + "-p gre --srckey 1 --dstkey 0x2 --reply-key-src 3 --reply-key-dst 4", "1.1.1.1:1 1.1.1.2:2", "1.1.1.3:3 1.1.1.4:4", func(*conntrack.Entry) {}},
		{"ICMP", ends + "-p icmp --icmp-type 8 --icmp-code 1 --icmp-id 7", "1.1.1.1:7 1.1.1.2:2049", "1.1.1.3:0 1.1.1.4:0", func(*conntrack.Entry) {}},
		{"ICMPv6", ends + "-p icmpv6 --icmpv6-type 8 --icmpv6-code 1 --icmpv6-id 7", "1.1.1.1:7 1.1.1.2:2049", "1.1.1.3:0 1.1.1.4:0", func(*conntrack.Entry) {}},
		{"a protocol by number", ends + "-p 255", "1.1.1.1:0 1.1.1.2:0", "1.1.1.3:0 1.1.1.4:0", func(*conntrack.Entry) {}},
		{"numbers", ends + "-p 89 -t 5 -m 6 -c 7 -w 8", "1.1.1.1:0 1.1.1.2:0", "1.1.1.3:0 1.1.1.4:0", func(e *conntrack.Entry) {
			e.Timeout, e.Mark, e.SecMark, e.Zone = 5, 6, 7, 8
			e.Has = conntrack.HasTimeout | conntrack.HasMark | conntrack.HasSecMark | conntrack.HasZone
		}},
		{"zones", ends + "-p 89 --orig-zone 5 --reply-zone 6", "1.1.1.1:0 1.1.1.2:0", "1.1.1.3:0 1.1.1.4:0", func(e *conntrack.Entry) {
			e.ZoneOrig, e.ZoneReply, e.Has = 5, 6, conntrack.HasZoneOrig|conntrack.HasZoneReply
		}},
		{"flags", ends + "-p 89 -u EXPECTED,SEEN_REPLY,ASSURED,FIXED_TIMEOUT,OFFLOAD,HW_OFFLOAD,UNSET,DYING", "1.1.1.1:0 1.1.1.2:0", "1.1.1.3:0 1.1.1.4:0", func(e *conntrack.Entry) {
			e.Status = conntrack.Expected | conntrack.SeenReply | conntrack.Assured | conntrack.FixedTimeout | conntrack.Offload | conntrack.HWOffload
		}},
		{"state", ends + "-p 89 --state CLOSE", "1.1.1.1:0 1.1.1.2:0", "1.1.1.3:0 1.1.1.4:0", func(e *conntrack.Entry) { e.State = "CLOSE" }},
		{"no state", ends + "-p 89 --state close", "1.1.1.1:0 1.1.1.2:0", "1.1.1.3:0 1.1.1.4:0", func(*conntrack.Entry) {}},
		{"unknown options and words", ends + "-p 89 --new x word -m 6", "1.1.1.1:0 1.1.1.2:0", "1.1.1.3:0 1.1.1.4:0", func(e *conntrack.Entry) { e.Mark, e.Has = 6, conntrack.HasMark }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := one(t, "-A "+tc.in+"\n").Entry
			if s := fmt.Sprint(got.Orig.Src, " ", got.Orig.Dst); s != tc.orig {
				t.Errorf("orig %s, want %s", s, tc.orig)
			}
			if s := fmt.Sprint(got.Reply.Src, " ", got.Reply.Dst); s != tc.reply {
				t.Errorf("reply %s, want %s", s, tc.reply)
			}
			want := conntrack.Entry{Orig: got.Orig, Reply: got.Reply}
			tc.edit(&want)
			if diff := cmp.Diff(want, got, values); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	for _, tc := range []struct{ in, want string }{
		{"-A -t 1 -p nosuch " + ends, `bad protocol "nosuch"`},
		{"-A -t 1 -p 256 " + ends, `bad protocol "256"`},
		{"-A -t 1 -p 0 " + ends, "no protocol"},
		{"-A -t x -p 89 " + ends, `bad timeout "x"`},
		{"-A -t 1 -p 89 -s 1.1.1.1 -d 1.1.1.2", "no reply tuple"},
		{"-A -t 1 -p 89 -s 1.1.1.1 -g 1.1.1.2", "a tuple without address"},
	} {
		if got := why(t, tc.in+"\n"); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.in, got, tc.want)
		}
	}
}
