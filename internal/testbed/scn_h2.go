//go:build linux

package testbed

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// callers2 are n HTTP/2 clients of the pod, each with some scripts at once.
func callers2(b *bed, n, lanes int, who []caller, script func(who string) []app.Call) error {
	var fs []func() error
	for i := range n {
		c := app.H2Client{From: b.Host("client"), To: b.Host("b").At(appPort), Name: "svc-b"}
		if who != nil {
			id := who[i%len(who)]
			c.Local, c.TLS = id.at, id.tls
		}
		for k := range lanes {
			c.Lanes = append(c.Lanes, script(fmt.Sprintf("c%d.%d", i, k)))
		}
		fs = append(fs, func() error { return b.PlayH2(c) })
	}
	return world.Parallel(fs...)
}

// overH2 makes the callers speak HTTP/2.
func overH2(who []caller) []caller {
	var out []caller
	for _, c := range who {
		c.tls = c.tls.Clone()
		c.tls.NextProtos = []string{"h2"}
		out = append(out, c)
	}
	return out
}

// plainScript has no chunked requests, which HTTP/2 does not have.
func plainScript(b *bed, n int) func(who string) []app.Call {
	return func(who string) []app.Call {
		calls := b.peerScript(who, n)
		for i := range calls {
			calls[i].Chunked, calls[i].Split = false, false
		}
		return calls
	}
}

func playH2In(b *bed) error {
	who, _, err := b.securePod(mesh.Sidecar{ALPN: "h2,http/1.1"}, recordPlain)
	if err != nil {
		return err
	}
	return callers2(b, 8, 3, overH2(who), plainScript(b, 6))
}

// h2Pod makes pod b with an application that speaks HTTP/2.
func h2Pod(b *bed, s mesh.Sidecar) ([]caller, error) {
	srv := b.Host("b")
	ca, cert, err := b.workload("b")
	if err != nil {
		return nil, err
	}
	who, err := b.identities(ca)
	if err != nil {
		return nil, err
	}
	if err := b.ServeH2(srv, srv.At(appPort)); err != nil {
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

func playH2Both(b *bed) error {
	who, err := h2Pod(b, mesh.Sidecar{ALPN: "h2"})
	if err != nil {
		return err
	}
	return callers2(b, 8, 3, who, plainScript(b, 6))
}

func playH2C(b *bed) error {
	if _, err := h2Pod(b, mesh.Sidecar{}); err != nil {
		return err
	}
	return callers2(b, 6, 3, nil, plainScript(b, 5))
}

func playGRPC(b *bed) error {
	who, err := h2Pod(b, mesh.Sidecar{ALPN: "h2"})
	if err != nil {
		return err
	}
	return callers2(b, 6, 3, who, func(string) []app.Call { return b.GRPCScript(5) })
}

// playStreaming has an application that echoes a request while it arrives.
func playStreaming(b *bed) error {
	b.notes.OddTurns = true
	who, _, err := b.securePod(mesh.Sidecar{}, recordPlain)
	if err != nil {
		return err
	}
	var fs []func() error
	for i := range 12 {
		id := who[i%len(who)]
		c := app.HTTPClient{From: b.Host("client"), Local: id.at, To: b.Host("b").At(appPort), Name: "svc-b", TLS: id.tls}
		for k := range b.Between(3, 5) {
			c.Calls = append(c.Calls, app.Call{Method: "POST", Target: fmt.Sprintf("/echo/%d/%d", i, k), Stream: b.Stream(b.Between(5, 12), 300),
				Header: [][2]string{{"x-request-id", b.Uuid()}}, Think: time.Duration(b.Between(0, 8)) * time.Millisecond})
		}
		fs = append(fs, func() error { return b.Play(c) })
	}
	return world.Parallel(fs...)
}
