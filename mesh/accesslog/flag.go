package accesslog

import "strings"

// splitFlags returns the response flags of a list such as "UF,URX".
func splitFlags(s string) []string {
	flags := make([]string, 0, strings.Count(s, ",")+1)
	for f := range strings.SplitSeq(s, ",") {
		if f != "" && f != none {
			flags = append(flags, shortFlag(f))
		}
	}
	if len(flags) == 0 {
		return nil
	}
	return flags
}

// shortFlag returns the short form of a response flag that
// %RESPONSE_FLAGS_LONG% wrote out, or the flag itself.
func shortFlag(flag string) string {
	switch flag {
	case "NoHealthyUpstream":
		return "UH"
	case "UpstreamConnectionFailure":
		return "UF"
	case "UpstreamOverflow":
		return "UO"
	case "NoRouteFound":
		return "NR"
	case "UpstreamRetryLimitExceeded":
		return "URX"
	case "NoClusterFound":
		return "NC"
	case "DurationTimeout":
		return "DT"
	case "DownstreamConnectionTermination":
		return "DC"
	case "FailedLocalHealthCheck":
		return "LH"
	case "UpstreamRequestTimeout":
		return "UT"
	case "LocalReset":
		return "LR"
	case "UpstreamRemoteReset":
		return "UR"
	case "UpstreamConnectionTermination":
		return "UC"
	case "DelayInjected":
		return "DI"
	case "FaultInjected":
		return "FI"
	case "RateLimited":
		return "RL"
	case "UnauthorizedExternalService":
		return "UAEX"
	case "RateLimitServiceError":
		return "RLSE"
	case "InvalidEnvoyRequestHeaders":
		return "IH"
	case "StreamIdleTimeout":
		return "SI"
	case "DownstreamProtocolError":
		return "DPE"
	case "UpstreamProtocolError":
		return "UPE"
	case "UpstreamMaxStreamDurationReached":
		return "UMSDR"
	case "OverloadManagerTerminated":
		return "OM"
	case "DnsResolutionFailed":
		return "DF"
	case "DownstreamRemoteReset":
		return "DR"
	}
	return flag
}
