package http2_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	ours "github.com/pcapmesh/pcapmesh/internal/wire/http2"
)

// tap keeps what is written to a connection.
type tap struct {
	net.Conn
	mu  sync.Mutex
	out bytes.Buffer
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.out.Write(p)
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tap) sent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.String()
}

// echo answers with the body it is asked with, some fields and trailers.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("x-request-id", r.Header.Get("x-request-id"))
	w.Header().Set("x-long", r.Header.Get("x-long"))
	w.Header().Set("Trailer", "x-trailer")
	w.WriteHeader(200 + len(body)%3)
	w.Write(body)
	w.Header().Set("x-trailer", fmt.Sprint(len(body)))
}

// single is a listener of one connection.
type single chan net.Conn

func (l single) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l single) Close() error   { return nil }
func (l single) Addr() net.Addr { return &net.TCPAddr{} }

// connect returns a real client's connection to a real server, without TLS.
func connect(t *testing.T, client, server net.Conn) *http.ClientConn {
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	accept := make(single, 1)
	accept <- server
	close(accept)
	srv := &http.Server{Handler: http.HandlerFunc(echo), Protocols: h2}
	go srv.Serve(accept)
	t.Cleanup(func() { srv.Close() })
	tr := &http.Transport{Protocols: h2, DialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
	conn, err := tr.NewClientConn(t.Context(), "http", "echo:8080")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// converse has a real client make calls over one connection, many at once, and
// returns what both sides sent and the bodies by request id.
func converse(t *testing.T, calls int) (sent, received string, bodies map[string]string) {
	a, b := net.Pipe()
	client, server := &tap{Conn: a}, &tap{Conn: b}
	conn := connect(t, client, server)
	bodies = make(map[string]string)
	var wg sync.WaitGroup
	for i := range calls {
		rnd := rand.New(rand.NewPCG(uint64(i), 6))
		id, body := fmt.Sprintf("id-%d", i), prose(rnd, rnd.IntN(80000))
		bodies[id] = body
		req, _ := http.NewRequest("POST", fmt.Sprintf("http://echo:8080/%d", i), strings.NewReader(body))
		req.Header.Set("x-request-id", id)
		if i%5 == 0 {
			req.Header.Set("x-long", prose(rnd, 40000)) // needs CONTINUATION
		}
		wg.Go(func() {
			resp, err := conn.RoundTrip(req)
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		})
	}
	wg.Wait()
	conn.Close()
	return client.sent(), server.sent(), bodies
}

func TestRealConnection(t *testing.T) {
	const calls = 40
	sent, received, bodies := converse(t, calls)
	for _, text := range []string{sent, received} {
		whole, _ := run(true, false, op{text: text})
		checkReal(t, whole, bodies, calls)
		rnd := rand.New(rand.NewPCG(1, 7))
		ops := pieces(rnd, text, 3000)
		r, _ := run(true, true, ops...)
		checkReal(t, r, bodies, calls)
		for range 50 {
			holed := pieces(rnd, text, 3000)
			for i := range holed {
				if rnd.IntN(100) == 0 {
					holed[i] = op{gap: int64(len(holed[i].text))}
				}
			}
			r, _ := run(true, false, holed...)
			checkReal(t, r, bodies, 0)
		}
	}
}

// checkReal checks that there are some messages, all of them with their own
// bodies.
func checkReal(t *testing.T, r *record, bodies map[string]string, want int) {
	t.Helper()
	ids := make(map[uint32]string)
	for i := range r.blocks {
		b := &r.blocks[i]
		if id, ok := b.Field("x-request-id"); ok {
			ids[b.Stream] = id
		}
		if method, ok := b.Field(":method"); b.Request && ok && !b.Trailers && method != "POST" {
			t.Errorf("head %+v", b)
		}
		if v, ok := b.Field("x-trailer"); b.Trailers && ok && ids[b.Stream] != "" && v != fmt.Sprint(len(bodies[ids[b.Stream]])) {
			t.Errorf("trailers %+v of %s", b, ids[b.Stream])
		}
	}
	n := 0
	for _, m := range r.messages {
		body, ok := bodies[ids[m.Stream]]
		if !ok || !m.Complete {
			continue
		}
		n++
		if m.BodyLen != int64(len(body)) || m.MissingBytes == 0 && m.Body != printOf(body) {
			t.Errorf("%s: %+v, want a body of %d", ids[m.Stream], m, len(body))
		}
	}
	if n < want {
		t.Errorf("%d messages, want %d", n, want)
	}
	checkSound(t, r, 1<<40)
}

// Bodies are passed over unread, and nothing is allocated for them.
func TestBodiesAreFree(t *testing.T) {
	h := newHalf(1, true)
	h.headers(1, false, 999, request[:2]...)
	head := h.out.Len()
	const runs, frames = 10, 4
	for range (runs + 1) * frames {
		h.framer.WriteData(1, false, make([]byte, 16<<10))
	}
	text := h.out.Bytes()
	var s ours.Scanner
	s.Reset(new(ours.Scratch), true)
	var r ignorant
	s.Feed(0, text[:head], r)
	off, seen := head, 0
	n := testing.AllocsPerRun(runs, func() {
		for end := off + frames*(9+16<<10); off < end; {
			k := min(1460, end-off)
			skip := min(int(s.Feed(int64(off), text[off:off+k], r)), end-off-k)
			s.Skip(int64(off+k), int64(skip), r)
			off, seen = off+k+skip, seen+k
		}
	})
	if n > 0 || seen > len(text)/4 || off != len(text) {
		t.Errorf("%v allocations, %d of %d bytes looked at", n, seen, len(text))
	}
}

type ignorant struct{}

func (ignorant) Headers(*ours.Headers) uint32 { return 0 }
func (ignorant) Data(*ours.Data)              {}
func (ignorant) End(*ours.Message)            {}
func (ignorant) GoAway(last, code uint32)     {}
