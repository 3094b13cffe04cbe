package profile

import "strings"

func (a *adviser) inboundWireWhy() []string {
	why := []string{
		"The clients' connections as the clients dialled them, mTLS if they are in the mesh.",
		"The redirect to the proxy happens behind the capture, so it changes no packet here.",
		"Port " + portOperand(a.profile.InboundPorts) + " shows only in answers that lost their conntrack entry.",
	}
	if len(a.profile.TunnelPorts) > 0 {
		why = append(why, "Port "+portOperand(a.profile.TunnelPorts)+" is where proxies of peers dial instead.")
	}
	return why
}

func (a *adviser) inboundLoopbackWhy() []string {
	why := []string{"The proxy's plaintext connections to the application, shared by many clients."}
	switch {
	case a.profile.KeepsSource:
		why = append(why, "The proxy dials from the client's address, with a port of its own.")
	case len(a.profile.BindSources) > 0:
		var binds []string
		for _, b := range a.profile.BindSources {
			binds = append(binds, b.String())
		}
		why = append(why,
			"The proxy dials from "+strings.Join(binds, " or ")+"; from the loopback address in Istio before 1.10.",
			"With interceptionMode TPROXY it dials from the client's address: use 'tcp and port "+portOperand(a.Ports)+"' then.")
	default:
		why = append(why, "The proxy dials from the loopback address or the pod's own.")
	}
	return append(why, "Port "+portOperand(a.profile.InboundPorts)+": the pod calling itself through its proxy.")
}

func (a *adviser) outboundWireWhy() []string {
	why := []string{"The proxy's own connections to the servers, mTLS if they are in the mesh, shared by many requests."}
	if len(a.EndpointPorts) > 0 {
		return append(why, "The port is the endpoint's, which need not be the service's; the service's own is for what passes through.")
	}
	return append(why,
		"The proxy picks endpoint and port, so all of the pod's connections are kept but the mesh's own;",
		"name the endpoints' ports to keep less.")
}

func (a *adviser) outboundLoopbackWhy() []string {
	why := []string{
		"The application's connections, torn in two by the redirect: requests show after it, to port " + portOperand(a.profile.OutboundPorts) + ",",
		"answers before it, from the address that was dialled. Both halves are needed.",
	}
	if len(a.Ports)+len(a.services) > 0 {
		why = append(why, "What a request was for does not show in it, so requests to others are kept too, without their answers.")
	}
	return why
}
