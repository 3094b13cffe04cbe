package conntrack_test

import (
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh/conntrack"
)

// Who really answered a connection, and how long it was in the table.
func Example() {
	events := strings.NewReader(`[1795263508.290581]	    [NEW] tcp      6 120 SYN_SENT src=10.244.1.10 dst=10.96.10.2 sport=40002 dport=80 [UNREPLIED] src=127.0.0.1 dst=10.244.1.10 sport=15001 dport=40002
[1795263508.290602]	 [UPDATE] tcp      6 60 SYN_RECV src=10.244.1.10 dst=10.96.10.2 sport=40002 dport=80 src=127.0.0.1 dst=10.244.1.10 sport=15001 dport=40002
[1795263508.290653]	    [NEW] tcp      6 120 SYN_SENT src=10.244.2.1 dst=10.244.1.10 sport=50100 dport=8080 [UNREPLIED] src=10.244.1.10 dst=10.244.2.1 sport=15006 dport=50100
[1795263508.386231]	[DESTROY] tcp      6 src=10.244.1.10 dst=10.96.10.2 sport=40002 dport=80 src=127.0.0.1 dst=10.244.1.10 sport=15001 dport=40002 [ASSURED]
`)
	table := conntrack.NewTable(func(s *conntrack.Span) {
		e := &s.Entry
		fmt.Printf("%v to %v was answered by %v, for %d ms\n", e.Orig.Src, e.Orig.Dst, e.Reply.Src, max(s.To.Time.Sub(s.From.Time), 0).Milliseconds())
	})
	reader := conntrack.NewReader(events)
	for {
		e, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		table.Apply(e)
	}
	table.Close()
	// Output:
	// 10.244.1.10:40002 to 10.96.10.2:80 was answered by 127.0.0.1:15001, for 95 ms
	// 10.244.2.1:50100 to 10.244.1.10:8080 was answered by 10.244.1.10:15006, for 0 ms
}

// What an entry has beside its tuples depends on how it was printed: Has tells.
// What is no entry is passed over, and what should be one and is none counted.
func ExampleReader() {
	list := strings.NewReader(`$ conntrack -L
tcp 6 431999 ESTABLISHED src=10.244.1.10 dst=10.96.10.2 sport=40002 dport=80 packets=6 bytes=420 src=127.0.0.1 dst=10.244.1.10 sport=15001 dport=40002 packets=5 bytes=1212 [ASSURED] mark=1337 use=1
udp 17 29 src=10.244.1.10 dst=10.96.0.10 sport=5353 dport=53 [UNREPLIED] src=10.96.0.10 dst=10.244.1.10 sport=53 dport=5353
tcp 6 431999 ESTABLISHED src=10.244.1.10 dst=10.96.1
`)
	var sent conntrack.Counters
	reader := conntrack.NewReader(list)
	for {
		event, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		e := &event.Entry
		fmt.Printf("line %d: to %v, redirected: %v, answered: %v", event.Line, e.Orig.Dst, e.NAT(), e.Status&conntrack.SeenReply != 0)
		if e.Has&conntrack.HasOrigCount != 0 {
			sent.Packets += e.OrigCount.Packets
			sent.Bytes += e.OrigCount.Bytes
		}
		if e.Has&conntrack.HasMark != 0 {
			fmt.Printf(", mark %d", e.Mark)
		}
		fmt.Println()
	}
	fmt.Println(sent.Packets, "packets and", sent.Bytes, "bytes counted")
	show := func(m conntrack.Malformed) { fmt.Printf("line %d: %s in %q\n", m.Line, m.Why, m.Text) }
	n, first := reader.Malformed()
	fmt.Println(reader.Lines(), "lines,", reader.Skipped(), "skipped,", n, "malformed:")
	for _, m := range first {
		show(m)
	}
	// Output:
	// line 2: to 10.96.10.2:80, redirected: true, answered: true, mark 1337
	// line 3: to 10.96.0.10:53, redirected: false, answered: false
	// 6 packets and 420 bytes counted
	// 4 lines, 1 skipped, 1 malformed:
	// line 4: bad dst "10.96.1" in "tcp 6 431999 ESTABLISHED src=10.244.1.10 dst=10.96.1"
}

