package emit_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// pooled is a trace of two HTTP/1.1 clients whose calls share one HTTP/2
// connection to the application.
func pooled() *pcap.Trace {
	tr := new(pcap.Trace)
	a, b := sim.On(tr, "eth0", "192.0.2.1:40000", sim.App), sim.On(tr, "eth0", "192.0.2.2:40000", sim.App).ISN(1, 2)
	a.Handshake()
	b.Handshake()
	up := sim.Mux(sim.On(tr, "lo", "127.0.0.6:50000", sim.App).ISN(70000, 80000))
	long := strings.Repeat("0123456789", 4000)
	for i := range uint32(3) {
		id := func(who string) string { return fmt.Sprintf("%s-%d", who, i) }
		a.Send(sim.Request("GET", "/a", "x-request-id: "+id("a")))
		b.Send("POST /b HTTP/1.1\r\nhost: app\r\nx-request-id: " + id("b") + "\r\ncontent-length: 4\r\n\r\nbody")
		up.Ask(4*i+1, "POST", "/b", "body", "x-request-id", id("b"), "user-agent", "test")
		up.Ask(4*i+3, "GET", "/a", "", "x-request-id", id("a"), "user-agent", "test")
		up.Reply(up.Server.Headers(4*i+3, false, ":status", "200", "server", "test"))
		up.Reply(up.Server.Headers(4*i+1, false, ":status", "200", "server", "test") + up.Part(4*i+3, false, long[:15000]))
		up.Reply(up.Part(4*i+1, false, "some") + up.Part(4*i+3, true, long[15000:30000]))
		up.Reply(up.Part(4*i+1, false, "thing") + up.Server.Headers(4*i+1, true, "x-sum", "9"))
		a.Reply(sim.Response(200, long[:30000]))
		b.Reply(sim.Response(200, "something"))
	}
	a.Close()
	b.Close()
	up.Close()
	return tr
}

// emitted writes a stitched capture and returns it as a file.
func emitted(t *testing.T, tr *pcap.Trace, o *mesh.Options) string {
	t.Helper()
	name := pcap.WriteFile(t, "trace.pcapng", tr.PCAPNG())
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: name}}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out bytes.Buffer
	if _, err := r.WriteCapture(t.Context(), &out, nil); err != nil {
		t.Fatal(err)
	}
	return pcap.WriteFile(t, "stitched.pcapng", out.Bytes())
}

// What is written of a shared HTTP/2 connection is one connection for each
// client, which reads as what the client asked.
func TestSharedHTTP2IsTakenApart(t *testing.T) {
	out := emitted(t, pooled(), &mesh.Options{NearServer: true})
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: out}}, nil)
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
		if l := r.Legs[i]; !slices.Equal(got, want) || l.Protocol != flow.ProtocolHTTP2 || l.Midstream || l.OrigMissing+l.ReplyMissing > 0 || l.LostHeaders {
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

// overTwo is a trace of an HTTP/2 client whose two calls go on as HTTP/1.1, each over a
// connection that others use too; talk says how.
func overTwo(talk func(c *sim.Muxed, up []*pcap.Connection)) *pcap.Trace {
	tr := new(pcap.Trace)
	c := sim.Mux(sim.On(tr, "eth0", "192.0.2.1:40000", sim.App))
	d := sim.On(tr, "eth0", "192.0.2.2:40000", sim.App).ISN(3, 4)
	d.Handshake()
	up := []*pcap.Connection{sim.On(tr, "lo", "127.0.0.6:50000", sim.App).ISN(70000, 80000), sim.On(tr, "lo", "127.0.0.6:50002", sim.App).ISN(5, 6)}
	up[0].Handshake()
	up[1].Handshake()
	talk(c, up)
	d.Send(sim.Request("GET", "/3"))
	up[0].Send(sim.Request("GET", "/3"))
	up[0].Reply(sim.Response(200, ""))
	d.Reply(sim.Response(200, ""))
	c.Close()
	d.Close()
	return tr
}

// bothSides returns what a path's client sent and its server.
func bothSides(t *testing.T, r *mesh.Result, path int) (sent, received string) {
	t.Helper()
	for k, err := range r.Follow(t.Context(), path, mesh.AllExchanges) {
		if err != nil {
			t.Fatal(err)
		}
		if k.Reply {
			received += string(k.Data)
		} else {
			sent += string(k.Data)
		}
	}
	return sent, received
}

// The calls of an HTTP/2 client that go on as HTTP/1.1 over shared connections, one
// after the other, are written so.
func TestHTTP2AsHTTP1(t *testing.T) {
	tr := overTwo(func(c *sim.Muxed, up []*pcap.Connection) {
		c.Ask(1, "GET", "/1", "")
		up[1].Send(sim.Request("GET", "/1"))
		up[1].Reply(sim.Response(201, ""))
		c.Answer(1, 201, "")
		c.Ask(3, "GET", "/2", "")
		up[0].Send(sim.Request("GET", "/2"))
		up[0].Reply(sim.Response(202, ""))
		c.Answer(3, 202, "")
	})
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: pcap.WriteFile(t, "trace.pcapng", tr.PCAPNG())}}, &mesh.Options{NearServer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Paths[0].Mode != flow.H2To11 || r.Paths[1].Mode != "" {
		t.Errorf("modes %q and %q", r.Paths[0].Mode, r.Paths[1].Mode)
	}
	sent, received := bothSides(t, r, 0)
	if want := sim.Request("GET", "/1") + sim.Request("GET", "/2"); sent != want {
		t.Errorf("sent %q, want %q", sent, want)
	}
	if want := sim.Response(201, "") + sim.Response(202, ""); received != want {
		t.Errorf("received %q, want %q", received, want)
	}
}

