//go:build linux

package scene

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// callers2 are n HTTP/2 clients of the pod, each with some scripts at once.
func callers2(b *stage.Bed, n, lanes int, who []stage.Caller, script func(who string) []app.Call) error {
	var fs []func() error
	for i := range n {
		c := app.H2Client{From: b.Host("client"), To: b.Host("b").At(stage.AppPort), Name: "svc-b"}
		if who != nil {
			id := who[i%len(who)]
			c.Local, c.TLS = id.At, id.TLS
		}
		for k := range lanes {
			c.Lanes = append(c.Lanes, script(fmt.Sprintf("c%d.%d", i, k)))
		}
		fs = append(fs, func() error { return b.PlayH2(c) })
	}
	return world.Parallel(fs...)
}

// overH2 makes the callers speak HTTP/2.
func overH2(who []stage.Caller) []stage.Caller {
	var out []stage.Caller
	for _, c := range who {
		c.TLS = c.TLS.Clone()
		c.TLS.NextProtos = []string{"h2"}
		out = append(out, c)
	}
	return out
}

// plainScript has no chunked requests, which HTTP/2 does not have.
func plainScript(b *stage.Bed, n int) func(who string) []app.Call {
	return func(who string) []app.Call {
		calls := b.PeerScript(who, n)
		for i := range calls {
			calls[i].Chunked, calls[i].Split = false, false
		}
		return calls
	}
}

func playH2In(b *stage.Bed) error {
	who, _, err := b.SecurePod(mesh.Sidecar{ALPN: "h2,http/1.1"}, recordPlain)
	if err != nil {
		return err
	}
	return callers2(b, 8, 3, overH2(who), plainScript(b, 6))
}

// h2Pod makes pod b with an application that speaks HTTP/2.
func h2Pod(b *stage.Bed, s mesh.Sidecar) ([]stage.Caller, error) {
	srv := b.Host("b")
	ca, cert, err := b.Workload("b")
	if err != nil {
		return nil, err
	}
	who, err := b.Identities(ca)
	if err != nil {
		return nil, err
	}
	if err := b.ServeH2(srv, srv.At(stage.AppPort)); err != nil {
		return nil, err
	}
	s.AppH2 = true
	if s.ALPN != "" {
		s.TLSIn, s.CA = cert, ca.File
	}
	if _, err := b.Inject(srv, mesh.IstioDefaults(), s); err != nil {
		return nil, err
	}
	return overH2(who), recordPlain(b, srv)
}

func playH2Both(b *stage.Bed) error {
	who, err := h2Pod(b, mesh.Sidecar{ALPN: "h2"})
	if err != nil {
		return err
	}
	return callers2(b, 8, 3, who, plainScript(b, 6))
}

func playH2C(b *stage.Bed) error {
	if _, err := h2Pod(b, mesh.Sidecar{}); err != nil {
		return err
	}
	return callers2(b, 6, 3, nil, plainScript(b, 5))
}

func playGRPC(b *stage.Bed) error {
	who, err := h2Pod(b, mesh.Sidecar{ALPN: "h2"})
	if err != nil {
		return err
	}
	return callers2(b, 6, 3, who, func(string) []app.Call { return b.GRPCScript(5) })
}

// playStreaming has an application that echoes a request while it arrives.
func playStreaming(b *stage.Bed) error {
	b.Notes.OddTurns = true
	who, _, err := b.SecurePod(mesh.Sidecar{}, recordPlain)
	if err != nil {
		return err
	}
	var fs []func() error
	for i := range 12 {
		id := who[i%len(who)]
		c := app.HTTPClient{From: b.Host("client"), Local: id.At, To: b.Host("b").At(stage.AppPort), Name: "svc-b", TLS: id.TLS}
		for k := range b.Between(3, 5) {
			c.Calls = append(c.Calls, app.Call{Method: "POST", Target: fmt.Sprintf("/echo/%d/%d", i, k), Stream: b.Stream(b.Between(5, 12), 300),
				Header: [][2]string{{"x-request-id", b.UUID()}}, Think: time.Duration(b.Between(0, 8)) * time.Millisecond})
		}
		fs = append(fs, func() error { return b.Play(c) })
	}
	return world.Parallel(fs...)
}
