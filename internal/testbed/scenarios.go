package testbed

// Scenarios lists all scenarios, in the order in which they are played.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: "outbound-plain-vip", About: "Four application connections per service call a VIP; the sidecar pools them to the endpoint in plaintext.", play: playOutboundVIP, shows: pooled},
		{Name: "inbound-plain-pooled", About: "Six clients outside with keep-alive connections; the sidecar serves them over few shared 127.0.0.6 connections (n:m).", play: playInboundPooled, shows: pooled},
	}
}
