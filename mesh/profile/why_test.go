package profile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// reasons returns why the captures of a question read as they do, by interface.
func reasons(t *testing.T, ask func(*profile.CaptureQuestion) ([]profile.Advice, error), q *profile.CaptureQuestion) map[string]string {
	t.Helper()
	list, err := ask(q)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for _, a := range list {
		out[a.Interface] = strings.Join(a.Why, "\n")
	}
	return out
}

func TestInboundReasons(t *testing.T) {
	const (
		clients  = "The clients' connections as the clients dialled them, mTLS if they are in the mesh.\nThe redirect to the proxy happens behind the capture, so it changes no packet here.\n"
		plain    = "The proxy's plaintext connections to the application, shared by many clients.\n"
		loopback = ": the pod calling itself through its proxy."
	)
	for _, tc := range []struct{ profile, wire, lo string }{
		{"istio", clients + "Port 15006 shows only in answers that lost their conntrack entry.\nPort 15008 is where proxies of peers dial instead.",
			plain + "The proxy dials from 127.0.0.6 or ::6; from the loopback address in Istio before 1.10.\n" +
				"With interceptionMode TPROXY it dials from the client's address: use 'tcp and port (80 or 81)' then.\nPort 15006" + loopback},
		{"istio-ambient", clients + "Port 15006 shows only in answers that lost their conntrack entry.\nPort 15008 is where proxies of peers dial instead.",
			plain + "The proxy dials from the client's address, with a port of its own.\nPort 15006" + loopback},
		{"osm", clients + "Port 15003 shows only in answers that lost their conntrack entry.",
			plain + "The proxy dials from the loopback address or the pod's own.\nPort 15003" + loopback},
	} {
		t.Run(tc.profile, func(t *testing.T) {
			q := &profile.CaptureQuestion{Profile: profile.Named(tc.profile), PodAddrs: addrList("10.1.1.5"), Ports: []uint16{80, 81}}
			if diff := cmp.Diff(map[string]string{"eth0": tc.wire, "lo": tc.lo}, reasons(t, profile.InboundAdvice, q)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOutboundReasons(t *testing.T) {
	const (
		servers = "The proxy's own connections to the servers, mTLS if they are in the mesh, shared by many requests.\n"
		known   = servers + "The port is the endpoint's, which need not be the service's; the service's own is for what passes through."
		unknown = servers + "The proxy picks endpoint and port, so all of the pod's connections are kept but the mesh's own;\nname the endpoints' ports to keep less."
		torn    = "The application's connections, torn in two by the redirect: requests show after it, to port 15001,\nanswers before it, from the address that was dialled. Both halves are needed."
		others  = torn + "\nWhat a request was for does not show in it, so requests to others are kept too, without their answers."
	)
	for _, tc := range []struct {
		name     string
		q        profile.CaptureQuestion
		wire, lo string
	}{
		{"anything", profile.CaptureQuestion{}, unknown, torn},
		{"a port", profile.CaptureQuestion{Ports: []uint16{80}}, unknown, others},
		{"a service", profile.CaptureQuestion{ServiceAddrs: addrList("10.96.0.1")}, unknown, others},
		{"one port and one service", profile.CaptureQuestion{Ports: []uint16{80}, ServiceAddrs: addrList("10.96.0.1")}, unknown, others},
		{"an endpoint", profile.CaptureQuestion{EndpointPorts: []uint16{8080}}, known, torn},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.q.Interface, tc.q.PodAddrs = "net1", addrList("10.1.1.5")
			if diff := cmp.Diff(map[string]string{"net1": tc.wire, "lo": tc.lo}, reasons(t, profile.OutboundAdvice, &tc.q)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
