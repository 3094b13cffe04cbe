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
