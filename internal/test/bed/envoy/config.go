//go:build linux

package envoy

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/template"
)

// Config is what the control plane knows of one sidecar and its peers.
type Config struct {
	Pod      string
	IP       netip.Addr
	Out, In  int    // listener ports
	Cert, CA string // files; the certificate's has its key too
	Workers  int
	Strict   bool      // plaintext is not served
	Services []Service // that are called
	Ports    []Port    // of its own application

	Authz string // name of the service that is asked before each request of clients, or ""

	Gateway int  // port of an ingress gateway, which has no application, calls its only service and takes nothing else; or 0
	Proxied bool // its clients say in front who they are (PROXY protocol)

	Access, Truth, Keys string // files that it writes
}

// A Protocol is what a port speaks, as its name says in Kubernetes.
type Protocol string

// The protocols that Istio treats differently.
const (
	HTTP Protocol = "http"
	H2   Protocol = "grpc"
	TCP  Protocol = "tcp"
)

// Service is a service at one port.
type Service struct {
	Name      string
	VIP       netip.AddrPort
	Endpoints []netip.AddrPort
	Speaks    Protocol
	TLS       bool   // its pods are in the mesh
	Upgrade   bool   // it speaks HTTP/1.1, and sidecars HTTP/2 between them
	RetryOn   string // what is tried again; "": Istio's default
	Mirror    string // name of the service that gets a copy of each request, or ""
}

// Port is a port of the application that a service names.
type Port struct {
	Number int
	Speaks Protocol
}

// HTTP says whether requests are told apart.
func (p Protocol) HTTP() bool { return p != TCP }

// Host is the full name of the service.
func (s Service) Host() string { return s.Name + ".default.svc.cluster.local" }

// Cluster is Istio's name of the service's endpoints.
func (s Service) Cluster() string { return fmt.Sprintf("outbound|%d||%s", s.VIP.Port(), s.Host()) }

// SNI is what a sidecar asks for.
func (s Service) SNI() string { return fmt.Sprintf("outbound_.%d_._.%s", s.VIP.Port(), s.Host()) }

// Domains are the names under which clients call the service.
func (s Service) Domains() string {
	return list(s.Host(), s.Host()+".", s.Name, s.Name+".default.svc", s.Name+".default", s.VIP.Addr().String())
}

// ALPN is what a sidecar offers.
func (s Service) ALPN() string {
	switch {
	case s.OverH2():
		return list("istio-h2", "istio", "h2")
	case s.Speaks == HTTP:
		return list("istio-http/1.1", "istio", "http/1.1")
	}
	return list("istio-peer-exchange", "istio")
}

// OverH2 says whether a sidecar calls the service with HTTP/2.
func (s Service) OverH2() bool { return s.Speaks == H2 || s.Upgrade }

// Retried is what is tried again.
func (s Service) Retried() string {
	return cmp.Or(s.RetryOn, "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes")
}

// Cluster is Istio's name of the application's port.
func (p Port) Cluster() string { return fmt.Sprintf("inbound|%d||", p.Number) }

// Next is where the range of the port alone ends.
func (p Port) Next() int { return p.Number + 1 }

// OverH2 says whether requests to an endpoint go as HTTP/2, those of clients
// (inbound) or of the application.
func (c Config) OverH2(endpoint netip.AddrPort, inbound bool) bool {
	if inbound {
		return slices.ContainsFunc(c.Ports, func(p Port) bool { return p.Speaks == H2 && p.Number == int(endpoint.Port()) })
	}
	return slices.ContainsFunc(c.Services, func(s Service) bool { return s.OverH2() && slices.Contains(s.Endpoints, endpoint) })
}

// Shared are the ports at which services that speak HTTP are called, each of which
// is one listener.
func (c Config) Shared() []uint16 {
	var ports []uint16
	for _, s := range c.Services {
		if s.Speaks.HTTP() {
			ports = append(ports, s.VIP.Port())
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// At are the services that speak HTTP at a port.
func (c Config) At(port uint16) []Service {
	return slices.DeleteFunc(slices.Clone(c.Services), func(s Service) bool {
		return !s.Speaks.HTTP() || s.VIP.Port() != port
	})
}

// Raw are the services that speak a protocol of their own.
func (c Config) Raw() []Service {
	return slices.DeleteFunc(slices.Clone(c.Services), func(s Service) bool { return s.Speaks.HTTP() })
}

// Named is the cluster of the service of a name.
func (c Config) Named(name string) string {
	for _, s := range c.Services {
		if s.Name == name {
			return s.Cluster()
		}
	}
	return ""
}

// Metadata is what sidecars tell each other of their pods, in the length of a real
// one's: a structure of protocol buffers in base64.
func (c Config) Metadata() string {
	const plain = "ChoKCkNMVVNURVJfSUQSDBoKS3ViZXJuZXRlcwpxCgZMQUJFTFMSZyplCgoKA2FwcBIDGgFiCiYKH3NlcnZpY2UuaXN0aW8uaW8vY2Fub25pY2FsLW5hbWUSAxoB"
	return plain + strings.Repeat("Yi5kZWZhdWx0", 20-len(c.Pod)%3)
}

// Identity is the node's id.
func (c Config) Identity() string {
	return fmt.Sprintf("sidecar~%v~%s.default~default.svc.cluster.local", c.IP, c.Pod)
}

// list is words as YAML.
func list(words ...string) string {
	b, _ := json.Marshal(words) // strings always can be
	return string(b)
}

//go:embed bootstrap.yaml
var bootstrapText string

// Bootstrap is the whole configuration, as YAML.
func (c Config) Bootstrap() ([]byte, error) {
	t, err := template.New("envoy").Funcs(template.FuncMap{
		"list": list, "logs": c.logs, "refusals": c.refusals, "truth": c.truth, "chain": newChain,
	}).Parse(bootstrapText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, c); err != nil {
		return nil, fmt.Errorf("bootstrap of %s: %w", c.Pod, err)
	}
	return out.Bytes(), nil
}

// A chain is a filter chain of a listener, as the template needs it.
type chain struct {
	Config
	Name, Match string
	Way         string   // in, out, gw
	TLS         string   // ALPN list of the mTLS that it ends, or ""
	Cluster     string   // where everything goes, or ""
	Port        uint16   // where services are looked up by name, or 0
	Speaks      Protocol // HTTP, TCP
}

// newChain is called by the template, whose texts are plain strings.
func newChain(c Config, way, name, match, tls, cluster string, speaks any, port uint16) chain {
	return chain{Config: c, Way: way, Name: name, Match: match, TLS: tls, Cluster: cluster, Speaks: Protocol(fmt.Sprint(speaks)), Port: port}
}
