//go:build linux

package scene

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

func playInboundPooled(b *stage.Bed) error {
	if err := b.InboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	return b.Visitors(6, 6, half)
}

func playInboundPlain(b *stage.Bed) error {
	if err := b.InboundPod(mesh.Sidecar{Reuse: "never"}); err != nil {
		return err
	}
	curl := func() error {
		url := fmt.Sprintf("http://%v/curl/%%d?size=%d", b.Host("b").At(stage.AppPort), b.Between(100, 4000))
		_, err := b.Inside(b.Host("client"), "curl", "-sS", "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null",
			fmt.Sprintf(url, 1), fmt.Sprintf(url, 2)+"&chunked=1", fmt.Sprintf(url, 3))
		return err
	}
	return world.Parallel(curl, func() error { return b.Visitors(4, 4, half) })
}

// playOldIstio dials the application as Istio did before 1.10: at 127.0.0.1,
// from 127.0.0.1.
func playOldIstio(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.ServeHTTP(srv, netip.AddrPortFrom(netip.IPv4Unspecified(), stage.AppPort), nil); err != nil {
		return err
	}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), mesh.Sidecar{App: fmt.Sprintf("127.0.0.1:%d", stage.AppPort)}); err != nil {
		return err
	}
	return b.Visitors(4, 4, half)
}

// playInboundNginx has nginx as the application, which writes header and body
// of its answers in other pieces than Go does.
func playInboundNginx(b *stage.Bed) error {
	srv := b.Host("b")
	root := filepath.Join(b.Tmp, "www")
	if err := os.Mkdir(root, 0o755); err != nil {
		return err
	}
	for i := range 6 {
		if err := os.WriteFile(filepath.Join(root, fmt.Sprint("f", i)), app.BodyFor(b.UUID(), b.Between(50, 6000)), 0o644); err != nil {
			return err
		}
	}
	conf := fmt.Sprintf("user root;\npid %s/nginx.pid;\nerror_log stderr;\nworker_processes 1;\nevents {}\n"+
		"http { access_log off; server { listen %v; root %s; } }\n", b.Tmp, srv.At(stage.AppPort), root)
	name := filepath.Join(b.Tmp, "nginx.conf")
	if err := os.WriteFile(name, []byte(conf), 0o644); err != nil {
		return err
	}
	p, err := b.Start(srv, filepath.Join(b.Tmp, "nginx.out"), "nginx", "-c", name, "-g", "daemon off;")
	if err != nil {
		return err
	}
	b.Later(func() { _ = p.End(15) }) // it takes its worker with it
	if err := b.Wait("nginx", p, func() bool { return srv.Listens(stage.AppPort) }); err != nil {
		return err
	}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
		return err
	}
	return b.Crowd(4, func(i int) app.HTTPClient {
		c := app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b"}
		for k := range b.Between(4, 6) {
			c.Calls = append(c.Calls, app.Call{Method: "GET", Target: fmt.Sprintf("/f%d?c%d.%d", b.Between(0, 5), i, k),
				Think: time.Duration(b.Between(0, 8)) * time.Millisecond})
		}
		return c
	})
}

func playNoIDs(b *stage.Bed) error {
	if err := b.InboundPod(mesh.Sidecar{NoIDs: true}); err != nil {
		return err
	}
	return b.Visitors(5, 4, never)
}

func playSameObject(b *stage.Bed) error {
	b.Notes.SameObject = true
	srv := b.Host("b")
	if err := b.InboundApp(); err != nil {
		return err
	}
	if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{NoIDs: true}); err != nil {
		return err
	}
	if err := recordFiltered(b, srv); err != nil {
		return err
	}
	size, delay := b.Between(200, 400), b.Between(2, 5)
	return b.Crowd(50, func(int) app.HTTPClient {
		k := app.Call{Method: "GET", Target: fmt.Sprintf("/logo?size=%d&delay=%d", size, delay), Header: [][2]string{{"user-agent", "browser"}}}
		return app.HTTPClient{From: b.Host("client"), To: b.Host("b").At(stage.AppPort), Name: "svc-b", Calls: []app.Call{k, k}}
	})
}

// playRetry has an application that fails every flaky request once or twice,
// and a proxy that tries again.
func playRetry(b *stage.Bed) error {
	srv := b.Host("b")
	var mu sync.Mutex
	failures := map[string]int{}
	hook := func(r *http.Request) int {
		mu.Lock()
		defer mu.Unlock()
		want := len(r.URL.Query().Get("flaky"))
		if failures[r.RequestURI]++; failures[r.RequestURI] <= want {
			return http.StatusServiceUnavailable
		}
		return 0
	}
	if err := b.ServeHTTP(srv, srv.At(stage.AppPort), hook); err != nil {
		return err
	}
	if err := b.SidecarAt(srv, mesh.IstioDefaults(), mesh.Sidecar{RetryOn: "503"}); err != nil {
		return err
	}
	return b.Crowd(4, func(i int) app.HTTPClient {
		calls := b.Script(fmt.Sprint("c", i), 5, half(i))
		for k := range calls {
			calls[k].Target += "&flaky=" + "xxx"[:b.Between(0, 2)]
			calls[k].Chunked = false
		}
		return app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b", Calls: calls}
	})
}

func retried(t *truth.Truth) error {
	for _, l := range t.Links {
		if l.Attempt > 1 {
			return nil
		}
	}
	return fmt.Errorf("nothing was retried")
}

