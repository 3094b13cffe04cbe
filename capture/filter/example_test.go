package filter_test

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

func ExampleParseNetwork() {
	n, err := filter.ParseNetwork("192.168.0.0/12")
	if err != nil {
		fmt.Println(err)
		return
	}
	first, last := n.Hosts()
	fmt.Println(n.Prefix, "hosts", first, "to", last)
	fmt.Println("bits behind the prefix:", n.HostBits())
	// Output:
	// 192.160.0.0/12 hosts 192.160.0.1 to 192.175.255.254
	// bits behind the prefix: 0.8.0.0
}

func ExampleFindNetworks() {
	list, err := filter.FindNetworks("kube-controller-manager --cluster-cidr=192.168.0.0/12,fd00:10:244::1/56 --bind-address=127.0.0.1")
	for _, n := range list {
		fmt.Println(n.Prefix)
	}
	fmt.Println(err)
	// Output:
	// 192.160.0.0/12
	// fd00:10:244::/56
	// <nil>
}

func ExampleNormalise() {
	expr, changes, err := filter.Normalise("net 192.168.0.0/12 and (port 80 or src net 10.1.2.3/8)")
	fmt.Println(expr)
	for _, c := range changes {
		fmt.Println(c.From, "->", c.To)
	}
	fmt.Println(err)
	// Output:
	// net 192.160.0.0/12 and (port 80 or src net 10.0.0.0/8)
	// 192.168.0.0/12 -> 192.160.0.0/12
	// 10.1.2.3/8 -> 10.0.0.0/8
	// <nil>
}
