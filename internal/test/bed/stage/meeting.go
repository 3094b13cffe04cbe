//go:build linux

package stage

import "context"

// meeting stops all clients in mid-conversation, so that something can be
// done while every connection is open and quiet.
type meeting struct {
	ctx     context.Context
	arrived chan struct{}
	open    chan struct{}
}

func (b *Bed) Meeting() *meeting {
	return &meeting{ctx: b.Ctx, arrived: make(chan struct{}), open: make(chan struct{})}
}

// Wait is called by a client that has come to the meeting.
func (m *meeting) Wait() error {
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
func (m *meeting) Hold(n int, do func() error) error {
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