func playProbe(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.ServeHTTP(srv, srv.At(15020), func(r *http.Request) int { return probe(b, srv, r) }); err != nil {
		return err
	}
	if err := b.InboundPod(mesh.Sidecar{}); err != nil {
		return err
	}
	kubelet := func() error {
		for i := range 3 {
			c := app.HTTPClient{From: b.Node, To: srv.At(15020), Calls: []app.Call{{Method: "GET", Target: fmt.Sprintf("/app-health/app/%s?n=%d",
				[]string{"livez", "readyz"}[i%2], i), Header: [][2]string{{"user-agent", "kube-probe/1.31"}, {"connection", "close"}}}}}
			if err := b.Play(c); err != nil {
				return err
			}
			if err := b.Pause(80 * time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	}
	return world.Parallel(kubelet, func() error { return b.Visitors(3, 4, half) })
}

// probe is the mesh agent asking the application on the kubelet's behalf: as
// the proxy's user and from 127.0.0.6, so that no rule redirects it (Istio:
// pkg/status/server.go).
func probe(b *stage.Bed, h *world.Host, r *http.Request) int {
	from := app.RecordOf(r)
	err := b.Play(app.HTTPClient{From: h, UID: 1337, Local: netip.MustParseAddrPort("127.0.0.6:0"), To: h.At(stage.AppPort),
		Control: true, Cause: from, Calls: []app.Call{{Method: "GET", Target: "/healthz?size=2",
			Header: [][2]string{{"user-agent", "kube-probe/1.31"}, {"connection", "close"}}}}})
	if err != nil {
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

func playAltPorts(b *stage.Bed) error {
	srv, ext := b.Host("b"), b.Host("ext")
	for _, h := range []*world.Host{srv, ext} {
		if err := b.ServeHTTP(h, h.At(stage.AppPort), nil); err != nil {
			return err
		}
	}
	rules := mesh.IstioDefaults()
	rules.UID, rules.Out, rules.In = 2001, 25001, 25006
	if err := b.SidecarAt(srv, rules, mesh.Sidecar{Routes: []mesh.Route{{VIP: stage.VIP(3, stage.SvcPort), Endpoint: ext.At(stage.AppPort)}}}); err != nil {
		return err
	}
	return world.Parallel(func() error { return b.Visitors(4, 4, half) },
		func() error { return b.Callers(srv, stage.VIP(3, stage.SvcPort), 3, 4) })
}

func playMTLSPooled(b *stage.Bed) error {
	a, cert, err := b.Workload("b")
	if err != nil {
		return err
	}
	if err := b.InboundPod(mesh.Sidecar{TLSIn: cert, CA: a.File}); err != nil {
		return err
	}
	cfg, err := a.Client("peer")
	if err != nil {
		return err
	}
	return b.Crowd(5, func(i int) app.HTTPClient {
		return app.HTTPClient{From: b.Host("client"), To: b.Host("b").At(stage.AppPort), Name: "svc-b", TLS: cfg,
			Calls: b.Script(fmt.Sprint("c", i), b.Between(4, 6), true)}
	})
}

// playPermissive has peers with mTLS and plain clients on one port, whose
// requests share upstream connections. That is Istio's default.
func playPermissive(b *stage.Bed) error {
	a, cert, err := b.Workload("b")
	if err != nil {
		return err
	}
	if err := b.InboundPod(mesh.Sidecar{TLSIn: cert, CA: a.File, Permissive: true}); err != nil {
		return err
	}
	cfg, err := a.Client("peer")
	if err != nil {
		return err
	}
	return b.Crowd(6, func(i int) app.HTTPClient {
		c := app.HTTPClient{From: b.Host("client"), To: b.Host("b").At(stage.AppPort), Name: "svc-b",
			Calls: b.Script(fmt.Sprint("c", i), b.Between(4, 6), i%3 > 0)}
		if half(i) {
			c.TLS = cfg
		}
		return c
	})
}

// playMidstreamInbound begins to capture when every connection is in use.
func playMidstreamInbound(b *stage.Bed) error {
	srv := b.Host("b")
	if err := b.ServeHTTP(srv, srv.At(stage.AppPort), nil); err != nil {
		return err
	}
	if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{}); err != nil {
		return err
	}
	const n = 5
	m := b.Meeting()
	return world.Parallel(func() error { return m.Hold(n, func() error { return b.BeginHere(srv) }) },
		func() error {
			return b.Crowd(n, func(i int) app.HTTPClient {
				calls := b.Script(fmt.Sprint("c", i), 6, half(i))
				calls[3].Before = m.Wait
				return app.HTTPClient{From: b.Host("client"), To: srv.At(stage.AppPort), Name: "svc-b", Calls: calls}
			})
		})
}

// pooled wants connections shared in both ways: a server-side leg that serves
// several clients, and a client served over several.
func pooled(t *truth.Truth) error {
	clients, servers := map[string]map[string]bool{}, map[string]map[string]bool{}
	note := func(m map[string]map[string]bool, k, v string) {
		if m[k] == nil {
			m[k] = map[string]bool{}
		}
		m[k][v] = true
	}
	for _, l := range t.Links {
		note(clients, l.To, l.From)
		note(servers, l.From, l.To)
	}
	for _, m := range []map[string]map[string]bool{clients, servers} {
		widest := 0
		for _, v := range m {
			widest = max(widest, len(v))
		}
		if widest < 2 {
			return fmt.Errorf("no connection was shared")
		}
	}
	return nil
}
