//go:build linux

package mesh

// Interception is what Istio's init container is told about a pod.
type Interception struct {
	UID          int // of the proxy; its gid is the same
	Out, In      int // listener ports of the proxy
	ExcludeIn    []int
	ExcludeOut   []int
	ExcludeCIDRs []string // outbound destinations that keep clear of the proxy
	Resolver     string   // the pod's DNS server, if the agent takes its queries; else ""
	Mode         Mode
}

// Mode is how connections are brought to the proxy.
type Mode int

// The modes of Istio, and that of its ambient pods.
const (
	ModeRedirect Mode = iota // nat REDIRECT, both ways
	ModeTProxy               // inbound by TPROXY, outbound as before
	ModeAmbient              // the rules of ambient pods
)

// IstioDefaults is what the init container is told where nobody says otherwise.
func IstioDefaults() Interception {
	return Interception{UID: 1337, Out: 15001, In: 15006, ExcludeIn: []int{15090, 15021, 15020}}
}

// TProxyDefaults are the defaults where inbound connections are taken by TPROXY.
func TProxyDefaults() Interception {
	rules := IstioDefaults()
	rules.Mode = ModeTProxy
	return rules
}
