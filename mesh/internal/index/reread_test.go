package index_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// responses lists the responses of a half with their lengths.
func responses(x *index.Index, h index.HalfNo) []string {
	var out []string
	for _, m := range scan.ListMessages(x.ScanOf(h), x.Content(h), scan.ProtoResponses) {
		s := fmt.Sprint(m.Status, " ", m.End-m.HeadEnd)
		if m.Is(scan.MsgConnect) {
			s += " connect"
		}
		if !m.Is(scan.MsgComplete) {
			s += " cut"
		}
		out = append(out, s)
	}
	return out
}

// A turn is requests that were sent in one packet, by method, and the packets that
// came back. If it is late, the capture has the requests after the first of these.
type turn struct {
	asks []string
	says []string
	late bool
}

// play has a connection take turns.
func play(turns ...turn) *pcap.Trace {
	c := testindex.On(new(pcap.Trace), "eth0", "10.0.0.1:4000", "10.0.0.2:80")
	c.Handshake()
	for _, k := range turns {
		requests := ""
		for _, method := range k.asks {
			requests += sim.Request(method, "/")
		}
		c.Send(requests)
		for i, p := range k.says {
			if c.Reply(p); i == 0 && k.late {
				c.Swap()
			}
		}
	}
	c.Close()
	return c.Trace
}

// Responses of which the heads are easy to tell.
const (
	ok5     = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
	ok44    = "HTTP/1.1 200 OK\r\ncontent-length: 44\r\n\r\n"
	ok0     = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
	bare    = "HTTP/1.1 200 OK\r\n\r\n"
	created = "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n" // 43 bytes
)

// A response that was read without its request is read again once a pair tells
// that it was read wrongly.
func TestRereadResponses(t *testing.T) {
	for _, tt := range []struct {
		name          string
		turns         []turn
		before, after []string
	}{
		{"HEAD", []turn{{[]string{"HEAD", "GET"}, []string{ok5, created[:3], created[3:]}, true}}, []string{"200 5"}, []string{"200 0", "201 0"}},
		{"HEAD, known in time", []turn{{[]string{"HEAD", "GET"}, []string{ok5 + created}, false}}, []string{"200 0", "201 0"}, []string{"200 0", "201 0"}},
		{"HEAD, and nothing after it", []turn{{[]string{"HEAD"}, []string{ok5}, true}}, []string{"200 0 cut"}, []string{"200 0"}},
		{"HEAD, guessed rightly", []turn{{[]string{"HEAD", "GET"}, []string{ok5, created}, true}}, []string{"200 0", "201 0"}, []string{"200 0", "201 0"}},
		{"HEAD, nothing announced", []turn{{[]string{"HEAD"}, []string{bare}, true}}, []string{"200 0"}, []string{"200 0"}},
		{"GET, guessed rightly", []turn{{[]string{"GET", "GET"}, []string{ok5 + "01234" + created}, true}}, []string{"200 5", "201 0"}, []string{"200 5", "201 0"}},
		{"GET, guessed wrongly", []turn{{[]string{"GET", "GET"}, []string{ok44, created + "x", created}, true}}, []string{"200 0", "201 0", "201 0"}, []string{"200 44", "201 0"}},
		{"GET, nothing announced", []turn{{[]string{"GET"}, []string{ok0}, true}}, []string{"200 0"}, []string{"200 0"}},
		{"the second one only", []turn{{[]string{"GET"}, []string{ok0}, false}, {[]string{"HEAD", "GET"}, []string{ok5, created[:3], created[3:]}, true}}, []string{"200 0", "200 5"}, []string{"200 0", "200 0", "201 0"}},
		{"CONNECT", []turn{{[]string{"CONNECT"}, []string{ok5 + "01234"}, true}}, []string{"200 5"}, []string{"200 0 connect"}},
		{"CONNECT refused", []turn{{[]string{"CONNECT", "GET"}, []string{"HTTP/1.1 403 No\r\ncontent-length: 5\r\n\r\n01234" + created}, true}}, []string{"403 5", "201 0"}, []string{"403 5", "201 0"}},
		{"not modified", []turn{{[]string{"GET", "GET"}, []string{"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", created}, true}}, []string{"304 0", "201 0"}, []string{"304 0", "201 0"}},
		{"no content", []turn{{[]string{"GET", "GET"}, []string{"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", created}, true}}, []string{"204 0", "201 0"}, []string{"204 0", "201 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := testindex.Of(play(tt.turns...)).Read(t)
			x := in.Index
			if got := responses(x, 2); !slices.Equal(got, tt.before) {
				t.Fatalf("at first responses %q, want %q", got, tt.before)
			}
			first := x.ScanOf(2)
			in.Again(t, []index.Pair{{Orig: 1, Reply: 2}})
			if got := responses(x, 2); !slices.Equal(got, tt.after) {
				t.Errorf("responses %q, want %q", got, tt.after)
			}
			if again := x.ScanOf(2) != first; again != !slices.Equal(tt.before, tt.after) {
				t.Errorf("read again: %v, want it exactly where it was read wrongly", again)
			}
			if x.ScanOf(1) != first {
				t.Error("the requests were read again, too")
			}
		})
	}
}

