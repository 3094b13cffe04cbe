package profile_test

import (
	"fmt"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

func ExampleOutboundAdvice() {
	list, err := profile.OutboundAdvice(&profile.CaptureQuestion{
		PodAddrs: []netip.Addr{netip.MustParseAddr("10.244.1.10")},
		Ports:    []uint16{80},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range list {
		fmt.Printf("tcpdump -i %s '%s'\n", a.Interface, a.Filter)
	}
	// Output:
	// tcpdump -i eth0 'tcp and host 10.244.1.10 and not port (15020 or 15021 or 15090 or 15010 or 15012 or 15014 or 15017)'
	// tcpdump -i lo 'tcp and ((src host 10.244.1.10 and dst host 127.0.0.1 and dst port 15001) or (src host 127.0.0.1 and src port 15001 and dst host 10.244.1.10) or (dst host 10.244.1.10 and not src host (10.244.1.10 or 127.0.0.6 or 127.0.0.1) and src port 80))'
}
