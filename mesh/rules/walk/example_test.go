package walk_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
	"github.com/pcapmesh/pcapmesh/mesh/rules/netfilter"
	"github.com/pcapmesh/pcapmesh/mesh/rules/walk"
)

// sidecar is some of what Istio writes.
const sidecar = `*mangle
-A PREROUTING -m connmark --mark 0x111/0xfff -j CONNMARK --restore-mark
COMMIT
*nat
-A PREROUTING -p tcp -j REDIRECT --to-ports 15006
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
COMMIT
*filter
-A OUTPUT -d 169.254.169.254/32 -j REJECT
COMMIT
`

// tables returns the rules of a text.
func tables(text string) []*netfilter.Table {
	set, err := rules.Parse(strings.NewReader(text))
	if n, first := set.Malformed(); n > 0 {
		err = errors.Join(err, first[0])
	}
	if err != nil {
		panic(err)
	}
	return set.Tables
}

func tuple(src, dst string) tcpip.Tuple {
	return tcpip.Tuple{Proto: tcpip.ProtoTCP, Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst)}
}

// The application dials a service, and the rules send it to the proxy.
func ExampleWalk() {
	t := walk.Walk(tables(sidecar), walk.Packet{Tuple: tuple("10.244.1.10:40000", "10.96.10.1:80"), Out: "eth0", UID: 1000, GID: 1000})
	fmt.Println(t.Path())
	fmt.Println(t.Outcome, t.Dst)
	fmt.Println("received by lo:", t.Looped)
	// Output:
	// OUTPUT → ISTIO_OUTPUT (rule 2) → ISTIO_REDIRECT
	// redirected 127.0.0.1:15001
	// received by lo: true
}

// What the kernel knows of a connection already is part of its packet: its state,
// its mark, and the address of the interface that it came in by.
func ExamplePacket() {
	first := walk.Packet{Tuple: tuple("192.0.2.10:40112", "10.96.10.1:80"), In: "tap0", InAddr: netip.MustParseAddr("10.0.2.1")}
	later := first
	later.State, later.ConnMark = "ESTABLISHED", 0x111
	for _, p := range []walk.Packet{first, later} {
		t := walk.Walk(tables(sidecar), p)
		fmt.Printf("%v, to %v, mark %#x\n", t.Outcome, t.Dst, t.Mark)
	}
	// Output:
	// redirected, to 10.0.2.1:15006, mark 0x0
	// untouched, to 10.96.10.1:80, mark 0x111
}

// What becomes of the connections of an application.
func ExampleOutcome() {
	became := make(map[walk.Outcome][]netip.AddrPort)
	for _, dst := range []string{"10.96.10.1:80", "10.96.10.2:80", "169.254.169.254:80"} {
		t := walk.Walk(tables(sidecar), walk.Packet{Tuple: tuple("10.244.1.10:40000", dst), Out: "eth0", UID: 1337, GID: 1337})
		became[t.Outcome] = append(became[t.Outcome], t.Packet.Dst)
	}
	for _, o := range []walk.Outcome{walk.Untouched, walk.Redirected, walk.Dropped} {
		fmt.Println(o, became[o])
	}
	// Output:
	// untouched [10.96.10.1:80 10.96.10.2:80]
	// redirected []
	// dropped [169.254.169.254:80]
}

// Which rules applied, and what each of them did.
func ExampleStep() {
	t := walk.Walk(tables(sidecar), walk.Packet{Tuple: tuple("10.244.1.10:40000", "10.96.10.1:80"), Out: "eth0", UID: 1000, GID: 1000})
	show := func(s walk.Step) {
		fmt.Printf("%s: %s %s %d: %s (%s)\n", s.Hook, s.Table, s.Chain, s.Rule, s.Target, s.Text)
	}
	for _, s := range t.Steps {
		show(s)
	}
	// Output:
	// OUTPUT: nat OUTPUT 1: ISTIO_OUTPUT (-j ISTIO_OUTPUT)
	// OUTPUT: nat ISTIO_OUTPUT 2: ISTIO_REDIRECT (-j ISTIO_REDIRECT)
	// OUTPUT: nat ISTIO_REDIRECT 1: REDIRECT (-p tcp -j REDIRECT --to-ports 15001)
}

// What captures show of a connection whose two directions look like two, and
// which of the tuples captured do not belong to it.
func ExampleSight() {
	t := walk.Walk(tables(sidecar), walk.Packet{Tuple: tuple("10.244.1.10:40000", "10.96.10.1:80"), Out: "eth0", UID: 1000, GID: 1000})
	show := func(s walk.Sight) { fmt.Println(s.Interface, s.Request, "|", s.Reply, "torn:", s.Torn()) }
	for _, s := range t.Sights() {
		show(s)
	}
	fmt.Println(t.Strays([]tcpip.Tuple{tuple("10.244.1.10:40000", "127.0.0.1:15001"), tuple("10.244.1.10:40000", "127.0.0.1:15006")}))
	// Output:
	// lo 10.244.1.10:40000 > 127.0.0.1:15001 | 10.96.10.1:80 > 10.244.1.10:40000 torn: true
	// [10.244.1.10:40000 > 127.0.0.1:15006]
}
