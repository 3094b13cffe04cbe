package conntrack_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

// spans applies all lines of the given files and returns the spans in words.
func spans(t *testing.T, files ...string) []string {
	t.Helper()
	var got []string
	table := conntrack.NewTable(func(s *conntrack.Span) { got = append(got, inWords(s)) })
	for i, f := range files {
		r := conntrack.NewReader(strings.NewReader(f))
		for _, e := range read(t, r) {
			e.Line += 100 * i // so that it says which file
			table.Apply(&e)
		}
	}
	table.Close()
	return got
}

// inWords returns the client's port, the state and what is known of the time.
func inWords(s *conntrack.Span) string {
	at := func(s conntrack.Stamp) string {
		switch {
		case !s.Known():
			return "?"
		case s.Local:
			return fmt.Sprintf("~%d", int64(s.Time)/1e9)
		}
		return fmt.Sprint(int64(s.Time) / 1e9)
	}
	b := fmt.Sprintf("%d %s [%s,%s]", s.Entry.Orig.Src.Port(), s.Entry.State, at(s.From), at(s.To))
	for _, f := range []struct {
		is   bool
		name string
	}{{s.Created, "created"}, {s.Destroyed, "destroyed"}, {s.Replaced, "replaced"}, {s.Userspace, "userspace"}} {
		if f.is {
			b += " " + f.name
		}
	}
	b += fmt.Sprintf(" lines %d-%d", s.First, s.Last)
	if s.LastAt.Known() {
		b += fmt.Sprintf(" shown %s-%s", at(s.FirstAt), at(s.LastAt))
	}
	return b
}

const (
	ends7    = "src=1.1.1.1 dst=1.1.1.2 sport=7 dport=80 src=127.0.0.1 dst=1.1.1.1 sport=15001 dport=7"
	ends7too = "src=1.1.1.1 dst=1.1.1.2 sport=7 dport=80 src=1.1.1.2 dst=1.1.1.1 sport=80 dport=7"
	ends8    = "src=1.1.1.1 dst=1.1.1.2 sport=8 dport=80 src=127.0.0.1 dst=1.1.1.1 sport=15001 dport=8"
)

func at(sec int, tag, rest string) string {
	return fmt.Sprintf("[%d.000000]\t%s tcp 6 %s\n", 1795000000+sec, tag, rest)
}

