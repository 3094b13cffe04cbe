package walk_test

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/istio"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

func tuple(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

// The application dials a service, and a sidecar's rules send it to the proxy.
func ExampleWalk() {
	a := istio.DefaultArgs()
	t := walk.Walk(a.Tables(), walk.Packet{Tuple: tuple("10.244.1.10:40000", "10.96.10.1:80"), Out: "eth0", UID: 1000, GID: 1000})
	fmt.Println(t.Path())
	for _, s := range t.Steps {
		fmt.Println(s.Table, s.Chain, s.Rule, s.Target)
	}
	fmt.Println(t.Outcome, t.Dst)
	fmt.Println("received by lo:", t.Looped)
	// Output:
	// OUTPUT → ISTIO_OUTPUT (rule 9) → ISTIO_REDIRECT
	// nat OUTPUT 1 ISTIO_OUTPUT
	// nat ISTIO_OUTPUT 9 ISTIO_REDIRECT
	// nat ISTIO_REDIRECT 1 REDIRECT
	// redirected 127.0.0.1:15001
	// received by lo: true
}

// What the kernel knows of a connection already is part of its packet: its state,
// its mark, and the address of the interface that it came in by.
func ExamplePacket() {
	set, err := rules.Parse(strings.NewReader(`*mangle
-A PREROUTING -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark
COMMIT
*nat
-A PREROUTING -p tcp -j REDIRECT --to-ports 15006
COMMIT
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	first := walk.Packet{Tuple: tuple("192.0.2.10:40112", "10.96.10.1:80"), In: "tap0", InAddr: netip.MustParseAddr("10.0.2.1")}
	later := first
	later.State, later.ConnMark = "ESTABLISHED", 0x111
	for _, p := range []walk.Packet{first, later} {
		t := walk.Walk(set.Tables, p)
		fmt.Printf("%v, to %v, mark %#x\n", t.Outcome, t.Dst, t.Mark)
	}
	// Output:
	// redirected, to 10.0.2.1:15006, mark 0x0
	// untouched, to 10.96.10.1:80, mark 0x111
}

// What captures show of a connection whose two directions look like two, and
// which of the tuples captured do not belong to it.
func ExampleTrace_Sights() {
	a := istio.DefaultArgs()
	t := walk.Walk(a.Tables(), walk.Packet{Tuple: tuple("10.244.1.10:40000", "10.96.10.1:80"), Out: "eth0", UID: 1000, GID: 1000})
	for _, s := range t.Sights() {
		fmt.Println(s.Interface, s.Request, "|", s.Reply, "torn:", s.Torn())
	}
	fmt.Println(t.Strays([]tcpip.Tuple{tuple("10.244.1.10:40000", "127.0.0.1:15001"), tuple("10.244.1.10:40000", "127.0.0.1:15006")}))
	// Output:
	// lo 10.244.1.10:40000 > 127.0.0.1:15001 | 10.96.10.1:80 > 10.244.1.10:40000 torn: true
	// [10.244.1.10:40000 > 127.0.0.1:15006]
}
