package sockets_test

import (
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// Who is at the two ends of a connection that iptables redirected, and who takes
// connections to a port?
func ExampleTable() {
	r := sockets.NewReader(strings.NewReader(`
State Recv-Q Send-Q    Local Address:Port    Peer Address:Port Process
ESTAB 0      0      10.244.1.5:42604 10.96.0.10:80    users:(("curl",pid=40,fd=5))
ESTAB 0      0       127.0.0.1:15001 10.244.1.5:42604 users:(("envoy",pid=17,fd=7))
LISTEN 0     4096      0.0.0.0:15006      0.0.0.0:*     users:(("envoy",pid=17,fd=9))
`))
	var t sockets.Table
	for {
		s, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		t.Add(s)
	}
	pod, proxy := netip.MustParseAddrPort("10.244.1.5:42604"), netip.MustParseAddrPort("127.0.0.1:15001")
	dialled := netip.MustParseAddrPort("10.96.0.10:80")
	app, _ := t.Owner(pod, dialled)
	taken, _ := t.Owner(proxy, pod)
	fmt.Println(app.Processes[0].Name, "through", taken.Processes[0].Name)
	l, _ := t.Listener(netip.MustParseAddrPort("10.244.1.5:15006"))
	fmt.Println(l.Local, l.State, l.Processes[0].Name)
	// Output:
	// curl through envoy
	// 0.0.0.0:15006 LISTEN envoy
}

// What ss, lsof, netstat and the kernel write may follow each other. The reader
// tells them apart line by line; what a form does not say is -1, 0 or empty.
func ExampleReader() {
	r := sockets.NewReader(strings.NewReader(`
ESTAB 0 0 10.244.1.5:37002 10.96.0.10:80 users:(("envoy",pid=17,fd=7)) uid:1337 ino:34086 sk:5 fwmark:0x539
curl 40 root 5u IPv4 34090 0t0 TCP 10.244.1.5:42604->10.96.0.10:80 (ESTABLISHED)
tcp 0 0 0.0.0.0:15006 0.0.0.0:* LISTEN 17/envoy
 0: 0100007F:3A98 00000000:0000 0A 00000000:00000000 00:00000000 00000000 1337 0 34100 1 0000000020b42e53 100 0 0 10 0
tcp 0 0 httpbin.shop:http 0.0.0.0:* LISTEN 40/python
`))
	for {
		s, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("line %d: %s %s uid %d inode %d mark %d", s.Line, s.State, s.Local, s.UID, s.Inode, s.Mark)
		for _, p := range s.Processes {
			fmt.Printf(", %s %d has it as %d", p.Name, p.PID, p.FD)
		}
		fmt.Println()
	}
	show := func(m sockets.Malformed) {
		fmt.Printf("%d of %d cannot be read: %s\n  %s\n", m.Line, r.Lines(), m.Why, m.Text)
	}
	_, first := r.Malformed()
	for _, m := range first {
		show(m)
	}
	// Output:
	// line 2: ESTABLISHED 10.244.1.5:37002 uid 1337 inode 34086 mark 1337, envoy 17 has it as 7
	// line 3: ESTABLISHED 10.244.1.5:42604 uid 0 inode 34090 mark 0, curl 40 has it as 5
	// line 4: LISTEN 0.0.0.0:15006 uid -1 inode 0 mark 0, envoy 17 has it as -1
	// line 5: LISTEN 127.0.0.1:15000 uid 1337 inode 34100 mark 0
	// 6 of 6 cannot be read: the port of "httpbin.shop:http" is not a number
	//   tcp 0 0 httpbin.shop:http 0.0.0.0:* LISTEN 40/python
}

// What do the connections of a pod wait for? Many in CLOSE-WAIT mean that the
// application does not close what its clients have closed.
func ExampleState() {
	r := sockets.NewReader(strings.NewReader(`
LISTEN     0 4096    0.0.0.0:15006      0.0.0.0:*
SYN-SENT   0 1    10.244.1.5:42600  10.96.0.99:80
ESTAB      0 0    10.244.1.5:42604  10.96.0.10:80
CLOSE-WAIT 1 0    10.244.1.5:8080   10.244.2.1:50100
CLOSE-WAIT 1 0    10.244.1.5:8080   10.244.2.1:50102
FIN-WAIT-2 0 0    10.244.1.5:42606  10.96.0.10:80
TIME-WAIT  0 0    10.244.1.5:42608  10.96.0.10:80
`))
	phase := func(s sockets.State) string {
		switch s {
		case sockets.Listen:
			return "listening"
		case sockets.SynSent, sockets.SynReceived:
			return "in the handshake"
		case sockets.Established:
			return "open"
		case sockets.CloseWait:
			return "closed by the peer alone"
		case sockets.FinWait1, sockets.FinWait2, sockets.Closing, sockets.LastAck, sockets.TimeWait:
			return "being closed"
		case sockets.Closed:
			return "closed"
		}
		return "unknown"
	}
	count := make(map[string]int)
	for {
		s, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		count[phase(s.State)]++
	}
	fmt.Println(count)
	// Output:
	// map[being closed:2 closed by the peer alone:2 in the handshake:1 listening:1 open:1]
}