func TestTable(t *testing.T) {
	for _, tc := range []struct {
		name  string
		files []string
		want  []string
	}{
		{"a life", []string{at(1, "[NEW]", "120 SYN_SENT "+ends7) + at(2, "[UPDATE]", "9 ESTABLISHED "+ends7) + at(3, "[DESTROY]", ends7)},
			[]string{"7 ESTABLISHED [1795000001,1795000003] created destroyed lines 1-3 shown 1795000001-1795000003"}},
		{"alive at the end, in order", []string{at(1, "[NEW]", ends8) + at(2, "[NEW]", ends7)},
			[]string{"8  [1795000001,?] created lines 1-1 shown 1795000001-1795000001", "7  [1795000002,?] created lines 2-2 shown 1795000002-1795000002"}},
		{"without times", []string{"[NEW] tcp 6 " + ends7 + "\n[DESTROY] tcp 6 " + ends7 + "\n"},
			[]string{"7  [?,?] created destroyed lines 1-2"}},
		{"from before", []string{at(2, "[UPDATE]", "9 FIN_WAIT "+ends7) + at(3, "[DESTROY]", ends7)},
			[]string{"7 FIN_WAIT [?,1795000003] destroyed lines 1-2 shown 1795000002-1795000003"}},
		{"nothing but the end", []string{at(3, "[DESTROY]", ends7+" [start=Sat Nov 21 08:19:51 2026] [USERSPACE] portid=1")},
			[]string{"7  [~1795249191,1795000003] destroyed userspace lines 1-1 shown 1795000003-1795000003"}},
		{"the port again", []string{at(1, "[NEW]", ends7) + at(2, "[DESTROY]", ends7) + at(3, "[NEW]", ends7too) + at(4, "[DESTROY]", ends7too)},
			[]string{"7  [1795000001,1795000002] created destroyed lines 1-2 shown 1795000001-1795000002", "7  [1795000003,1795000004] created destroyed lines 3-4 shown 1795000003-1795000004"}},
		{"an end that was not shown", []string{at(1, "[NEW]", ends7) + at(3, "[NEW]", ends7)},
			[]string{"7  [1795000001,1795000003] created replaced lines 1-1 shown 1795000001-1795000001", "7  [1795000003,?] created lines 2-2 shown 1795000003-1795000003"}},
		{"another id", []string{at(1, "[NEW]", ends7+" id=1") + at(3, "[UPDATE]", ends7+" id=2")},
			[]string{"7  [1795000001,1795000003] created replaced lines 1-1 shown 1795000001-1795000001", "7  [?,?] lines 2-2 shown 1795000003-1795000003"}},
		{"the end of the one before comes late", []string{at(2, "[NEW]", ends7+" id=2") + at(3, "[DESTROY]", ends7+" id=1") + at(4, "[DESTROY]", ends7+" id=2")},
			[]string{"7  [?,1795000003] destroyed lines 2-2 shown 1795000003-1795000003", "7  [1795000002,1795000004] created destroyed lines 1-3 shown 1795000002-1795000004"}},
		{"a list alone", []string{"tcp 6 9 TIME_WAIT " + ends7 + " use=1\ntcp 6 " + ends8 + "\n"},
			[]string{"7 TIME_WAIT [?,?] lines 1-1", "8  [?,?] lines 2-2"}},
		{"a list with start", []string{"tcp 6 9 TIME_WAIT " + ends7 + " [start=Sat Nov 21 08:19:51 2026]\n"},
			[]string{"7 TIME_WAIT [~1795249191,?] lines 1-1"}},
		{"a list after events", []string{at(1, "[NEW]", ends7), "tcp 6 9 CLOSE " + ends7 + " [start=Sat Nov 21 08:19:51 2026]\ntcp 6 " + ends8 + "\n"},
			[]string{"7 CLOSE [1795000001,?] created lines 1-101 shown 1795000001-1795000001", "8  [?,?] lines 102-102"}},
		{"two lists, another reply", []string{"tcp 6 " + ends7 + "\n", "tcp 6 " + ends7too + "\n"},
			[]string{"7  [?,?] replaced lines 1-1", "7  [?,?] lines 101-101"}},
		{"zones", []string{"tcp 6 " + ends7 + " zone=1\ntcp 6 " + ends7 + " zone=2\n" + at(1, "[DESTROY]", ends7+" zone=2")},
			[]string{"7  [?,1795000001] destroyed lines 2-3 shown 1795000001-1795000001", "7  [?,?] lines 1-1"}},
		{"zones of one direction", []string{"tcp 6 " + ends7 + " zone-reply=8\n" + strings.Replace("tcp 6 "+ends7, " src=127", " zone-orig=7 src=127", 1) + "\n"},
			[]string{"7  [?,?] lines 1-1", "7  [?,?] lines 2-2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, spans(t, tc.files...)); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
		})
	}
}

// What earlier lines said stays unless a later one says otherwise.
func TestTableMerges(t *testing.T) {
	const in = "[NEW] tcp 6 120 SYN_SENT " + ends7 + " mark=5 secctx=a use=1 id=3\n" +
		"[UPDATE] tcp 6 ESTABLISHED " + ends7 + " [ASSURED] mark=6\n" +
		"tcp 6 10 " + ends7 + " [ASSURED] zone=0 labels=blue\n"
	var got conntrack.Entry
	table := conntrack.NewTable(func(s *conntrack.Span) { got = s.Entry })
	for _, e := range readBytes(t, []byte(in)) {
		table.Apply(&e)
	}
	table.Close()
	want := conntrack.Entry{
		Orig:    tuple(6, "1.1.1.1:7", "1.1.1.2:80"),
		Reply:   tuple(6, "127.0.0.1:15001", "1.1.1.1:7"),
		Has:     conntrack.HasTimeout | conntrack.HasMark | conntrack.HasUse | conntrack.HasID | conntrack.HasZone,
		Status:  seenAssured,
		State:   "ESTABLISHED",
		Timeout: 10, Mark: 6, SecCtx: "a", Labels: "blue", Use: 1, ID: 3,
	}
	if diff := cmp.Diff(want, got, values); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
}

// The real events of a namespace, from the first to conntrack -F: every entry
// has one life, all ends are known, and those that a program ended say so.
func TestTableOfSample(t *testing.T) {
	var all, redirected, userspace int
	table := conntrack.NewTable(func(s *conntrack.Span) {
		all++
		if !s.Created || !s.Destroyed || !s.From.Known() || s.From.Local || int64(s.To.Time) < int64(s.From.Time) {
			t.Errorf("%s: not one whole life", inWords(s))
		}
		if s.Entry.NAT() && s.Entry.Reply.Src.Port() == 15001 {
			redirected++
		}
		if s.Userspace {
			userspace++
		}
	})
	for _, e := range readBytes(t, sample(t, "events-extended.txt")) {
		table.Apply(&e)
	}
	if n := table.Len(); n != 0 {
		t.Errorf("%d entries live after conntrack -F", n)
	}
	if all != 15 || redirected != 4 || userspace != 14 {
		t.Errorf("%d spans, %d redirected, %d ended by a program; want 15, 4, 14", all, redirected, userspace)
	}
}

