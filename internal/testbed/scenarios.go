//go:build linux

package testbed

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
)

// Shipped lists the scenarios whose captures belong into testdata/pcaps, in
// the order in which they are played.
func Shipped() []Scenario {
	return slices.DeleteFunc(Scenarios(), func(s Scenario) bool { return s.live })
}

// Scenarios lists all scenarios, in the order in which they are played.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "outbound-plain-vip", About: "Four application connections to a service VIP; the sidecar pools them to the endpoint in plaintext.", play: playOutboundVIP, shows: pooled},
		{Name: "inbound-plain-pooled", About: "Six clients outside with keep-alive connections; the sidecar serves them over few shared 127.0.0.6 connections (n:m).", play: playInboundPooled, shows: pooled},
		{Name: "inbound-plain", About: "Clients outside, one of them curl; the sidecar opens one upstream connection for each (1:1).", play: playInboundPlain},
		{Name: "inbound-plain-tcp", About: "Raw TCP with many turns of random bytes through the sidecar, six connections at once.", play: playTCP},
		{Name: "inbound-nginx", About: "Pooled inbound HTTP with nginx as the application.", play: playInboundNginx},
		{Name: "outbound-passthrough", JSON: true, About: "Outbound calls without a route, by applications and curl: the sidecar dials the address that was dialled, a VIP among them; nanosecond times.", play: playPassthrough},
		{Name: "self-own-address", About: "The application calls its own pod address and 127.0.0.1, past the sidecar, while clients call it through the sidecar.", play: playSelfOwn},
		{Name: "self-vip", About: "The application calls itself through a VIP: app, 15001, 15006, 127.0.0.6, app, all on lo.", play: playSelfVIP, shows: pooled},
		{Name: "excluded", About: "Excluded inbound and outbound ports and an excluded CIDR beside proxied traffic.", play: playExcluded},
		{Name: "agent-probe", About: "The kubelet probes 15020 and the mesh agent asks the application from 127.0.0.6, beside clients.", play: playProbe},
		{Name: "any-sll2", About: "Pooled inbound HTTP captured with -i any, cooked header version 2.", play: captureAs(recordAny)},
		{Name: "any-sll1", About: "Outbound calls through a VIP captured with -i any, cooked header version 1.", play: playSLL1},
		{Name: "dumpcap-both", About: "Pooled inbound HTTP captured by dumpcap at eth0 and lo into one pcapng.", play: captureAs(recordBoth)},
		{Name: "ipv6", About: "Pooled inbound and outbound HTTP over IPv6 (::6, ::1:15001).", v6: true, play: playIPv6},
		{Name: "retry-503", About: "The sidecar retries what the application answered with 503, up to twice, over any pooled connection.", play: playRetry, shows: retried},
		{Name: "app-fanout", About: "The application makes three outbound calls for each request and copies x-request-id and traceparent to them.", play: playFanout},
		{Name: "no-request-id", About: "Pooled inbound HTTP where nobody sets a request id; the targets differ.", play: playNoIDs, shows: pooled},
		{Name: "same-object", About: "Fifty clients ask for the same object at once, without request ids: nothing separates the exchanges.", play: playSameObject, shows: pooled},
		{Name: "port-reuse", About: "The application uses each of two source ports for three connections, one after the other.", play: playPortReuse},
		{Name: "port-collision", About: "One source port to two VIPs at once: NAT moves the source port of the second redirected connection.", play: playCollision, shows: collided},
		{Name: "midstream-inbound", About: "Pooled inbound HTTP whose capture begins when all connections are in use.", play: playMidstreamInbound, shows: pooled},
		{Name: "midstream-outbound", About: "Outbound HTTP through VIPs whose capture begins when all connections are in use: half-flows without SYN.", play: playMidstreamOutbound},
		{Name: "snaplen-96", About: "Pooled inbound HTTP captured with a snap length of 96 bytes.", play: captureAs(recordSnaplen)},
		{Name: "capture-gaps", About: "Pooled inbound HTTP of which the capture misses about one packet in 32.", play: captureAs(recordGaps)},
		{Name: "tcp-server-first", About: "Raw TCP through the sidecar where the server speaks first and closes.", play: playServerFirst},
		{Name: "tcp-half-close", About: "Raw TCP through the sidecar where the client half-closes before the server's last turn.", play: ended(app.ClientHalfCloses, true)},
		{Name: "tcp-reset", About: "Raw TCP through the sidecar that clients and servers end with RST.", play: playResets},
		{Name: "tcp-refused", About: "The sidecar accepts what the server then refuses, inbound and outbound; and a closed port without sidecar.", play: playRefused},
		{Name: "loss", About: "Pooled inbound HTTP over a network that loses four packets in a hundred; MTU-sized segments.", play: playLoss},
		{Name: "inbound-mtls-pooled", About: "Peers with mTLS; the sidecar serves them over shared plaintext 127.0.0.6 connections.", play: playMTLSPooled, shows: pooled},
		{Name: "inbound-mtls-tcp", About: "Raw TCP over mTLS, carried on in plaintext 1:1.", play: playTCPmTLS},
		{Name: "outbound-vip-mtls", About: "A VIP call over mTLS between two sidecars, both pods captured.", play: playVIPmTLS},
		{Name: "rotated", About: "Pooled inbound HTTP captured with tcpdump -C 1 into several files for each interface (packed afterwards).", play: playRotated},
		{Name: "direction-pair", About: "Pooled inbound HTTP with one file for each direction of eth0 (-Q in, -Q out).", play: captureAs(recordWays)},
		{Name: "eth0-and-any", About: "Pooled inbound HTTP captured at eth0 and at any at once: each eth0 packet is there twice.", play: captureAs(recordTwice)},
		{Name: "conntrack-flush", About: "conntrack -F in mid-connection: packets that lost their NAT appear under foreign tuples.", play: playFlush},
		{Name: "ingress-gateway", About: "An ingress gateway pod without redirect serves clients over pooled connections to a service, with x-forwarded-for.", play: playGateway, shows: pooled},
		{Name: "alternative-ports", About: "Inbound and outbound pooled HTTP through a sidecar on ports 25001 and 25006 as user 2001.", play: playAltPorts},
		{Name: "inbound-permissive", About: "Peers with mTLS and plain clients on one port share pooled upstream connections.", play: playPermissive, shows: pooled},
		{Name: "outbound-own-tls", About: "The application makes TLS itself; the sidecar passes the bytes on as they are, both legs encrypted and equal.", play: playOwnTLS},
		{Name: "inbound-before-1.10", About: "Pooled inbound HTTP as before Istio 1.10: the sidecar dials the application at 127.0.0.1, from 127.0.0.1.", play: playOldIstio, shows: pooled},
		{Name: "mtls-tcp", About: "Sixty raw TCP connections over mTLS at once with many turns, carried on in plaintext 1:1.", play: mtlsTCP(60, mesh.Sidecar{}, recordPlain)},
		{Name: "mtls-http", About: "Forty clients of three identities, curl among them, over mTLS; the sidecar serves them over a pool.", play: mtlsHTTP(40, 10, mesh.Sidecar{}, recordPlain), shows: pooled},
		{Name: "mtls-workers", live: true, About: "Pooled HTTP over mTLS through a sidecar of two threads, each with upstream connections of its own.", play: mtlsHTTP(24, 8, mesh.Sidecar{Workers: 2}, recordPlain), shows: pooled},
		{Name: "mtls-outbound", About: "Fifty application connections to two services; the sidecar pools them over mTLS to the pods.", play: outboundMTLS(50, 6, recordPlain), shows: pooled},
		{Name: "mtls-burst", About: "A hundred connections over mTLS ask at once for answers of equal sizes.", play: burstHTTP(100, recordPlain)},
		{Name: "mtls-burst-tcp", live: true, About: "A hundred raw connections over mTLS, dialled at once, of equal sizes.", play: burstTCP(100, recordPlain)},
		{Name: "mtls-saturated", About: "1,536 short identical requests of 32 clients over mTLS through a proxy that is the bottleneck.", play: saturated(32, 48, 70000, true, recordPlain), shows: pooled},
		{Name: "mtls-saturated-unfair", live: true, About: "The same with a proxy that lets some wait long.", play: saturated(32, 48, 70000, false, recordPlain), shows: pooled},
		{Name: "mtls-tcp-lossy", About: "Raw TCP over mTLS on a network that loses three packets in a hundred.", play: mtlsTCP(30, mesh.Sidecar{}, recordLossy)},
		{Name: "mtls-http-lossy", About: "Pooled HTTP over mTLS on a network that loses three packets in a hundred.", play: mtlsHTTP(30, 7, mesh.Sidecar{}, recordLossy), shows: pooled},
		{Name: "mtls-outbound-lossy", About: "Outbound mTLS on a network that loses three packets in a hundred.", play: outboundMTLS(30, 6, recordLossy), shows: pooled},
		{Name: "mtls-tcp-missing", live: true, About: "Raw TCP over mTLS, one packet in a hundred missing from the captures.", play: mtlsTCP(40, mesh.Sidecar{}, recordMissing)},
		{Name: "mtls-http-missing", live: true, About: "Pooled HTTP over mTLS, one packet in a hundred missing from the captures.", play: mtlsHTTP(40, 6, mesh.Sidecar{}, recordMissing), shows: pooled},
		{Name: "mtls-outbound-missing", live: true, About: "Outbound mTLS, one packet in a hundred missing from the captures.", play: outboundMTLS(40, 5, recordMissing), shows: pooled},
		{Name: "mtls-http-snaplen", live: true, About: "Pooled HTTP over mTLS captured with a snap length of 96 bytes.", play: mtlsHTTP(30, 6, mesh.Sidecar{}, recordCut), shows: pooled},
		{Name: "mtls-http-tls12", About: "Pooled HTTP over mTLS with TLS 1.2, half of the connections resumed.", play: mtlsHTTP(16, 8, mesh.Sidecar{MaxTLS: "TLSv1.2"}, recordPlain), shows: pooled},
		{Name: "mtls-tcp-tls12", About: "Raw TCP over mTLS with TLS 1.2 and resumption.", play: mtlsTCP(24, mesh.Sidecar{MaxTLS: "TLSv1.2"}, recordPlain)},
		{Name: "mtls-go-proxy", About: "Pooled HTTP over mTLS through a sidecar written in Go, which packs records in another way.", play: playGoProxy, shows: pooled},
		{Name: "mtls-h2-in", About: "Eight HTTP/2 clients with several streams at once over mTLS; HTTP/1.1 to the application.", play: playH2In, shows: pooled},
		{Name: "mtls-h2-both", About: "HTTP/2 over mTLS to the sidecar and HTTP/2 in plaintext to the application.", play: playH2Both},
		{Name: "h2c", About: "HTTP/2 in plaintext on both sides of the sidecar.", play: playH2C},
		{Name: "mtls-grpc", About: "gRPC over mTLS: unary calls, streams of either side and of both, failures.", play: playGRPC},
		{Name: "mtls-streaming", About: "Bodies that stream both ways at once over mTLS in HTTP/1.1.", play: playStreaming},
		{Name: "dns-capture", About: "An application looks names up over UDP and TCP through the mesh's agent, which knows some and passes others on, and calls them through the sidecar.", play: playDNS},
		{Name: "tproxy-redirect-source", About: "TPROXY takes inbound connections; the sidecar serves them over a pool from 127.0.0.6. Outbound by REDIRECT.", play: playTProxy, shows: pooled},
		{Name: "tproxy-original-src", About: "TPROXY takes inbound connections; the sidecar serves them from the clients' own addresses, over a pool for each.", play: playOriginalSrc, shows: pooled},
		{Name: "ambient", About: "An ambient pod: ztunnel takes plain connections and tunnels (HBONE) from clients and dials the application from their addresses, and passes the application's on, plain and in tunnels; kubelet probes go past it.", play: playAmbient},
		{Name: "ambient-both", About: "Connections between two ambient pods through shared tunnels (HBONE), both pods captured.", play: playAmbientBoth},
		{Name: "ambient-alike", About: "Fourteen connections of two kinds, each of equal sizes and all at once, through several tunnels (HBONE) of an ambient pod.", play: playAmbientAlike},
		{Name: "http-variety", About: "What HTTP/1 can look like: pipelining, 100 Continue, 204 and 304, trailers, HTTP/1.0, an upgrade, bodies that look like HTTP.", play: playVariety},
		{Name: "upstream-refused", About: "Upstream connections that are refused, inbound and outbound: exchanges end in 503, or are served by a later attempt.", play: playUpstreamRefused, shows: refusedAndServed},
		{Name: "ingress-gateway-minted", JSON: true, About: "Clients at three addresses ask a gateway the same, without request ids; the gateway mints them.", play: gatewayMinted((*bed).sniffPod), shows: pooled},
		{Name: "gateway-payload-only", About: "The same, captured with a filter that lets only packets with payload through: no SYN, no FIN, no bare ACK.", play: gatewayMinted(recordPayload), shows: pooled},
		{Name: "node-nat", About: "Outbound calls captured in the pod and behind its node, which translates both addresses (DNAT, MASQUERADE).", play: playNodeNAT},
		{Name: "node-nat-midstream", About: "The same with captures that begin when all connections are in use.", play: playNodeNATMidstream},
		{Name: "half-missing", About: "Outbound calls through VIPs; of every redirected connection lo shows the requests or the responses only.", play: playHalfMissing},
	}
}
