package emit_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

// framesOn lists what the frames of one stream say; missing bytes are question marks.
func framesOn(t *testing.T, data string, stream uint32) (out []string) {
	t.Helper()
	f := http2.NewFramer(nil, strings.NewReader(strings.TrimPrefix(data, http2.ClientPreface)))
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			if err != io.EOF {
				t.Errorf("frames: %v", err)
			}
			return out
		}
		if frame.Header().StreamID != stream {
			continue
		}
		s := ""
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			for _, h := range frame.Fields {
				s += h.Name + "=" + h.Value + " "
			}
		case *http2.DataFrame:
			s = fmt.Sprintf("%q ", frame.Data())
		}
		if frame.Header().Flags.Has(http2.FlagDataEndStream) {
			s += "end"
		}
		out = append(out, strings.TrimSpace(s))
	}
}

// lost stands before what was not captured.
const lost = "(lost)"

// Messages of HTTP/1.1 are re-encoded as HTTP/2 with all that they say.
func TestReencoded(t *testing.T) {
	const id, fields = "x-request-id: 1\r\n", ":scheme=http :authority=app :path=/1 x-request-id=1"
	get := "GET /1 HTTP/1.1\r\nhost: app\r\n" + id + "\r\n"
	head := "HEAD /1 HTTP/1.1\r\nhost: app\r\n" + id + "\r\n"
	sized := "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
	chunked := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		name           string
		sent, received []string // a packet each
		want, back     []string
	}{
		{"a request alone", []string{get}, nil, []string{":method=GET " + fields + " end"}, nil},
		{"no content", []string{get}, []string{"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"}, []string{":method=GET " + fields + " end"}, []string{":status=204 server=x end"}},
		{"the answer to HEAD", []string{head}, []string{sized}, []string{":method=HEAD " + fields + " end"}, []string{":status=200 content-length=10 end"}},
		{"content in one packet", []string{get}, []string{sized + "0123456789"}, []string{":method=GET " + fields + " end"}, []string{":status=200 content-length=10", `"0123456789" end`}},
		{"content in several", []string{get}, []string{sized + "0123", "45", "6789"}, []string{":method=GET " + fields + " end"},
			[]string{":status=200 content-length=10", `"0123"`, `"45"`, `"6789" end`}},
		{"a head in several packets", []string{get[:20], get[20:]}, []string{sized[:9], sized[9:] + "0123456789"}, []string{":method=GET " + fields + " end"},
			[]string{":status=200 content-length=10", `"0123456789" end`}},
		{"chunks", []string{get}, []string{chunked + "4\r\n0123\r\n", "2;x\r\n45\r\n0\r\n\r\n"}, []string{":method=GET " + fields + " end"}, []string{":status=200", `"0123"`, `"45" end`}},
		{"the end in a packet of its own", []string{get}, []string{chunked + "4\r\n0123\r\n", "0\r\n\r\n"}, []string{":method=GET " + fields + " end"}, []string{":status=200", `"0123"`, `"" end`}},
		{"a trailer", []string{get}, []string{chunked + "4\r\n0123\r\n0\r\nX-Sum: 9\r\n\r\n"}, []string{":method=GET " + fields + " end"}, []string{":status=200", `"0123"`, "x-sum=9 end"}},
		{"interim answers", []string{get}, []string{"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", sized + "0123456789"}, []string{":method=GET " + fields + " end"},
			[]string{":status=103 link=a", ":status=200 content-length=10", `"0123456789" end`}},
		{"content missing", []string{get}, []string{sized + "01", lost + "2345", "6789"}, []string{":method=GET " + fields + " end"},
			[]string{":status=200 content-length=10", `"01"`, `"????"`, `"6789" end`}},
		{"the framing missing", []string{get}, []string{chunked + "4\r\n01", lost + "23\r\n2\r\n", "45\r\n0\r\n\r\n"}, []string{":method=GET " + fields + " end"}, []string{":status=200", `"01"`, `"??"`}},
		{"a request with content", []string{"POST /1 HTTP/1.1\r\nHost: app\r\n" + id + "Content-Length: 3\r\n\r\nabc"}, nil, []string{":method=POST " + fields + " content-length=3", `"abc" end`}, nil},
		{"fields of the connection", []string{"GET /1 HTTP/1.1\r\nHost: app\r\n" + id + "Connection: keep-alive, X-Own\r\nKeep-Alive: 5\r\nX-Own: 1\r\nTE: gzip\r\nUpgrade: h2c\r\nX-Other: 2\r\n\r\n"},
			[]string{"HTTP/1.1 200 OK\r\nConnection: close\r\nProxy-Connection: close\r\ncontent-length: 0\r\nHost: z\r\n\r\n"}, []string{":method=GET " + fields + " x-other=2 end"}, []string{":status=200 content-length=0 host=z end"}},
		{"trailers are welcome", []string{"GET /1 HTTP/1.1\r\nHost: app\r\n" + id + "Connection: TE\r\nTE: trailers\r\n\r\n"}, nil, []string{":method=GET " + fields + " te=trailers end"}, nil},
		{"how the client came", []string{"GET /1 HTTP/1.1\r\nHost: app\r\n" + id + "X-Forwarded-Proto: https\r\n\r\n"}, nil,
			[]string{":method=GET :scheme=https :authority=app :path=/1 x-request-id=1 x-forwarded-proto=https end"}, nil},
		{"a target with a host", []string{"GET HTTPS://other?x=/y HTTP/1.1\r\nHost: app\r\n" + id + "\r\n"}, nil, []string{":method=GET :scheme=https :authority=other :path=/?x=/y x-request-id=1 end"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			method, _, _ := strings.Cut(tt.sent[0], " ")
			status := 200
			if strings.Contains(strings.Join(tt.received, ""), " 204 ") {
				status = 204
			}
			tr := overTwo(func(c *sim.Muxed, up []*pcap.Connection) {
				c.Ask(1, method, "/1", "", "x-request-id", "1")
				c.Ask(3, "GET", "/2", "", "x-request-id", "2")
				for _, s := range tt.sent {
					up[1].Send(s)
				}
				up[0].Send(sim.Request("GET", "/2", "x-request-id: 2"))
				for _, s := range tt.received {
					text, missing := strings.CutPrefix(s, lost)
					up[1].Reply(text)
					if missing {
						up[1].Lose(1)
					}
				}
				up[0].Reply(sim.Response(202, ""))
				c.Answer(3, 202, "")
				c.Answer(1, status, "")
			})
			r, err := mesh.Stitch(t.Context(), []mesh.Input{{Name: pcap.WriteFile(t, "trace.pcapng", tr.PCAPNG())}}, &mesh.Options{NearServer: true})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			p := pathOf(r, "192.0.2.1")
			if p.Mode != flow.H11To2 {
				t.Errorf("mode %q", p.Mode)
			}
			var data [2]string
			for k, err := range r.Follow(t.Context(), p.ID, mesh.AllExchanges) {
				if err != nil {
					t.Fatal(err)
				}
				d := 0
				if k.Reply {
					d = 1
				}
				data[d] += string(k.Data) + strings.Repeat("?", int(k.Missing))
			}
			if d := cmp.Diff(framesOn(t, data[0], 1), tt.want); d != "" {
				t.Errorf("sent (-got +want):\n%s", d)
			}
			if d := cmp.Diff(framesOn(t, data[1], 1), tt.back); d != "" {
				t.Errorf("received (-got +want):\n%s", d)
			}
		})
	}
}
