//go:build linux

package app

import (
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"time"
)

// grpcApp is a gRPC application (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md):
// /demo.Echo/Unary answers with one message, /demo.Echo/Feed with several,
// /demo.Echo/Chat with one for each that arrives, /demo.Echo/Fail with a
// status alone. The metadata x-size and x-messages say how large and how many.
func grpcApp(w http.ResponseWriter, r *http.Request) {
	number := func(key string) int { n, _ := strconv.Atoi(r.Header.Get(key)); return n }
	w.Header().Set("Content-Type", "application/grpc")
	c := http.NewResponseController(w)
	send := func() {
		_, _ = w.Write(grpcMessage(BodyFor(r.Header.Get("x-request-id"), number("x-size"))))
		_ = c.Flush()
	}
	switch r.URL.Path {
	case "/demo.Echo/Fail":
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Grpc-Status", "5")
		w.Header().Set("Grpc-Message", "not found")
		return
	case "/demo.Echo/Chat":
		for grpcRead(r.Body) == nil {
			send()
		}
	default:
		_, _ = io.Copy(io.Discard, r.Body)
		for range max(1, number("x-messages")) {
			time.Sleep(time.Duration(number("x-size")%5) * time.Millisecond)
			send()
		}
	}
	w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	w.Header().Set(http.TrailerPrefix+"Grpc-Message", "")
}

// grpcMessage is a length-prefixed message.
func grpcMessage(p []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(p))), p...)
}

// grpcRead reads one message.
func grpcRead(r io.Reader) error {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(head[1:])))
	return err
}

// GRPCScript is n calls of all kinds.
func (a *Apps) GRPCScript(n int) []Call {
	var calls []Call
	for i := range n {
		k := Call{Method: "POST", Think: time.Duration(a.Between(0, 8)) * time.Millisecond,
			Target: []string{"/demo.Echo/Unary", "/demo.Echo/Unary", "/demo.Echo/Chat", "/demo.Echo/Feed", "/demo.Echo/Fail"}[(i+a.Between(0, 1))%5],
			Header: [][2]string{{"x-request-id", a.UUID()}, {"content-type", "application/grpc"}, {"te", "trailers"},
				{"user-agent", "grpc-go/1.65.0"}, {"x-size", strconv.Itoa(a.Between(10, 300))}, {"x-messages", strconv.Itoa(a.Between(2, 6))}}}
		k.Body = grpcMessage(a.Random(a.Between(5, 300)))
		if k.Target == "/demo.Echo/Chat" {
			k.Body, k.Stream = nil, a.Stream(a.Between(2, 6), 200)
			for i, p := range k.Stream.pieces {
				k.Stream.pieces[i] = grpcMessage(p)
			}
		}
		calls = append(calls, k)
	}
	return calls
}