// The same connection in all forms that conntrack and the kernel print. Each
// says something that the others do not.
func ExampleEntry() {
	forms := []string{
		// conntrack -L, and with -o extended,id,ktimestamp,labels
		"tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 packets=6 bytes=420 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 packets=5 bytes=1212 [ASSURED] mark=7 use=1",
		"ipv4 2 tcp 6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 zone-orig=3 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 [HW_OFFLOAD] mark=7 delta-time=9 [start=Sat Nov 21 08:19:51 2026] [stop=Sat Nov 21 08:20:00 2026] helper=ftp use=1 id=5 labels=blue,green",
		// conntrack -L -o save
		"-A -t 431999 -u EXPECTED,SEEN_REPLY,ASSURED,FIXED_TIMEOUT -c 9 --reply-zone 8 -s 10.0.0.1 -d 10.0.0.2 -r 10.0.0.2 -q 10.0.0.1 -p tcp --sport 1000 --dport 80 --reply-port-src 80 --reply-port-dst 1000 --state ESTABLISHED",
		// conntrack -L -o xml
		`<flow><meta direction="original"><layer3><src>10.0.0.1</src><dst>10.0.0.2</dst></layer3><layer4 protonum="6"><sport>1000</sport><dport>80</dport></layer4></meta>` +
			`<meta direction="reply"><layer3><src>10.0.0.2</src><dst>10.0.0.1</dst></layer3><layer4 protonum="6"><sport>80</sport><dport>1000</dport></layer4></meta>` +
			`<meta direction="independent"><state>ESTABLISHED</state><id>5</id><unreplied/><timestamp><start>1795249191921720123</start></timestamp></meta></flow>`,
		// /proc/net/nf_conntrack
		"ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 [OFFLOAD] mark=0 secctx=system_u:object_r zone=2 use=3",
	}
	flags := []struct {
		flag conntrack.Status
		name string
	}{
		{conntrack.Expected, "expected"}, {conntrack.SeenReply, "replied"}, {conntrack.Assured, "assured"},
		{conntrack.FixedTimeout, "fixed"}, {conntrack.Offload, "offloaded"}, {conntrack.HWOffload, "offloaded to hardware"},
	}
	reader := conntrack.NewReader(strings.NewReader(strings.Join(forms, "\n") + "\n"))
	for {
		event, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		e := &event.Entry
		fmt.Print(e.State)
		for _, f := range flags {
			if e.Status&f.flag != 0 {
				fmt.Printf(" %s", f.name)
			}
		}
		fmt.Printf(", zone %d\n", e.OrigZone())
		for _, f := range []struct {
			field conntrack.Fields
			name  string
			value any
		}{
			{conntrack.HasTimeout, "timeout", e.Timeout}, {conntrack.HasMark, "mark", e.Mark}, {conntrack.HasSecMark, "secmark", e.SecMark},
			{conntrack.HasZone, "zone", e.Zone}, {conntrack.HasZoneOrig, "zone-orig", e.ZoneOrig}, {conntrack.HasZoneReply, "zone-reply", e.ZoneReply},
			{conntrack.HasOrigCount, "sent", e.OrigCount}, {conntrack.HasReplyCount, "received", e.ReplyCount},
			{conntrack.HasUse, "use", e.Use}, {conntrack.HasID, "id", e.ID}, {conntrack.HasDelta, "delta-time", e.Delta},
		} {
			if e.Has&f.field != 0 {
				fmt.Printf("  %s=%v", f.name, f.value)
			}
		}
		fmt.Printf("  %q\n", []string{e.SecCtx, e.Helper, e.Labels})
		for _, at := range []conntrack.Stamp{e.Start, e.Stop} {
			if at.Known() {
				fmt.Printf("  %s, to the second: %v\n", at.Time.Time().Format(time.TimeOnly), at.Local)
			}
		}
	}
	// Output:
	// ESTABLISHED replied assured, zone 0
	//   timeout=431999  mark=7  sent={6 420}  received={5 1212}  use=1  ["" "" ""]
	// ESTABLISHED replied offloaded to hardware, zone 3
	//   timeout=431999  mark=7  zone-orig=3  use=1  id=5  delta-time=9  ["" "ftp" "blue,green"]
	//   08:19:51, to the second: true
	//   08:20:00, to the second: true
	// ESTABLISHED expected replied assured fixed, zone 0
	//   timeout=431999  secmark=9  zone-reply=8  ["" "" ""]
	// ESTABLISHED, zone 0
	//   id=5  ["" "" ""]
	//   08:19:51, to the second: false
	// ESTABLISHED replied offloaded, zone 2
	//   timeout=431999  mark=0  zone=2  use=3  ["system_u:object_r" "" ""]
}

// What the events of a table say of the lives of its entries. How much of a life
// was seen says how much its times are worth.
func ExampleTable() {
	events := strings.NewReader(`[1795263501.000000] [NEW] tcp 6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000
[1795263502.000000] [UPDATE] tcp 6 60 SYN_RECV src=10.0.0.1 dst=10.0.0.2 sport=1001 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1001
[1795263503.000000] [UPDATE] tcp 6 120 TIME_WAIT src=10.0.0.1 dst=10.0.0.2 sport=1001 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1001 [ASSURED]
[1795263504.000000] [NEW] tcp 6 120 SYN_SENT src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000
[1795263505.000000] [DESTROY] tcp 6 src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 src=10.0.0.2 dst=10.0.0.1 sport=80 dport=1000 [USERSPACE]
`)
	table := conntrack.NewTable(func(s *conntrack.Span) {
		fmt.Printf("port %d, lines %d to %d, seen for %d s:", s.Entry.Orig.Src.Port(), s.First, s.Last, s.LastAt.Time.Sub(s.FirstAt.Time)/time.Second)
		for _, f := range []struct {
			is   bool
			what string
		}{
			{s.Created, "began"}, {s.Destroyed, "ended"}, {s.Userspace, "by a program"}, {s.Replaced, "was gone when the next one began"},
		} {
			if f.is {
				fmt.Printf(" %s", f.what)
			}
		}
		fmt.Println()
	})
	count := make(map[conntrack.Kind]int)
	reader := conntrack.NewReader(events)
	for {
		e, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		count[e.Kind]++
		if e.Userspace && e.When.Known() {
			fmt.Println("a program deleted an entry; its connection may go on")
		}
		table.Apply(e)
	}
	table.Close()
	for _, k := range []conntrack.Kind{conntrack.New, conntrack.Update, conntrack.Destroy} {
		fmt.Printf("%s %d\n", k, count[k])
	}
	fmt.Println("of a list:", count[conntrack.List])
	// Output:
	// port 1000, lines 1 to 1, seen for 0 s: began was gone when the next one began
	// a program deleted an entry; its connection may go on
	// port 1000, lines 4 to 5, seen for 1 s: began ended by a program
	// port 1001, lines 2 to 3, seen for 1 s:
	// [NEW] 2
	// [UPDATE] 2
	// [DESTROY] 1
	// of a list: 0
}
