package accesslog

// Pieces of Istio's default text format (Istio: pilot/pkg/model/
// telemetry_logging.go). Versions differ in what stands between response flags
// and byte counts, and in whether the route's name stands at the end.
const (
	istioHead = `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% `
	istioBody = `%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% ` +
		`"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"`
	istioTail = ` %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME%`

	mixer      = `"%DYNAMIC_METADATA(istio.mixer:status)%" `
	details    = `%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% `
	reason     = `"%UPSTREAM_TRANSPORT_FAILURE_REASON%" `
	clusterOf  = ` %UPSTREAM_CLUSTER%`
	rawCluster = ` %UPSTREAM_CLUSTER_RAW%`
	routeName  = ` %ROUTE_NAME%`
)

// mustParse compiles a format of this package. It cannot fail: tests compile
// them all.
func mustParse(format string) *Format {
	f, _ := ParseFormat(format)
	return f
}

// envoy returns Envoy's default format. It names no address but the server's.
func envoy() *Format { return mustParse(istioHead + istioBody) }

// istio10 returns the default text format of Istio 1.0.
func istio10() *Format { return mustParse(istioHead + istioBody + clusterOf + istioTail) }

// istio11 returns the default text format of Istio 1.1.
func istio11() *Format { return mustParse(istioHead + mixer + istioBody + clusterOf + istioTail) }

// istio12 returns the default text format of Istio 1.2, which later versions up
// to 1.5 used for older proxies.
func istio12() *Format {
	return mustParse(istioHead + mixer + reason + istioBody + clusterOf + istioTail)
}

// istio13 returns the default text format of Istio 1.3 to 1.7.
func istio13() *Format {
	return mustParse(istioHead + mixer + reason + istioBody + clusterOf + istioTail + routeName)
}

// istio18 returns the default text format of Istio 1.8, which 1.9 and 1.10 used
// for older proxies.
func istio18() *Format {
	return mustParse(istioHead + reason + istioBody + clusterOf + istioTail + routeName)
}

// istio19 returns the default text format of Istio 1.9 to 1.22.
func istio19() *Format {
	return mustParse(istioHead + details + reason + istioBody + clusterOf + istioTail + routeName)
}

// istio123 returns the default text format of Istio 1.23 and later. Its lines
// look as those of 1.9 do.
func istio123() *Format {
	return mustParse(istioHead + details + reason + istioBody + rawCluster + istioTail + routeName)
}

// families returns the text formats that lines are tried with, the most likely
// first.
func families() []*Format {
	return []*Format{istio123(), istio13(), istio18(), istio12(), istio11(), istio10(), envoy()}
}

// istioJSON returns the default JSON format of Istio 1.9 and later.
func istioJSON() *Format {
	return mustParse(`{
	"start_time": "%START_TIME%", "route_name": "%ROUTE_NAME%", "method": "%REQ(:METHOD)%",
	"path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "protocol": "%PROTOCOL%", "response_code": "%RESPONSE_CODE%",
	"response_flags": "%RESPONSE_FLAGS%", "response_code_details": "%RESPONSE_CODE_DETAILS%",
	"connection_termination_details": "%CONNECTION_TERMINATION_DETAILS%",
	"bytes_received": "%BYTES_RECEIVED%", "bytes_sent": "%BYTES_SENT%", "duration": "%DURATION%",
	"upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
	"user_agent": "%REQ(USER-AGENT)%", "request_id": "%REQ(X-REQUEST-ID)%", "authority": "%REQ(:AUTHORITY)%",
	"upstream_host": "%UPSTREAM_HOST%", "upstream_cluster": "%UPSTREAM_CLUSTER_RAW%",
	"upstream_local_address": "%UPSTREAM_LOCAL_ADDRESS%", "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",
	"downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%", "requested_server_name": "%REQUESTED_SERVER_NAME%",
	"upstream_transport_failure_reason": "%UPSTREAM_TRANSPORT_FAILURE_REASON%"}`)
}
