package role

import (
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/cluster"
)

func TestForwarders(t *testing.T) {
	const client, other, gateway, second, podA, podB = "203.0.113.5", "203.0.113.6", "10.244.3.30", "198.51.100.7", "10.244.1.1", "10.244.1.2"
	known := cluster.Networks{Pods: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}}
	tests := []struct {
		name    string
		n       cluster.Networks
		dialled [][2]string // from, to
		want    []string
	}{
		{"one address", cluster.Networks{}, [][2]string{{client, gateway}, {gateway, podA}}, []string{gateway}},
		{"two without networks", cluster.Networks{}, [][2]string{{client, gateway}, {gateway, podA}, {podA, podB}}, nil},
		{"other traffic", known, [][2]string{{client, gateway}, {gateway, podA}, {podA, podB}}, []string{gateway}},
		{"dials from another address", known, [][2]string{{client, second}, {other, second}, {gateway, podA}, {gateway, podB}}, []string{gateway, second}},
		{"two listeners", known, [][2]string{{client, gateway}, {other, second}, {gateway, podA}}, []string{gateway, second}},
		{"on the node's network", known, [][2]string{{client, second}, {second, podA}, {second, podB}}, []string{second}},
		{"no gateway", known, [][2]string{{client, podA}, {podB, podA}}, nil},
		{"only pods", known, [][2]string{{podA, podB}}, nil},
		{"two that dial", known, [][2]string{{client, second}, {podA, gateway}, {podB, gateway}}, nil},
		{"dialled from within only", known, [][2]string{{podA, gateway}, {gateway, podB}}, nil},
		{"dials out only", known, [][2]string{{client, gateway}, {gateway, other}}, nil},
		{"none to take, one to make", known, [][2]string{{podB, podA}}, nil},
		{"two that dial in beside one that does both", known, [][2]string{{client, second}, {second, podA}, {gateway, podB}}, []string{second}},
		{"two that do both", known, [][2]string{{client, gateway}, {gateway, podA}, {other, second}, {second, podB}}, []string{gateway, second}},
		{"what a gateway dials is none", known, [][2]string{{client, gateway}, {gateway, podA}, {client, podA}, {client, podB}}, []string{gateway, podB}},
		{"the eighth that dials is the gateway", known, eight(gateway, second, podA, 7), []string{gateway}},
		{"the ninth is not kept", known, eight(gateway, second, podA, 8), []string{gateway, second}},
		{"and the same ones again count once", known, append([][2]string{{client, second}, {client, second}}, eight(gateway, second, podA, 7)...), []string{gateway}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var wires traffic
			for _, d := range tt.dialled {
				wires.add(netip.MustParseAddr(d[0]), netip.MustParseAddr(d[1]), &tt.n)
			}
			var got []string
			for _, a := range wires.forwarders(&tt.n) {
				got = append(got, a.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("forwarders = %v, want %v", got, tt.want)
			}
		})
	}
}

// eight lets n clients dial an address, and then a gateway that dials a pod too.
func eight(gateway, dialled, pod string, n int) [][2]string {
	ds := [][2]string{{"203.0.113.5", gateway}}
	for i := range n {
		ds = append(ds, [2]string{"203.0.113." + strconv.Itoa(5+i), dialled})
	}
	return append(ds, [2]string{gateway, dialled}, [2]string{gateway, pod})
}
