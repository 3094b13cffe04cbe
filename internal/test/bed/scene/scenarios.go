//go:build linux

package scene

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/real"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
)

// Shipped lists the scenarios whose captures belong into testdata/pcaps, in
// the order in which they are played.
func Shipped() []stage.Scenario {
	return slices.DeleteFunc(Scenarios(), func(s stage.Scenario) bool { return s.Live })
}

// Scenarios lists all scenarios, in the order in which they are played.
func Scenarios() []stage.Scenario { return append(standIns(), real.Scenarios()...) }

// standIns are the scenarios in which other programs stand in for a mesh's proxies.
func standIns() []stage.Scenario {
	return []stage.Scenario{
		{Name: "outbound-plain-vip", About: "Four application connections to a service VIP; the sidecar pools them to the endpoint in plaintext.", Play: playOutboundVIP, Shows: pooled},
		{Name: "inbound-plain-pooled", About: "Six clients outside with keep-alive connections; the sidecar serves them over few shared 127.0.0.6 connections (n:m).", Play: playInboundPooled, Shows: pooled},
		{Name: "inbound-plain", About: "Clients outside, one of them curl; the sidecar opens one upstream connection for each (1:1).", Play: playInboundPlain},
		{Name: "inbound-plain-tcp", About: "Raw TCP with many turns of random bytes through the sidecar, six connections at once.", Play: playTCP},
		{Name: "inbound-nginx", About: "Pooled inbound HTTP with nginx as the application.", Play: playInboundNginx},
		{Name: "outbound-passthrough", JSON: true, About: "Outbound calls without a route, by applications and curl: the sidecar dials the address that was dialled, a VIP among them; nanosecond times.", Play: playPassthrough},
		{Name: "self-own-address", About: "The application calls its own pod address and 127.0.0.1, past the sidecar, while clients call it through the sidecar.", Play: playSelfOwn},
		{Name: "self-vip", About: "The application calls itself through a VIP: app, 15001, 15006, 127.0.0.6, app, all on lo.", Play: playSelfVIP, Shows: pooled},
		{Name: "excluded", About: "Excluded inbound and outbound ports and an excluded CIDR beside proxied traffic.", Play: playExcluded},
		{Name: "agent-probe", About: "The kubelet probes 15020 and the mesh agent asks the application from 127.0.0.6, beside clients.", Play: playProbe},
		{Name: "any-sll2", About: "Pooled inbound HTTP captured with -i any, cooked header version 2.", Play: captureAs(recordAny)},
		{Name: "any-sll1", About: "Outbound calls through a VIP captured with -i any, cooked header version 1.", Play: playSLL1},
		{Name: "dumpcap-both", About: "Pooled inbound HTTP captured by dumpcap at eth0 and lo into one pcapng.", Play: captureAs(recordBoth)},
		{Name: "ipv6", About: "Pooled inbound and outbound HTTP over IPv6 (::6, ::1:15001).", V6: true, Play: playIPv6},
		{Name: "retry-503", About: "The sidecar retries what the application answered with 503, up to twice, over any pooled connection.", Play: playRetry, Shows: retried},
		{Name: "app-fanout", About: "The application makes three outbound calls for each request and copies x-request-id and traceparent to them.", Play: playFanout},
		{Name: "no-request-id", About: "Pooled inbound HTTP where nobody sets a request id; the targets differ.", Play: playNoIDs, Shows: pooled},
		{Name: "same-object", About: "Fifty clients ask for the same object at once, without request ids: nothing separates the exchanges.", Play: playSameObject, Shows: pooled},
		{Name: "port-reuse", About: "The application uses each of two source ports for three connections, one after the other.", Play: playPortReuse},
		{Name: "port-collision", About: "One source port to two VIPs at once: NAT moves the source port of the second redirected connection.", Play: playCollision, Shows: collided},
		{Name: "midstream-inbound", About: "Pooled inbound HTTP whose capture begins when all connections are in use.", Play: playMidstreamInbound, Shows: pooled},
		{Name: "midstream-outbound", About: "Outbound HTTP through VIPs whose capture begins when all connections are in use: half-flows without SYN.", Play: playMidstreamOutbound},
		{Name: "snaplen-96", About: "Pooled inbound HTTP captured with a snap length of 96 bytes.", Play: captureAs(recordSnaplen)},
		{Name: "capture-gaps", About: "Pooled inbound HTTP of which the capture misses about one packet in 32.", Play: captureAs(recordGaps)},
		{Name: "tcp-server-first", About: "Raw TCP through the sidecar where the server speaks first and closes.", Play: playServerFirst},
		{Name: "tcp-half-close", About: "Raw TCP through the sidecar where the client half-closes before the server's last turn.", Play: ended(app.ClientHalfCloses, true)},
		{Name: "tcp-reset", About: "Raw TCP through the sidecar that clients and servers end with RST.", Play: playResets},
		{Name: "tcp-refused", About: "The sidecar accepts what the server then refuses, inbound and outbound; and a closed port without sidecar.", Play: playRefused},
		{Name: "loss", About: "Pooled inbound HTTP over a network that loses four packets in a hundred; MTU-sized segments.", Play: playLoss},
		{Name: "inbound-mtls-pooled", About: "Peers with mTLS; the sidecar serves them over shared plaintext 127.0.0.6 connections.", Play: playMTLSPooled, Shows: pooled},
		{Name: "inbound-mtls-tcp", About: "Raw TCP over mTLS, carried on in plaintext 1:1.", Play: playTCPmTLS},
		{Name: "outbound-vip-mtls", About: "A VIP call over mTLS between two sidecars, both pods captured.", Play: playVIPmTLS},
		{Name: "rotated", About: "Pooled inbound HTTP captured with tcpdump -C 1 into several files for each interface (packed afterwards).", Play: playRotated},
		{Name: "direction-pair", About: "Pooled inbound HTTP with one file for each direction of eth0 (-Q in, -Q out).", Play: captureAs(recordWays)},
		{Name: "eth0-and-any", About: "Pooled inbound HTTP captured at eth0 and at any at once: each eth0 packet is there twice.", Play: captureAs(recordTwice)},
		{Name: "conntrack-flush", About: "conntrack -F in mid-connection: packets that lost their NAT appear under foreign tuples.", Play: playFlush},
		{Name: "ingress-gateway", About: "An ingress gateway pod without redirect serves clients over pooled connections to a service, with x-forwarded-for.", Play: playGateway, Shows: pooled},
		{Name: "alternative-ports", About: "Inbound and outbound pooled HTTP through a sidecar on ports 25001 and 25006 as user 2001.", Play: playAltPorts},
		{Name: "inbound-permissive", About: "Peers with mTLS and plain clients on one port share pooled upstream connections.", Play: playPermissive, Shows: pooled},
		{Name: "outbound-own-tls", About: "The application makes TLS itself; the sidecar passes the bytes on as they are, both legs encrypted and equal.", Play: playOwnTLS},
		{Name: "inbound-before-1.10", About: "Pooled inbound HTTP as before Istio 1.10: the sidecar dials the application at 127.0.0.1, from 127.0.0.1.", Play: playOldIstio, Shows: pooled},
		{Name: "mtls-tcp", About: "Sixty raw TCP connections over mTLS at once with many turns, carried on in plaintext 1:1.", Play: mtlsTCP(60, mesh.Sidecar{}, recordPlain)},
		{Name: "mtls-http", About: "Forty clients of three identities, curl among them, over mTLS; the sidecar serves them over a pool.", Play: mtlsHTTP(40, 10, mesh.Sidecar{}, recordPlain), Shows: pooled},
		{Name: "mtls-workers", Live: true, About: "Pooled HTTP over mTLS through a sidecar of two threads, each with upstream connections of its own.", Play: mtlsHTTP(24, 8, mesh.Sidecar{Workers: 2}, recordPlain), Shows: pooled},
		{Name: "mtls-outbound", About: "Fifty application connections to two services; the sidecar pools them over mTLS to the pods.", Play: outboundMTLS(50, 6, recordPlain), Shows: pooled},
		{Name: "mtls-burst", About: "A hundred connections over mTLS ask at once for answers of equal sizes.", Play: burstHTTP(100, recordPlain)},
		{Name: "mtls-burst-tcp", Live: true, About: "A hundred raw connections over mTLS, dialled at once, of equal sizes.", Play: burstTCP(100, recordPlain)},
		{Name: "mtls-saturated", About: "1,536 short identical requests of 32 clients over mTLS through a proxy that is the bottleneck.", Play: saturated(32, 48, 70000, true, recordPlain), Shows: pooled},
		{Name: "mtls-saturated-unfair", Live: true, About: "The same with a proxy that lets some wait long.", Play: saturated(32, 48, 70000, false, recordPlain), Shows: pooled},
		{Name: "mtls-tcp-lossy", About: "Raw TCP over mTLS on a network that loses three packets in a hundred.", Play: mtlsTCP(30, mesh.Sidecar{}, recordLossy)},
		{Name: "mtls-http-lossy", About: "Pooled HTTP over mTLS on a network that loses three packets in a hundred.", Play: mtlsHTTP(30, 7, mesh.Sidecar{}, recordLossy), Shows: pooled},
		{Name: "mtls-outbound-lossy", About: "Outbound mTLS on a network that loses three packets in a hundred.", Play: outboundMTLS(30, 6, recordLossy), Shows: pooled},
		{Name: "mtls-tcp-missing", Live: true, About: "Raw TCP over mTLS, one packet in a hundred missing from the captures.", Play: mtlsTCP(40, mesh.Sidecar{}, recordMissing)},
		{Name: "mtls-http-missing", Live: true, About: "Pooled HTTP over mTLS, one packet in a hundred missing from the captures.", Play: mtlsHTTP(40, 6, mesh.Sidecar{}, recordMissing), Shows: pooled},
		{Name: "mtls-outbound-missing", Live: true, About: "Outbound mTLS, one packet in a hundred missing from the captures.", Play: outboundMTLS(40, 5, recordMissing), Shows: pooled},
		{Name: "mtls-http-snaplen", Live: true, About: "Pooled HTTP over mTLS captured with a snap length of 96 bytes.", Play: mtlsHTTP(30, 6, mesh.Sidecar{}, recordCut), Shows: pooled},
		{Name: "mtls-http-tls12", About: "Pooled HTTP over mTLS with TLS 1.2, half of the connections resumed.", Play: mtlsHTTP(16, 8, mesh.Sidecar{MaxTLS: "TLSv1.2"}, recordPlain), Shows: pooled},
		{Name: "mtls-tcp-tls12", About: "Raw TCP over mTLS with TLS 1.2 and resumption.", Play: mtlsTCP(24, mesh.Sidecar{MaxTLS: "TLSv1.2"}, recordPlain)},
		{Name: "mtls-go-proxy", About: "Pooled HTTP over mTLS through a sidecar written in Go, which packs records in another way.", Play: playGoProxy, Shows: pooled},
		{Name: "mtls-h2-in", About: "Eight HTTP/2 clients with several streams at once over mTLS; HTTP/1.1 to the application.", Play: playH2In, Shows: pooled},
		{Name: "mtls-h2-both", About: "HTTP/2 over mTLS to the sidecar and HTTP/2 in plaintext to the application.", Play: playH2Both},
		{Name: "h2c", About: "HTTP/2 in plaintext on both sides of the sidecar.", Play: playH2C},
		{Name: "mtls-grpc", About: "gRPC over mTLS: unary calls, streams of either side and of both, failures.", Play: playGRPC},
		{Name: "mtls-streaming", About: "Bodies that stream both ways at once over mTLS in HTTP/1.1.", Play: playStreaming},
		{Name: "dns-capture", About: "An application looks names up over UDP and TCP through the mesh's agent, which knows some and passes others on, and calls them through the sidecar.", Play: playDNS},
		{Name: "tproxy-redirect-source", About: "TPROXY takes inbound connections; the sidecar serves them over a pool from 127.0.0.6. Outbound by REDIRECT.", Play: playTProxy, Shows: pooled},
		{Name: "tproxy-original-src", About: "TPROXY takes inbound connections; the sidecar serves them from the clients' own addresses, over a pool for each.", Play: playOriginalSrc, Shows: pooled},
		{Name: "ambient", About: "An ambient pod: ztunnel takes plain connections and tunnels (HBONE) from clients and dials the application from their addresses, and passes the application's on, plain and in tunnels; kubelet probes go past it.", Play: playAmbient},
		{Name: "ambient-both", About: "Connections between two ambient pods through shared tunnels (HBONE), both pods captured.", Play: playAmbientBoth},
		{Name: "ambient-alike", About: "Fourteen connections of two kinds, each of equal sizes and all at once, through several tunnels (HBONE) of an ambient pod.", Play: playAmbientAlike},
		{Name: "http-variety", About: "What HTTP/1 can look like: pipelining, 100 Continue, 204 and 304, trailers, HTTP/1.0, an upgrade, bodies that look like HTTP.", Play: playVariety},
		{Name: "upstream-refused", About: "Upstream connections that are refused, inbound and outbound: exchanges end in 503, or are served by a later attempt.", Play: playUpstreamRefused, Shows: refusedAndServed},
		{Name: "ingress-gateway-minted", JSON: true, About: "Clients at three addresses ask a gateway the same, without request ids; the gateway mints them.", Play: gatewayMinted((*stage.Bed).SniffPod), Shows: pooled},
		{Name: "gateway-payload-only", About: "The same, captured with a filter that lets only packets with payload through: no SYN, no FIN, no bare ACK.", Play: gatewayMinted(recordPayload), Shows: pooled},
		{Name: "node-nat", About: "Outbound calls captured in the pod and behind its node, which translates both addresses (DNAT, MASQUERADE).", Play: playNodeNAT},
		{Name: "node-nat-midstream", About: "The same with captures that begin when all connections are in use.", Play: playNodeNATMidstream},
		{Name: "half-missing", About: "Outbound calls through VIPs; of every redirected connection lo shows the requests or the responses only.", Play: playHalfMissing},
	}
}
