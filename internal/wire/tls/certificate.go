package tls

import (
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
)

// maxIdentities bounds the SPIFFE IDs kept of one certificate: SPIFFE allows
// one (X.509-SVID §2), Istio writes one or two.
const maxIdentities = 4

// firstCertificate returns the first certificate of the body of a Certificate
// message before TLS 1.3 (RFC 5246 §7.4.2). ok is false when it has none, as
// when a client has nothing to show.
func firstCertificate(body []byte) (der []byte, ok bool) {
	s := cryptobyte.String(body)
	var list, cert cryptobyte.String
	if !s.ReadUint24LengthPrefixed(&list) || !list.ReadUint24LengthPrefixed(&cert) {
		return nil, false
	}
	return cert, len(cert) > 0
}

// spiffeIDs returns the SPIFFE IDs among the subject alternative names of a
// certificate; nil when it cannot be read.
func spiffeIDs(der []byte) []string {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	var ids []string
	for _, u := range cert.URIs {
		if u.Scheme == "spiffe" && len(ids) < maxIdentities {
			ids = append(ids, u.String())
		}
	}
	return ids
}