// The first call that overlapping makes, as it goes on and is answered.
const (
	headRequest  = "HEAD /1 HTTP/1.1\r\nhost: app\r\n\r\n"
	headResponse = "HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n"
)

// overlapping makes two calls at once, of which the second is answered around the first.
func overlapping(c *sim.Muxed, up []*pcap.Connection) {
	text := strings.Repeat("x", 3000)
	chunked := "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\nbb8\r\n" + text + "\r\n0\r\nx-sum: 9\r\n\r\n"
	c.Ask(1, "HEAD", "/1", "")
	c.Ask(3, "GET", "/2", "")
	up[0].Send(headRequest)
	up[1].Send(sim.Request("GET", "/2"))
	up[1].Reply("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
	up[1].Reply(chunked[:1000])
	c.Reply(c.Server.Headers(3, false, ":status", "404"))
	up[0].Reply(headResponse)
	c.Reply(c.Server.Headers(1, true, ":status", "200", "content-length", "4000"))
	up[1].Reply(chunked[1000:])
	c.Reply(c.Part(3, true, text))
}

// Those that went on at once are written as HTTP/2, whoever was answered first, and
// read back with their own answers; followed by itself, each is what was read.
func TestHTTP1AsHTTP2(t *testing.T) {
	tr := overTwo(overlapping)
	name := pcap.WriteFile(t, "trace.pcapng", tr.PCAPNG())
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: name}}, &mesh.Options{NearServer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := pathOf(r, "192.0.2.1")
	if p.Mode != flow.H11To2 {
		t.Errorf("mode %q", p.Mode)
	}
	var one string
	for k, err := range r.Follow(t.Context(), p.ID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		one += string(k.Data)
	}
	if want := headRequest + headResponse; one != want {
		t.Errorf("exchange 0: %q, want %q", one, want)
	}
	b, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: emitted(t, tr, &mesh.Options{NearServer: true})}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var got []string
	for _, e := range pathOf(b, "192.0.2.1").Exchanges {
		got = append(got, fmt.Sprintf("%s %s %d", e.Method, e.Target, e.Status))
	}
	if want := []string{"HEAD /1 200", "GET /2 404"}; !slices.Equal(got, want) {
		t.Errorf("read back: %q, want %q", got, want)
	}
}

// pathOf returns the path of the client with the given address.
func pathOf(r *mesh.Result, client string) *flow.Path {
	i := slices.IndexFunc(r.Paths, func(p *flow.Path) bool { return p.Client.Addr().String() == client })
	return r.Paths[i]
}

