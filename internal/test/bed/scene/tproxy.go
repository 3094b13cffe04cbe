//go:build linux

package scene

import (
	"fmt"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// playTProxy has HAProxy behind TPROXY, which dials the application from
// 127.0.0.6; the application calls out as well.
func playTProxy(b *stage.Bed) error {
	srv, ext := b.Host("b"), b.Host("ext")
	for _, h := range []*world.Host{srv, ext} {
		if err := b.ServeHTTP(h, h.At(stage.AppPort), nil); err != nil {
			return err
		}
	}
	if err := b.SidecarAt(srv, mesh.TProxyDefaults(), mesh.Sidecar{Routes: []mesh.Route{{VIP: stage.VIP(3, stage.SvcPort), Endpoint: ext.At(stage.AppPort)}}}); err != nil {
		return err
	}
	b.PackLater()
	return world.Parallel(func() error { return b.Visitors(5, 5, half) },
		func() error { return b.Callers(srv, stage.VIP(3, stage.SvcPort), 2, 4) })
}

// playOriginalSrc has a proxy behind TPROXY that dials the application from
// the client's address. Three clients have several connections each, and ask
// for the same things.
func playOriginalSrc(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.InboundApp(); err != nil {
		return err
	}
	who, err := b.Addresses(3)
	if err != nil {
		return err
	}
	if err := b.InjectGo(srv, mesh.TProxyDefaults(), nil); err != nil {
		return err
	}
	if err := b.SniffPod(srv); err != nil {
		return err
	}
	b.PackLater()
	return b.Crowd(9, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), Local: who[i%len(who)], To: srv.At(stage.AppPort), Name: "svc-b",
			Calls: b.Script(fmt.Sprint("c", i/len(who)), b.Between(4, 6), i < 3)}
	})
}
