//go:build linux

package stage

import "context"

// Meeting stops all clients in mid-conversation, so that something can be
// done while every connection is open and quiet.
type Meeting struct {
	ctx     context.Context
	arrived chan struct{}
	open    chan struct{}
}

// Meeting arranges one.
func (b *Bed) Meeting() *Meeting {
	return &Meeting{ctx: b.Ctx, arrived: make(chan struct{}), open: make(chan struct{})}
}

// Wait is called by a client that has come to the meeting.
func (m *Meeting) Wait() error {
	for _, step := range []func() bool{
		func() bool {
			select {
			case m.arrived <- struct{}{}:
				return true
			case <-m.ctx.Done():
				return false
			}
		},
		func() bool {
			select {
			case <-m.open:
				return true
			case <-m.ctx.Done():
				return false
			}
		},
	} {
		if !step() {
			return context.Cause(m.ctx)
		}
	}
	return nil
}

// Hold waits for n clients, does something and lets them go on.
func (m *Meeting) Hold(n int, do func() error) error {
	for range n {
		select {
		case <-m.arrived:
		case <-m.ctx.Done():
			return context.Cause(m.ctx)
		}
	}
	defer close(m.open)
	return do()
}