// One exchange of HTTP/2 can be followed: it alone is the connection then.
func TestFollowCall(t *testing.T) {
	name := pcap.WriteFile(t, "trace.pcapng", pooled().PCAPNG())
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: name}}, &mesh.Options{NearServer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := pathOf(r, "192.0.2.2")
	var sent bytes.Buffer
	for k, err := range r.Follow(t.Context(), p.ID, 1) {
		if err != nil {
			t.Fatal(err)
		}
		if !k.Reply {
			sent.Write(k.Data)
		}
	}
	preface, frames, _ := strings.Cut(sent.String(), http2.ClientPreface)
	f := http2.NewFramer(nil, strings.NewReader(frames))
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var got []string
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			break
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, h := range frame.Fields {
				got = append(got, h.Name+"="+h.Value)
			}
		case *http2.DataFrame:
			got = append(got, string(frame.Data()))
		}
	}
	want := ":method=POST :scheme=http :path=/b :authority=app x-request-id=b-1 user-agent=test body"
	if preface != "" || strings.Join(got, " ") != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}

// Of a shared connection that is somebody's path itself the rest is written
// without what others claim.
func TestRestOfHTTP2(t *testing.T) {
	tr := pooled()
	tr.Wait(10e6)
	up := sim.Mux(sim.On(tr, "lo", "127.0.0.6:50004", sim.App).ISN(7, 8))
	up.Ask(1, "GET", "/nobody", "")
	up.Answer(1, 404, "no")
	a := sim.On(tr, "eth0", "192.0.2.3:40000", sim.App).ISN(9, 10)
	a.Handshake()
	a.Send(sim.Request("GET", "/somebody"))
	up.Ask(3, "GET", "/somebody", "")
	up.Answer(3, 200, "yes")
	a.Reply(sim.Response(200, "yes"))
	a.Close()
	up.Close()
	out := emitted(t, tr, nil)
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: out}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for _, p := range r.Paths {
		for _, e := range p.Exchanges {
			if l := r.Legs[e.Hops[0].Leg]; l.Protocol == flow.ProtocolHTTP2 {
				got = append(got, fmt.Sprintf("%s %s %s %d", l.Orig.Src, e.Method, e.Target, e.Status))
			}
		}
	}
	if want := []string{"127.0.0.6:50004 GET /nobody 404"}; !slices.Equal(got, want) {
		t.Errorf("HTTP/2 written: %q, want %q", got, want)
	}
}

// What is missing of a body is missing in what is written, and nothing else.
func TestHoleInHTTP2(t *testing.T) {
	tr := new(pcap.Trace)
	a, b := sim.On(tr, "eth0", "192.0.2.1:40000", sim.App), sim.On(tr, "eth0", "192.0.2.2:40000", sim.App).ISN(1, 2)
	a.Handshake()
	b.Handshake()
	up := sim.Mux(sim.On(tr, "lo", "127.0.0.6:50000", sim.App).ISN(70000, 80000))
	a.Send(sim.Request("GET", "/a", "x-request-id: a"))
	b.Send(sim.Request("GET", "/b", "x-request-id: b"))
	up.Ask(1, "GET", "/a", "", "x-request-id", "a")
	up.Ask(3, "GET", "/b", "", "x-request-id", "b")
	frames := up.Server.Headers(1, false, ":status", "200") + up.Part(1, true, strings.Repeat("x", 3000))
	up.Reply(frames[:1000])
	up.Reply(frames[1000:2000])
	up.Lose(1)
	up.Reply(frames[2000:])
	up.Ack()
	up.Answer(3, 201, "whole")
	up.Ack()
	a.Reply(sim.Response(200, strings.Repeat("x", 3000)))
	b.Reply(sim.Response(201, "whole"))
	a.Close()
	b.Close()
	up.Close()
	out := emitted(t, tr, &mesh.Options{NearServer: true})
	r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: out}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i, want := range []string{"GET /a 200, 1000 missing", "GET /b 201, 0 missing"} {
		e := r.Paths[i].Exchanges[0]
		if got := fmt.Sprintf("%s %s %d, %d missing", e.Method, e.Target, e.Status, r.Legs[i].ReplyMissing); got != want {
			t.Errorf("path %d: %s, want %s", i, got, want)
		}
	}
}
