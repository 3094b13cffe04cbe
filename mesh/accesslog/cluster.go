package accesslog

import (
	"strconv"
	"strings"
)

// A Cluster is the name Istio gives to an upstream, taken apart. It is
// comparable; the zero Cluster is none.
//
// Names are "outbound|8000|v1|httpbin.foo.svc.cluster.local",
// "inbound|8080||" (before Istio 1.8 "inbound|8080|http|host"), or one of
// PassthroughCluster, BlackHoleCluster and InboundPassthroughCluster, the last
// also with Ipv4 or Ipv6 at its end.
type Cluster struct {
	Direction string // outbound, inbound, inbound-vip …; "" for those with a fixed name
	Port      uint16 // of the service
	Subset    string // for inbound before 1.8 the name of the port
	Host      string // of the service; "" inbound since 1.8
	Fixed     string // PassthroughCluster, BlackHoleCluster …; "" for the others
}

// ParseCluster takes apart the name of a cluster. A ";" at its end, where
// Istio ends the part that goes into statistics, is no part of the name.
func ParseCluster(name string) (c Cluster, ok bool) {
	name = strings.TrimSuffix(name, ";")
	switch name {
	case "PassthroughCluster", "BlackHoleCluster",
		"InboundPassthroughCluster", "InboundPassthroughClusterIpv4", "InboundPassthroughClusterIpv6":
		return Cluster{Fixed: name}, true
	}
	return splitCluster(name)
}

// splitCluster reads direction, port, subset and host.
func splitCluster(name string) (c Cluster, ok bool) {
	direction, rest, ok1 := strings.Cut(name, "|")
	number, rest, ok2 := strings.Cut(rest, "|")
	subset, host, ok3 := strings.Cut(rest, "|")
	port, err := strconv.ParseUint(number, 10, 16)
	if !ok1 || !ok2 || !ok3 || err != nil || direction == "" || number[0] == '+' {
		return Cluster{}, false
	}
	return Cluster{Direction: direction, Port: uint16(port), Subset: subset, Host: host}, true
}
