package accesslog

import (
	"fmt"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog/internal/clock"
)

// Limits of a format. Istio's longest has 23 operators.
const (
	maxOperators = 64
	maxFormat    = 64 << 10 // bytes
)

// plainOperator returns the field of an operator without argument, skip if there
// is none (Envoy's access log documentation, "Command Operators").
func plainOperator(name string) field {
	switch name {
	case "START_TIME":
		return startTime
	case "DURATION":
		return duration
	case "REQUEST_DURATION":
		return requestDuration
	case "RESPONSE_DURATION":
		return responseDuration
	case "PROTOCOL":
		return protocol
	case "RESPONSE_CODE":
		return status
	case "RESPONSE_FLAGS", "RESPONSE_FLAGS_LONG":
		return flags
	case "RESPONSE_CODE_DETAILS":
		return codeDetails
	case "CONNECTION_TERMINATION_DETAILS":
		return terminationDetails
	case "UPSTREAM_TRANSPORT_FAILURE_REASON":
		return transportFailure
	case "BYTES_RECEIVED":
		return bytesReceived
	case "BYTES_SENT":
		return bytesSent
	case "UPSTREAM_WIRE_BYTES_SENT":
		return upstreamWireSent
	case "UPSTREAM_WIRE_BYTES_RECEIVED":
		return upstreamWireReceived
	case "DOWNSTREAM_WIRE_BYTES_SENT":
		return downstreamWireSent
	case "DOWNSTREAM_WIRE_BYTES_RECEIVED":
		return downstreamWireReceived
	case "UPSTREAM_CLUSTER", "UPSTREAM_CLUSTER_RAW":
		return cluster
	case "UPSTREAM_REQUEST_ATTEMPT_COUNT":
		return attempts
	case "REQUESTED_SERVER_NAME":
		return sni
	case "ROUTE_NAME":
		return route
	case "CONNECTION_ID":
		return connectionID
	case "UPSTREAM_CONNECTION_ID":
		return upstreamConnectionID
	}
	return skip
}

// addressOperator returns the address an operator logs, and what of it:
// NAME_ADDRESS, NAME_ADDRESS_WITHOUT_PORT or NAME_PORT.
func addressOperator(name string) (field, part) {
	stem, p := name, whole
	if s, ok := strings.CutSuffix(name, "_WITHOUT_PORT"); ok {
		stem, p = s, withoutPort
	} else if s, ok := strings.CutSuffix(name, "_PORT"); ok {
		stem, p = s+"_ADDRESS", portOnly
	}
	switch stem {
	case "UPSTREAM_LOCAL_ADDRESS":
		return upstreamLocal, p
	case "UPSTREAM_REMOTE_ADDRESS", "UPSTREAM_HOST":
		return upstreamHost, p
	case "DOWNSTREAM_LOCAL_ADDRESS":
		return downstreamLocal, p
	case "DOWNSTREAM_REMOTE_ADDRESS":
		return downstreamRemote, p
	case "DOWNSTREAM_DIRECT_REMOTE_ADDRESS":
		return downstreamDirect, p
	}
	return skip, whole
}

// requestHeader returns the field of a request header.
func requestHeader(name string) field {
	switch strings.ToLower(name) {
	case ":method":
		return method
	case ":path", "x-envoy-original-path":
		return path
	case ":authority", "host":
		return authority
	case "x-request-id":
		return requestID
	case "x-forwarded-for":
		return forwardedFor
	case "user-agent":
		return userAgent
	}
	return skip
}

// headerOperator returns the field of REQ(X?Y): that of X, if Y has the same.
func headerOperator(arg string) field {
	main, other, two := strings.Cut(arg, "?")
	f := requestHeader(main)
	if two && requestHeader(other) != f {
		return skip
	}
	return f
}

// cutOperator reads the operator that s begins with, up to and with its second
// "%": %NAME%, %NAME(ARGUMENT)%, %NAME(ARGUMENT):LENGTH%.
func cutOperator(s string) (o operator, rest string, err error) {
	i := 1
	for i < len(s) && (s[i] == '_' || s[i]-'A' <= 'Z'-'A' || s[i]-'0' <= 9) {
		i++
	}
	name, rest := s[1:i], s[i:]
	var arg, length string
	if strings.HasPrefix(rest, "(") {
		end := strings.IndexByte(rest, ')')
		if end < 0 {
			return operator{}, "", fmt.Errorf("%q has no closing parenthesis", "%"+name)
		}
		arg, rest = rest[1:end], rest[end+1:]
	}
	if strings.HasPrefix(rest, ":") {
		n := len(rest) - len(strings.TrimLeft(rest[1:], "0123456789"))
		length, rest = rest[1:n], rest[n:]
	}
	rest, ok := strings.CutPrefix(rest, "%")
	if !ok || name == "" {
		return operator{}, "", fmt.Errorf("%q begins no operator; a percent sign is written %q", shown(s), "%%")
	}
	o, err = newOperator(name, arg, length)
	return o, rest, err
}

// shown shortens s for an error.
func shown(s string) string {
	if len(s) > 20 {
		return s[:20] + "…"
	}
	return s
}

// newOperator looks an operator up. One that is not known logs text of no use.
func newOperator(name, arg, length string) (operator, error) {
	o := operator{name: name}
	switch name {
	case "REQ":
		o.field = headerOperator(arg)
		o.name += "(" + arg + ")"
		if n, ok := parseNumber(length); ok && n < uuidLen && o.field == requestID {
			o.field = skip
		}
	case "RESP":
		o.name += "(" + arg + ")"
		if strings.EqualFold(arg, "x-envoy-upstream-service-time") {
			o.field = serviceTime
		}
	case "START_TIME":
		o.field = startTime
		if arg != "" {
			f, err := clock.Compile(arg)
			if err != nil {
				return operator{}, fmt.Errorf("%%START_TIME%%: %w", err)
			}
			o.time = f
		}
	default:
		if o.field = plainOperator(name); o.field == skip {
			o.field, o.part = addressOperator(name)
		}
	}
	return o, nil
}

// uuidLen is the length of a request id. Cut off, it ties nothing.
const uuidLen = 36
