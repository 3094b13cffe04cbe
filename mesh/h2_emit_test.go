package mesh_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// pooled is a trace of two HTTP/1.1 clients whose calls share one HTTP/2
// connection to the application.
func pooled() *pcaptest.Trace {
	tr := new(pcaptest.Trace)
	a, b := on(tr, "eth0", "192.0.2.1:40000", app), on(tr, "eth0", "192.0.2.2:40000", app).ISN(1, 2)
	a.Handshake()
	b.Handshake()
	up := mux(on(tr, "lo", "127.0.0.6:50000", app).ISN(70000, 80000))
	long := strings.Repeat("0123456789", 4000)
	for i := range uint32(3) {
		id := func(who string) string { return fmt.Sprintf("%s-%d", who, i) }
		a.Send(request("GET", "/a", "x-request-id: "+id("a")))
		b.Send("POST /b HTTP/1.1\r\nhost: app\r\nx-request-id: " + id("b") + "\r\ncontent-length: 4\r\n\r\nbody")
		up.ask(4*i+1, "POST", "/b", "body", "x-request-id", id("b"), "user-agent", "test")
		up.ask(4*i+3, "GET", "/a", "", "x-request-id", id("a"), "user-agent", "test")
		up.Reply(up.server.Headers(4*i+3, false, ":status", "200", "server", "test"))
		up.Reply(up.server.Headers(4*i+1, false, ":status", "200", "server", "test") + up.part(4*i+3, false, long[:15000]))
		up.Reply(up.part(4*i+1, false, "some") + up.part(4*i+3, true, long[15000:30000]))
		up.Reply(up.part(4*i+1, false, "thing") + up.server.Headers(4*i+1, true, "x-sum", "9"))
		a.Reply(response(200, long[:30000]))
		b.Reply(response(200, "something"))
	}
	a.Close()
	b.Close()
	up.Close()
	return tr
}

// emitted writes a stitched capture and returns it as a file.
func emitted(t *testing.T, tr *pcaptest.Trace, o *mesh.Options) string {
	t.Helper()
	name := pcaptest.WriteFile(t, "trace.pcapng", tr.PCAPNG())
	r, err := mesh.Stitch([]mesh.Input{{File: name}}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	if _, err := r.WriteCapture(&out, nil); err != nil {
		t.Fatal(err)
	}
	return pcaptest.WriteFile(t, "stitched.pcapng", out.Bytes())
}

// What is written of a shared HTTP/2 connection is one connection for each
// client, which reads as what the client asked.
func TestSharedHTTP2IsTakenApart(t *testing.T) {
	out := emitted(t, pooled(), &mesh.Options{NearServer: true})
	r, err := mesh.Stitch([]mesh.Input{{File: out}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Paths) != 2 || len(r.Legs) != 2 {
		t.Fatalf("%d paths, %d legs, want 2", len(r.Paths), len(r.Legs))
	}
	for i, want := range [][]string{
		{"GET /a 200 a-0", "GET /a 200 a-1", "GET /a 200 a-2"},
		{"POST /b 200 b-0", "POST /b 200 b-1", "POST /b 200 b-2"},
	} {
		var got []string
		for _, e := range r.Paths[i].Exchanges {
			got = append(got, fmt.Sprintf("%s %s %d %s", e.Method, e.Target, e.Status, e.RequestID))
		}
		if l := r.Legs[i]; !slices.Equal(got, want) || l.Protocol != "h2" || l.Midstream || l.OrigMissing+l.ReplyMissing > 0 || l.LostHeaders {
			t.Errorf("path %d: %q, want %q; leg %+v", i, got, want, l)
		}
	}
}

func TestTsharkDecodesHTTP2(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark")
	}
	out := emitted(t, pooled(), &mesh.Options{NearServer: true})
	text, err := exec.Command("tshark", "-r", out, "-d", "tcp.port==8080,http2", "-Y", "http2", "-T", "fields", "-E", "aggregator=;",
		"-e", "tcp.stream", "-e", "http2.streamid", "-e", "http2.headers.path", "-e", "http2.headers.status", "-e", "http2.header.value", "-e", "_ws.malformed").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"b-2", "a-2", "/a", "/b", "200"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("tshark does not show %q:\n%s", want, text)
		}
	}
	if strings.Contains(strings.ToLower(string(text)), "malformed") {
		t.Errorf("malformed:\n%s", text)
	}
	text, err = exec.Command("tshark", "-r", out, "-d", "tcp.port==8080,http2", "-Y", "tcp.analysis.flags || _ws.expert.severity >= 6291456",
		"-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message").Output()
	if err != nil || len(text) > 0 {
		t.Errorf("tshark complains: %v\n%s", err, text)
	}
}
