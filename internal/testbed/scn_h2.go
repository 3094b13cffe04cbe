//go:build linux

package testbed

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// callers2 are n HTTP/2 clients of the pod, each with some scripts at once.
func callers2(b *bed, n, lanes int, who []caller, script func(who string) []call) error {
	var fs []func() error
	for i := range n {
		c := h2Client{from: b.Host("client"), to: b.Host("b").At(appPort), name: "svc-b"}
		if who != nil {
			id := who[i%len(who)]
			c.local, c.tls = id.at, id.tls
		}
		for k := range lanes {
			c.lanes = append(c.lanes, script(fmt.Sprintf("c%d.%d", i, k)))
		}
		fs = append(fs, func() error { return b.playH2(c) })
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
func plainScript(b *bed, n int) func(who string) []call {
	return func(who string) []call {
		calls := b.peerScript(who, n)
		for i := range calls {
			calls[i].chunked, calls[i].split = false, false
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
	if err := b.serveH2(srv, srv.At(appPort)); err != nil {
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
	return callers2(b, 6, 3, who, func(string) []call { return b.grpcScript(5) })
}

// playStreaming has an application that echoes a request while it arrives.
func playStreaming(b *bed) error {
	b.notes.oddTurns = true
	who, _, err := b.securePod(mesh.Sidecar{}, recordPlain)
	if err != nil {
		return err
	}
	var fs []func() error
	for i := range 12 {
		id := who[i%len(who)]
		c := httpClient{from: b.Host("client"), local: id.at, to: b.Host("b").At(appPort), name: "svc-b", tls: id.tls}
		for k := range b.Between(3, 5) {
			c.calls = append(c.calls, call{method: "POST", target: fmt.Sprintf("/echo/%d/%d", i, k), stream: b.stream(b.Between(5, 12), 300),
				header: [][2]string{{"x-request-id", b.Uuid()}}, think: time.Duration(b.Between(0, 8)) * time.Millisecond})
		}
		fs = append(fs, func() error { return b.play(c) })
	}
	return world.Parallel(fs...)
}
