//go:build linux

package scene

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/app"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/stage"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// burstHTTP is n clients over mTLS that have made their connections and send
// requests of one size at once, to be answered in one size.
func burstHTTP(n int, record func(*stage.Bed, *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		who, _, err := b.SecurePod(mesh.Sidecar{}, record)
		if err != nil {
			return err
		}
		size, delay := b.Between(200, 400), b.Between(2, 5)
		m := b.Meeting()
		return world.Parallel(func() error { return m.Hold(n, func() error { return nil }) }, func() error {
			return b.Crowd(n, func(i int) app.HTTPClient {
				k := sameCall(i, 0, size, delay)
				k.Before = m.Wait
				return app.HTTPClient{From: b.Host("client"), Local: who[0].At, To: b.Host("b").At(stage.AppPort), Name: "svc-b", TLS: who[0].TLS, Calls: []app.Call{k}}
			})
		})
	}
}

// sameCall is a request whose size and whose answer's size are those of all
// others, and that is told apart only by who can read it.
func sameCall(client, i, size, delay int) app.Call {
	return app.Call{Method: "GET", Target: fmt.Sprintf("/logo/%03d/%03d?size=%d&delay=%d", client, i, size, delay),
		Header: [][2]string{{"user-agent", "browser"}}}
}

// burstTCP is n raw connections over mTLS, dialled at once, of equal sizes.
func burstTCP(n int, record func(*stage.Bed, *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		srv := b.Host("b")
		ca, cert, err := b.Workload("b")
		if err != nil {
			return err
		}
		cfg, err := ca.Client("peer")
		if err != nil {
			return err
		}
		server, err := b.ServeTCP(srv, srv.At(stage.RawPort), nil)
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
		return b.Talkers(n, func(int) app.TCPClient {
			s := app.TCPScript{Turns: []app.Turn{{FromClient: true, Data: b.Random(ask)}, {Data: b.Random(answer)}}}
			server.Expect(s)
			return app.TCPClient{Script: s, TLS: cfg}
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
func saturated(clients, calls, work int, fair bool, record func(*stage.Bed, *world.Host) error) func(*stage.Bed) error {
	return func(b *stage.Bed) error {
		b.Notes.Brief = true
		lua := filepath.Join(b.Tmp, "burn.lua")
		if err := os.WriteFile(lua, fmt.Appendf(nil, burn, work), 0o644); err != nil {
			return err
		}
		who, _, err := b.SecurePod(mesh.Sidecar{Burn: lua, Fair: fair}, record)
		if err != nil {
			return err
		}
		m := b.Meeting()
		return world.Parallel(func() error { return m.Hold(clients, func() error { return nil }) }, func() error {
			return b.Crowd(clients, func(i int) app.HTTPClient {
				c := app.HTTPClient{From: b.Host("client"), Local: who[0].At, To: b.Host("b").At(stage.AppPort), Name: "svc-b", TLS: who[0].TLS}
				for k := range calls {
					c.Calls = append(c.Calls, sameCall(i, k, 60, 1))
				}
				c.Calls[0].Before = m.Wait
				return c
			})
		})
	}
}