// Without both halves nothing tells that one was read wrongly.
func TestRereadNothing(t *testing.T) {
	for _, pairs := range [][]index.Pair{nil, {{Orig: 1}, {Reply: 2}}, {{Orig: 2, Reply: 1}}} {
		in := testindex.Of(play(turn{[]string{"HEAD", "GET"}, []string{ok5, created[:3], created[3:]}, true})).Read(t)
		in.Again(t, pairs)
		if got := responses(in.Index, 2); !slices.Equal(got, []string{"200 5"}) {
			t.Errorf("pairs %v: responses %q, want them as they were", pairs, got)
		}
	}
}

// A half that began in the middle of a frame is HTTP/2 if the other is.
func TestRereadFrames(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replies bool // it is the server's half that does not show what it is
	}{{"a server's", true}, {"a client's", false}} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			c := testindex.On(tr, "lo", "10.0.0.1:4000", "10.0.0.2:80").RedirectFrom("10.0.0.1:4999", "127.0.0.1:15001")
			client, server := pcap.NewH2(), pcap.NewH2()
			torn, whole := c.Send, c.Reply
			first := server.Settings() + server.SettingsAck()
			frames := client.Headers(1, true, ":method", "GET", ":path", "/")
			if tt.replies {
				torn, whole = c.Reply, c.Send
				first, frames = client.Preface(), server.Headers(1, true, ":status", "200")
			}
			whole(first)
			torn("the rest of a frame")
			torn(frames + client.SettingsAck())
			in := testindex.Of(tr).Read(t)
			x, pair := in.Index, index.Pair{Orig: 1, Reply: 2}
			half, want := index.HalfNo(2), scan.ProtoH2Requests
			if tt.replies {
				want = scan.ProtoH2Responses
			} else {
				pair = index.Pair{Orig: 2, Reply: 1}
			}
			if got := x.Content(half).Proto; got != scan.ProtoTCP {
				t.Fatalf("at first the half is of kind %d, want bytes that nothing reads", got)
			}
			in.Again(t, []index.Pair{pair})
			if got := x.Content(half).Proto; got != want {
				t.Errorf("the half is of kind %d, want %d", got, want)
			}
			if got := len(scan.ListMessages(x.ScanOf(half), x.Content(half), want)); got != 1 {
				t.Errorf("%d messages, want one", got)
			}
		})
	}
}

// Of several groups each is read again by itself.
func TestRereadGroups(t *testing.T) {
	w := new(testindex.World)
	for range 3 {
		w.Pods = append(w.Pods, testindex.Pod{Trace: play(turn{[]string{"HEAD", "GET"}, []string{ok5, created[:3], created[3:]}, true})})
	}
	in := w.Read(t)
	in.Again(t, []index.Pair{{Orig: 1, Reply: 2}, {Orig: 5, Reply: 6}})
	wrong, right := []string{"200 5"}, []string{"200 0", "201 0"}
	for h, want := range map[index.HalfNo][]string{2: right, 4: wrong, 6: right} {
		if got := responses(in.Index, h); !slices.Equal(got, want) {
			t.Errorf("half %d: responses %q, want %q", h, got, want)
		}
	}
}
