// Package istio makes the firewall rules of an Istio sidecar from the arguments
// of its init container, as istio-iptables does: the same rules in the same
// order.
//
//	a := istio.DefaultArgs()
//	a.RedirectDNS = true
//	for _, t := range a.Tables() {
//		fmt.Println(t.Family, t.Name)
//	}
//
// A [Reader] finds such arguments in the lines of a manifest, a command line or
// the log of the container.
//
// Networks that cannot be read are left out, as istio-iptables does. What the
// node's agent of ambient mode writes is not made here.
package istio
