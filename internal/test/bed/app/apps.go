//go:build linux

package app

import (
	"net/netip"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/socket"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Apps are the applications and clients of a world, and what they know of what
// they did.
type Apps struct {
	*world.World
	Rec     socket.Recorder
	lookups lookups
}

// Asked lists the names that were looked up so far.
func (a *Apps) Asked() []truth.Lookup { return a.lookups.list() }

// accept calls serve with every connection that is made to h at an address.
func (a *Apps) accept(h *world.Host, at netip.AddrPort, serve func(*socket.Conn)) error {
	l, err := h.ListenTCP(a.Ctx, at)
	if err != nil {
		return err
	}
	a.Later(func() { _ = l.Close() })
	in := a.Rec.Listen(h, l)
	go func() {
		for {
			c, err := in.Accept()
			if err != nil {
				return
			}
			go serve(c.(*socket.Conn))
		}
	}()
	return nil
}