// churn makes event lines of connections of which few live at once.
type churn struct {
	left, live int // connections to make; that live at once
	made       int
	buf        bytes.Buffer
}

func (c *churn) Read(b []byte) (int, error) {
	for c.buf.Len() == 0 {
		if c.made >= c.left+c.live {
			return 0, io.EOF
		}
		if c.made < c.left {
			c.event("    [NEW]", "120 SYN_SENT", "[UNREPLIED] ", "", c.made)
		}
		if c.made >= c.live {
			c.event("[DESTROY]", "9 CLOSE", "", " [ASSURED] mark=0", c.made-c.live)
		}
		c.made++
	}
	return c.buf.Read(b)
}

func (c *churn) event(tag, state, unreplied, rest string, n int) {
	port, host := 1024+n%60000, n/60000
	fmt.Fprintf(&c.buf, "[%d.%06d]\t%s tcp      6 %s src=10.244.1.%d dst=10.96.10.2 sport=%d dport=80 %ssrc=127.0.0.1 dst=10.244.1.%d sport=15001 dport=%d%s\n",
		1795263508+n/1000000, n%1000000, tag, state, host, port, unreplied, host, port, rest)
}

// run reads and applies everything.
func run(t testing.TB, r io.Reader, finished func(*conntrack.Span)) *conntrack.Table {
	t.Helper()
	reader, table := conntrack.NewReader(r), conntrack.NewTable(finished)
	for {
		e, err := reader.Next()
		if err == io.EOF {
			break
		}
		table.Apply(e)
	}
	if n, first := reader.Malformed(); n != 0 {
		t.Fatal(first)
	}
	return table
}

// Memory goes with the entries that live, not with those that have lived.
func TestMemoryIsOfLiveEntries(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	table := run(t, &churn{left: 200000, live: 100}, func(*conntrack.Span) { n++ })
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 512<<10 {
		t.Errorf("%d bytes are held after 200,000 entries of which 100 live at once", grown)
	}
	if n != 200000 {
		t.Errorf("%d spans, want 200,000", n)
	}
	runtime.KeepAlive(table)
}

// forever reads the same text again and again.
type forever struct{ text, rest []byte }

func (f *forever) Read(b []byte) (int, error) {
	if len(f.rest) == 0 {
		f.rest = f.text
	}
	n := copy(b, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// Reading a line of text and applying it allocates nothing once the table has
// its size.
func TestNoAllocations(t *testing.T) {
	text, err := io.ReadAll(&churn{left: 1000, live: 50})
	if err != nil {
		t.Fatal(err)
	}
	r, table := conntrack.NewReader(&forever{text: text}), conntrack.NewTable(func(*conntrack.Span) {})
	step := func() {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		table.Apply(e)
	}
	for range 10000 {
		step()
	}
	if n := testing.AllocsPerRun(10000, step); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
}

func BenchmarkEvents(b *testing.B) {
	text, err := io.ReadAll(&churn{left: 1000000, live: 1000})
	if err != nil {
		b.Fatal(err)
	}
	lines := bytes.Count(text, []byte("\n"))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		run(b, bytes.NewReader(text), func(*conntrack.Span) { n++ })
		if n != 1000000 {
			b.Fatalf("%d spans", n)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/float64(lines)*1e6, "s/Mline")
}

func BenchmarkList(b *testing.B) {
	var text bytes.Buffer
	const lines = 1000000
	for n := range lines {
		fmt.Fprintf(&text, "tcp      6 431999 ESTABLISHED src=10.244.1.%d dst=10.96.10.2 sport=%d dport=80 packets=3 bytes=166 src=127.0.0.1 dst=10.244.1.%d sport=15001 dport=%d packets=2 bytes=112 [ASSURED] mark=0 use=1\n",
			n/60000, 1024+n%60000, n/60000, 1024+n%60000)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		run(b, bytes.NewReader(text.Bytes()), func(*conntrack.Span) { n++ }).Close()
		if n != lines {
			b.Fatalf("%d spans", n)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/lines*1e6, "s/Mline")
}

func BenchmarkXML(b *testing.B) {
	text := bytes.Repeat(sample(b, "list.xml"), 10000)
	const flows = 140000
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if n := run(b, bytes.NewReader(text), func(*conntrack.Span) {}).Len(); n != 14 {
			b.Fatalf("%d entries", n)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/flows*1e6, "s/Mflow")
}
