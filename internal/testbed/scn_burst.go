//go:build linux

package testbed

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// burstHTTP is n clients over mTLS that have made their connections and send
// requests of one size at once, to be answered in one size.
func burstHTTP(n int, record func(*bed, *world.Host) error) func(*bed) error {
	return func(b *bed) error {
		who, _, err := b.securePod(mesh.Sidecar{}, record)
		if err != nil {
			return err
		}
		size, delay := b.Between(200, 400), b.Between(2, 5)
		m := b.meeting()
		return world.Parallel(func() error { return m.hold(n, func() error { return nil }) }, func() error {
			return b.crowd(n, func(i int) httpClient {
				k := sameCall(i, 0, size, delay)
				k.before = m.wait
				return httpClient{from: b.Host("client"), local: who[0].at, to: b.Host("b").At(appPort), name: "svc-b", tls: who[0].tls, calls: []call{k}}
			})
		})
	}
}

// sameCall is a request whose size and whose answer's size are those of all
// others, and that is told apart only by who can read it.
func sameCall(client, i, size, delay int) call {
	return call{method: "GET", target: fmt.Sprintf("/logo/%03d/%03d?size=%d&delay=%d", client, i, size, delay),
		header: [][2]string{{"user-agent", "browser"}}}
}

// burstTCP is n raw connections over mTLS, dialled at once, of equal sizes.
func burstTCP(n int, record func(*bed, *world.Host) error) func(*bed) error {
	return func(b *bed) error {
		srv := b.Host("b")
		ca, cert, err := b.workload("b")
		if err != nil {
			return err
		}
		cfg, err := ca.Client("peer")
		if err != nil {
			return err
		}
		app, err := b.serveTCP(srv, srv.At(rawPort), nil)
		if err != nil {
			return err
		}
		if _, err := b.Inject(srv, mesh.IstioDefaults(), mesh.Sidecar{Inbound: "tcp", Outbound: "tcp", TLSIn: cert, CA: ca.File}); err != nil {
			return err
		}
		if err := record(b, srv); err != nil {
			return err
		}
		ask, answer := b.Between(100, 200), b.Between(300, 400)
		return b.talkers(n, func(int) tcpClient {
			s := tcpScript{turns: []turn{{fromClient: true, data: b.Random(ask)}, {data: b.Random(answer)}}}
			app.expect(s)
			return tcpClient{script: s, tls: cfg}
		})
	}
}

// burn is time that the proxy spends on a request, for routing and policy, and
// an eighth of it on its response, without letting go of its only thread.
const burn = `local function spend(n)
  local x = 0
  for i = 1, n do x = x ~ (i * 2654435761) end
end
core.register_action("burn", { "http-req" }, function(txn) spend(%[1]d) end)
core.register_action("burnt", { "http-res" }, function(txn) spend(%[1]d // 8) end)
`

// saturated is clients over mTLS that ask short identical requests as fast as
// the proxy lets them, which is slower than everything else.
func saturated(clients, calls, work int, fair bool, record func(*bed, *world.Host) error) func(*bed) error {
	return func(b *bed) error {
		b.notes.brief = true
		lua := filepath.Join(b.Tmp, "burn.lua")
		if err := os.WriteFile(lua, fmt.Appendf(nil, burn, work), 0o644); err != nil {
			return err
		}
		who, _, err := b.securePod(mesh.Sidecar{Burn: lua, Fair: fair}, record)
		if err != nil {
			return err
		}
		m := b.meeting()
		return world.Parallel(func() error { return m.hold(clients, func() error { return nil }) }, func() error {
			return b.crowd(clients, func(i int) httpClient {
				c := httpClient{from: b.Host("client"), local: who[0].at, to: b.Host("b").At(appPort), name: "svc-b", tls: who[0].tls}
				for k := range calls {
					c.calls = append(c.calls, sameCall(i, k, 60, 1))
				}
				c.calls[0].before = m.wait
				return c
			})
		})
	}
}
