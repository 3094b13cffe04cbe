package graph

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/conn"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// tlsOf puts together what both halves of a connection say.
func tlsOf(x *index.Index, c *conn.Conn) flow.TLS {
	var t flow.TLS
	var client, server tls.Facts
	var flight clientFlight
	for h := range c.Halves {
		s := x.TLS(h)
		switch {
		case s == nil || !s.Facts.Known:
		case s.Facts.Hello.Client:
			client, flight = s.Facts, newClientFlight(x.UnitsOf(h))
		default:
			server = s.Facts
		}
	}
	t.SNI, t.ALPN, t.EarlyData = client.Hello.SNI, client.Hello.ALPN, client.Hello.EarlyData
	t.Version = tls.VersionName(client.Hello.Version)
	if server.Known {
		t.Version = tls.VersionName(server.Hello.Version)
	}
	t.Resumed = server.Resumed
	t.Identities = slices.Concat(client.Identities, server.Identities)
	t.Mutual, t.Reason = mutual(&client, &server, &flight)
	return t
}

// mutual reports whether the client proves who it is, and how that is known.
// Before TLS 1.3 certificates are shown. In TLS 1.3 the size of the client's
// encrypted flight tells. A resumed session shows nothing, but clients of
// Istio name themselves in ALPN.
func mutual(client, server *tls.Facts, flight *clientFlight) (yes bool, reason string) {
	switch encrypted := flight.encrypted(client, server); {
	case server.Resumed:
	case client.Presented:
		return true, "client certificate"
	case !encrypted:
		if server.Presented && !server.Missing && !client.Missing && len(flight.sizes) > 0 {
			return false, notShown[server.Requested]
		}
	case !client.Hello.EarlyData: // which would come first
		if yes, reason := flight.verdict(); reason != "" {
			return yes, reason
		}
	}
	for _, name := range client.Hello.ALPN {
		if strings.HasPrefix(name, "istio") {
			return true, "ALPN " + name
		}
	}
	return false, ""
}

// notShown says why there is no client certificate, by whether it was asked
// for.
var notShown = map[bool]string{false: "no client certificate asked for", true: "client certificate asked for, none shown"}

// A clientFlight is the beginning of what a client sends, as its records show
// it.
type clientFlight struct {
	clear int     // handshake records, before TLS 1.3 with Finished
	sizes []int64 // plaintext lengths of the first records of application type, as TLS 1.3 counts them
}

// maxFlightRecords is how many records of a client's flight are looked at:
// Certificate, CertificateVerify and Finished, the first of which may be long.
const maxFlightRecords = 6

// newClientFlight reads the flight from the records of a half, up to a place
// where bytes are missing.
func newClientFlight(us []*scan.Unit) (f clientFlight) {
	for _, u := range us {
		switch {
		case u.Kind == scan.UnitHole || len(f.sizes) == maxFlightRecords:
			return f
		case u.Kind == scan.UnitKind(tls.TypeHandshake) && len(f.sizes) == 0:
			f.clear++
		case u.Kind == scan.UnitData:
			f.sizes = append(f.sizes, int64(u.Len)-sealLen)
		}
	}
	return f
}

// encrypted reports whether the handshake is that of TLS 1.3. Where the server
// was not heard, the client's records say it: nothing but hellos in the clear.
func (f *clientFlight) encrypted(client, server *tls.Facts) bool {
	if server.Known {
		return server.Hello.Version >= 0x0304
	}
	hellos := 1
	if client.Retried {
		hellos = 2
	}
	return client.Hello.Version >= 0x0304 && f.clear == hellos
}

// Plaintext lengths in bytes of what is in a client's flight of TLS 1.3, with
// message headers (RFC 8446 §4.4).
const (
	sealLen        = 1 + 16     // of a record: content type and tag
	finished256    = 4 + 32     // Finished by SHA-256
	finished384    = 4 + 48     // Finished by SHA-384
	noCertificate  = 4 + 1 + 3  // Certificate with an empty list
	leastCert      = 8 + 5 + 96 // Certificate: a key, a signature and little else; real ones have 300 and more
	leastCertProof = 4 + 4 + 64 // CertificateVerify by Ed25519, the shortest
)

// verdict tells from the flight of TLS 1.3 whether a certificate is in it. A
// client without one sends Finished, or an empty list and Finished, in one
// record or two, so that no other first record is possible.
func (f *clientFlight) verdict() (yes bool, reason string) {
	if len(f.sizes) == 0 {
		return false, ""
	}
	first := f.sizes[0]
	switch {
	case isFinished(first):
		return false, "client flight is Finished alone"
	case first == noCertificate && len(f.sizes) > 1 && isFinished(f.sizes[1]), isFinished(first - noCertificate):
		return false, notShown[true]
	case first >= leastCert+leastCertProof+finished256: // one record, or a certificate of usual size
		return true, fmt.Sprintf("client flight of %d bytes", f.total())
	case first >= leastCert && slices.ContainsFunc(f.sizes[1:], isFinished):
		return true, fmt.Sprintf("client flight of %d bytes", f.total())
	}
	return false, ""
}

// total returns the length of the flight: up to Finished where that has a
// record of its own, else the first record.
func (f *clientFlight) total() (n int64) {
	for _, size := range f.sizes {
		n += size
		if isFinished(size) {
			return n
		}
	}
	return f.sizes[0]
}

func isFinished(size int64) bool { return size == finished256 || size == finished384 }

// A dial is what connections have in common when one session can serve them.
type dial struct {
	client netip.Addr
	server netip.AddrPort
	name   string
}

// judgeResumed gives legs that resume a session, and tell nothing more, the
// verdict about the legs on which such sessions began, if that is one.
func judgeResumed(legs []*Leg) {
	began := make(map[dial]*Leg)
	split := make(map[dial]bool)
	for _, l := range legs {
		if l.TLS.Reason == "" || l.TLS.Resumed {
			continue
		}
		switch first := began[l.dial()]; {
		case first == nil:
			began[l.dial()] = l
		case first.TLS.Mutual != l.TLS.Mutual:
			split[l.dial()] = true
		}
	}
	for _, l := range legs {
		if first := began[l.dial()]; l.TLS.Resumed && l.TLS.Reason == "" && first != nil && !split[l.dial()] {
			l.TLS.Mutual, l.TLS.Reason = first.TLS.Mutual, fmt.Sprintf("session resumed; leg %d: %s", first.ID, first.TLS.Reason)
		}
	}
}

func (l *Leg) dial() dial { return dial{l.Orig.Src.Addr(), l.Reply.Src, l.TLS.SNI} }
