package conntrack_test

import (
	"fmt"
	"io"
	"log"
	"strings"

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
		fmt.Printf("%v to %v was answered by %v, for %d ms\n", e.Orig.Src, e.Orig.Dst, e.Reply.Src, max(s.To.Nanos-s.From.Nanos, 0)/1e6)
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
		fmt.Printf("line %d: to %v, redirected: %v, answered: %v", event.Line.Number, e.Orig.Dst, e.NAT(), e.Status&conntrack.SeenReply != 0)
		if e.Has&conntrack.HasOrigCount != 0 {
			fmt.Printf(", %d bytes sent", e.OrigCount.Bytes)
		}
		if e.Has&conntrack.HasMark != 0 {
			fmt.Printf(", mark %d", e.Mark)
		}
		fmt.Println()
	}
	n, first := reader.Malformed()
	fmt.Println(reader.Lines(), "lines,", reader.Skipped(), "skipped,", n, "malformed:")
	fmt.Println(first[0].Line, first[0].Why)
	// Output:
	// line 2: to 10.96.10.2:80, redirected: true, answered: true, 420 bytes sent, mark 1337
	// line 3: to 10.96.0.10:53, redirected: false, answered: false
	// 4 lines, 1 skipped, 1 malformed:
	// 4 bad dst "10.96.1"
}
