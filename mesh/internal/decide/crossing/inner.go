package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// FindInner finds the TLS of applications inside of that of proxies: where legs of one
// side carry the bytes of one connection each ([graph.Leg.CarriesBytes]), the proxy has
// no TLS of its own on the other. What is TLS there is passed on as it is, byte for byte.
func (c *Crossing) FindInner() {
	c.Inner = make(map[*graph.Leg]bool)
	for _, side := range [2][2][]*graph.Leg{{c.Down, c.Up}, {c.Up, c.Down}} {
		if !slices.ContainsFunc(side[1], (*graph.Leg).CarriesBytes) || slices.ContainsFunc(side[0], unsealed) {
			continue
		}
		for _, l := range side[0] {
			if l.OwnTLS() {
				c.Inner[l] = true
			}
		}
	}
}

// unsealed reports whether a leg was decrypted to exchanges, by which it is tied.
func unsealed(l *graph.Leg) bool { return l.Decrypted && len(l.Exchanges) > 0 }
