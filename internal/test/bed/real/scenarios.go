//go:build linux

package real

import (
	"fmt"
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Scenarios lists the scenarios, in the order in which they are played.
func Scenarios() []stage.Scenario {
	return []stage.Scenario{
		{Name: "envoy-inbound-plain", Envoy: true, About: "Envoy: clients outside in plaintext, served over pooled connections of two workers.", Play: playPlain, Shows: pooled},
		{Name: "envoy-mtls-http", Envoy: true, About: "Envoy: peers with mTLS, one of them an Envoy that pools for its application, served over pooled connections of two workers.", Play: playMTLS, Shows: pooled},
		{Name: "envoy-mtls-tcp", Envoy: true, About: "Envoy: raw TCP over mTLS between two sidecars, carried on in plaintext 1:1.", Play: playTCP},
		{Name: "envoy-outbound-mtls", Envoy: true, About: "Envoy: calls of a VIP over mTLS between two sidecars that pool, both pods captured.", Play: playVIP, Shows: pooled},
		{Name: "envoy-mtls-saturated", Envoy: true, Live: true, About: "Envoy: 1,200 short equal requests of 60 clients over mTLS, all at once, as fast as it can.", Play: playSaturated, Shows: pooled},
		{Name: "envoy-mtls-crowd", Envoy: true, Live: true, About: "Envoy: 1,050 requests of 21 clients over mTLS, all at once; most of them have the same lengths.", Play: crowd(2), Shows: pooled},
		{Name: "envoy-mtls-crowd-one", Envoy: true, Live: true, About: "Envoy: the same of one worker.", Play: crowd(1)},
		{Name: "envoy-mtls-crowd-four", Envoy: true, Live: true, About: "Envoy: the same of four workers.", Play: crowd(4)},
		{Name: "envoy-same-object", Envoy: true, Live: true, About: "Envoy: forty clients ask for the same object at once, without request ids.", Play: playSame, Shows: pooled},
		{Name: "envoy-same-id", Envoy: true, About: "Envoy: many requests with one request id, of one client and of several.", Play: playSameID, Shows: pooled},
		{Name: "envoy-race", Envoy: true, About: "Envoy: the application closes idle connections just when they are used again: 503, UC.", Play: playRace, Shows: raced},
		{Name: "envoy-interim", Envoy: true, About: "Envoy: pipelined requests, 100 Continue and 103 Early Hints.", Play: playInterim},
		{Name: "envoy-mtls-h2", Envoy: true, Live: true, About: "Envoy: two sidecars that speak HTTP/2 over mTLS for applications that speak HTTP/1.1, both pods captured.", Play: playUpgraded},
		{Name: "envoy-mtls-grpc-h2", Envoy: true, Live: true, About: "Envoy: gRPC between two sidecars over mTLS, both pods captured.", Play: playGRPC},
		{Name: "envoy-forms", Envoy: true, Live: true, About: "Envoy: WebSocket, HTTP/1.0, trailers, large bodies, answers without a body.", Play: playForms},
		{Name: "envoy-own-tls", Envoy: true, Live: true, About: "Envoy: the application's own TLS inside that of two sidecars, both pods captured.", Play: playOwnTLS},
		{Name: "envoy-self", Envoy: true, Live: true, About: "Envoy: the application calls itself through its service, over mTLS between the two sides of its sidecar.", Play: playSelf},
		{Name: "envoy-passthrough", Envoy: true, Live: true, About: "Envoy: calls of what is no service, and of a port that no service names.", Play: playPassing},
		{Name: "envoy-strict", Envoy: true, Live: true, About: "Envoy: clients without mTLS meet a sidecar that wants it.", Play: playStrict},
		{Name: "envoy-retry", Envoy: true, Live: true, About: "Envoy: what the application answers with 503 is tried again, both pods captured.", Play: playRetry, Shows: retried},
		{Name: "envoy-refused", Envoy: true, Live: true, About: "Envoy: connections to endpoints and to the application are refused; some requests are served by another attempt.", Play: playRefused},
		{Name: "envoy-gateway", Envoy: true, Live: true, About: "Envoy: an ingress gateway calls a sidecar over mTLS.", Play: gateway(false), Shows: pooled},
		{Name: "envoy-gateway-proxied", Envoy: true, Live: true, About: "Envoy: the same behind something that says in front who its clients are (PROXY protocol).", Play: gateway(true), Shows: pooled},
		{Name: "envoy-mirror", Envoy: true, Live: true, About: "Envoy: each request of an application is served by one service, and copied to another.", Play: playMirror},
		{Name: "envoy-authz", Envoy: true, Live: true, About: "Envoy: a service is asked, for each request of a client, whether it may be served.", Play: playAsked},
	}
}

// pooled says whether some connection behind a proxy served several clients, and
// whether both workers of the first proxy had something to do: what they serve has no
// connection in common.
func pooled(t *truth.Truth) error {
	part := map[string]string{} // of each leg, one that stands for its part
	var root func(string) string
	root = func(l string) string {
		if part[l] == "" || part[l] == l {
			return l
		}
		return root(part[l])
	}
	clients := map[string]map[string]bool{}
	most := 0
	links := slices.DeleteFunc(slices.Clone(t.Links), func(l truth.Link) bool {
		from, _ := t.Leg(l.From)
		return from.Role == "proxy-proxy"
	})
	for _, l := range links {
		part[root(l.From)] = root(l.To)
		if clients[l.To] == nil {
			clients[l.To] = map[string]bool{}
		}
		clients[l.To][l.From] = true
		most = max(most, len(clients[l.To]))
	}
	parts := map[string]bool{}
	for _, l := range links {
		parts[root(l.From)] = true
	}
	if most < 2 || len(parts) < 2 {
		return fmt.Errorf("%d clients shared a connection, in %d parts", most, len(parts))
	}
	return nil
}
