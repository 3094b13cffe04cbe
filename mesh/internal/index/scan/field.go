package scan

import "strings"

// Header fields tell which message on one side of a proxy is which on the other, if both
// have what the client or the application wrote. What a proxy may write tells nothing, or
// worse: x-envoy-upstream-service-time of the sidecar at the other end has the value that
// this proxy would have to have only by chance.

// ownFields are the fields that each connection has for itself (RFC 9110 §7.6.1), that
// name the framing, or that proxies add, change and take away. Request ids, trace ids and
// x-forwarded-for are compared by themselves.
var ownFields = map[string]bool{
	// of the connection and its framing
	"connection": true, "keep-alive": true, "te": true, "trailer": true,
	"transfer-encoding": true, "content-length": true, "upgrade": true, "expect": true,
	"proxy-connection": true, "proxy-authorization": true, "proxy-authenticate": true,
	"http2-settings": true,

	// of any proxy
	"x-request-id": true, "date": true, "server": true, "via": true, "forwarded": true,
	"alt-svc": true, "early-data": true,

	// of Envoy: each proxy writes its own. x-envoy-attempt-count is not among them: it
	// tells attempts of the peer's proxy apart, and comes through as it is.
	"x-envoy-upstream-service-time": true, "x-envoy-peer-metadata": true, "x-envoy-peer-metadata-id": true,
	"x-envoy-decorator-operation": true, "x-envoy-expected-rq-timeout-ms": true, "x-envoy-external-address": true,
	"x-envoy-internal": true, "x-envoy-original-path": true, "x-envoy-overloaded": true, "x-envoy-ratelimited": true,

	// of tracers in proxies: the id of the parent changes with every hop
	"traceparent": true, "tracestate": true, "b3": true, "grpc-trace-bin": true,
	"x-cloud-trace-context": true, "x-amzn-trace-id": true, "uber-trace-id": true,
	"sw8": true,
}

// ownPrefixes begin the names of fields that proxies and their tracers write.
var ownPrefixes = [...]string{"x-forwarded-", "x-b3-", "x-istio-", "x-ot-", "x-datadog-", "l5d-"}

// isOwn reports whether a field, its name in lower case, says nothing about the other
// side of a proxy.
func isOwn(name []byte) bool {
	if ownFields[string(name)] {
		return true
	}
	for _, p := range ownPrefixes {
		if strings.HasPrefix(string(name), p) {
			return true
		}
	}
	return false
}
