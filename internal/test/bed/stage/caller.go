//go:build linux

package stage

import (
	"crypto/tls"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Caller is one identity that calls a pod over mTLS, at an address of its
// own, as a workload in the mesh has.
type Caller struct {
	At   netip.AddrPort // source to bind, port 0
	File string         // certificate and key
	TLS  *tls.Config
}

// MostBody keeps captures of hundreds of exchanges small: what is encrypted
// does not pack.
const MostBody = 400

// callerNames differ in length, and so does what the proxy makes of them.
var callerNames = [...]string{"web", "checkout-frontend", "nightly-report-batch-worker"}

// Identities makes the callers on the client's host.
func (b *Bed) Identities(ca *mesh.Authority) ([]Caller, error) {
	at, err := b.Addresses(len(callerNames))
	if err != nil {
		return nil, err
	}
	var out []Caller
	for i, name := range callerNames {
		file, err := ca.Issue(name)
		if err != nil {
			return nil, err
		}
		cfg, err := ca.Load(file)
		if err != nil {
			return nil, err
		}
		out = append(out, Caller{At: at[i], File: file, TLS: cfg})
	}
	return out, nil
}

// SecurePod makes pod b with an mTLS sidecar, and its callers.
func (b *Bed) SecurePod(s mesh.Sidecar, record func(*Bed, *world.Host) error) ([]Caller, *mesh.Authority, error) {
	srv := b.Host("b")
	ca, cert, err := b.Workload("b")
	if err != nil {
		return nil, nil, err
	}
	who, err := b.Identities(ca)
	if err != nil {
		return nil, nil, err
	}
	if err := b.InboundApp(); err != nil {
		return nil, nil, err
	}
	s.TLSIn, s.CA, s.Strip = cert, ca.File, true
	if _, err := b.Inject(srv, mesh.IstioDefaults(), s); err != nil {
		return nil, nil, err
	}
	return who, ca, record(b, srv)
}

// PeerScript is the requests of a sidecar that calls for its application: all
// with a request id. Sizes of bodies are like those of an API.
func (b *Bed) PeerScript(who string, n int) []app.Call {
	calls := b.ScriptOf(who, n, true, MostBody)
	for i := range calls {
		calls[i].Target += "&instance=svc-b-7d4f9c-x2kq"
	}
	return calls
}
