package mesh_test

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// pod is the address of the pod in traces made by hand; app is where its
// application listens.
const (
	pod = "10.244.1.10"
	app = pod + ":8080"
)

// stitchTrace reads a trace as one pcapng file.
func stitchTrace(t *testing.T, tr *pcaptest.Trace) *mesh.Result {
	t.Helper()
	name := pcaptest.WriteFile(t, "trace.pcapng", tr.PCAPNG())
	r, err := mesh.Stitch([]mesh.Input{{File: name}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// on adds a connection at an interface.
func on(tr *pcaptest.Trace, iface, orig, dst string) *pcaptest.Connection {
	point := map[string]uint16{"eth0": 0, "lo": 1}[iface]
	return tr.Conn(orig, dst).At(capture.Point(point), iface).Timestamps()
}

// torn adds the two half-flows of a connection that an application of the pod
// makes to a server, redirected to the proxy on lo.
func torn(tr *pcaptest.Trace, port int, server string) *pcaptest.Connection {
	return on(tr, "lo", fmt.Sprintf("%s:%d", pod, port), server).Redirect("127.0.0.1:15001")
}

// legList describes the legs of a result, one string each.
func legList(r *mesh.Result) []string {
	var out []string
	for _, l := range r.Legs {
		out = append(out, fmt.Sprintf("%s %s, %d+%d packets", l.Role, l.Orig, l.OrigPackets, l.ReplyPackets))
	}
	return out
}

// request returns a request without content.
func request(method, target string, fields ...string) string {
	s := method + " " + target + " HTTP/1.1\r\nhost: app\r\n"
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n"
}

// response returns a response with content.
func response(status int, content string, fields ...string) string {
	s := fmt.Sprintf("HTTP/1.1 %d OK\r\ncontent-length: %d\r\n", status, len(content))
	for _, f := range fields {
		s += f + "\r\n"
	}
	return s + "\r\n" + content
}
