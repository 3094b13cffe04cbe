package graph

import (
	"net/netip"
	"testing"
)

// Links of one leg stand in the order of its exchanges, those of the whole leg
// before them.
func TestOrder(t *testing.T) {
	for want, l := range map[int]Link{-1: {}, 0: {Down: &Exchange{}}, 3: {Down: &Exchange{No: 3}}} {
		if got := l.Order(); got != want {
			t.Errorf("order %d, want %d", got, want)
		}
	}
}

func TestBegan(t *testing.T) {
	to := bare()
	to.Start = 7
	if got := (&Link{To: to}).Began(); got != 7 {
		t.Errorf("a leg began at %d, want 7", got)
	}
	down := &Exchange{Req: message(3, 8), Resp: message(20, 30)}
	if got := (&Link{To: to, Down: down}).Began(); got != 7 {
		t.Errorf("an attempt began at %d, want 7", got)
	}
	used := bare()
	used.Start, used.OrigBytes = 7, 1
	if got := (&Link{To: used, Down: down}).Began(); got != 30 {
		t.Errorf("what is not found began at %d, want 30", got)
	}
	if got := (&Link{To: to, Up: &Exchange{Req: message(9, 11)}}).Began(); got != 9 {
		t.Errorf("an exchange began at %d, want 9", got)
	}
}

// A proxy that keeps its client's address serves that client; one whose clients
// dial the application's port dials that port.
func TestMayServe(t *testing.T) {
	for _, tt := range []struct {
		name        string
		kept, fixed bool
		src, dst    string // of what was dialled
		want        bool
	}{
		{"anybody", false, false, "10.0.0.1:1", "10.0.0.2:2", true},
		{"its client, from another port", true, false, "192.0.2.1:1", "10.0.0.2:2", true},
		{"another client", true, false, "192.0.2.2:40000", "10.0.0.2:2", false},
		{"its port, elsewhere", false, true, "10.0.0.1:1", "10.0.0.2:8080", true},
		{"another port", false, true, "10.0.0.1:1", "10.244.1.10:8081", false},
		{"both", true, true, "192.0.2.1:1", "10.0.0.2:8080", true},
		{"its client at another port", true, true, "192.0.2.1:1", "10.0.0.2:2", false},
		{"its port by another client", true, true, "10.0.0.1:1", "10.0.0.2:8080", false},
	} {
		d, u := bare(), bare()
		d.Orig.Src, d.Orig.Dst = netip.MustParseAddrPort(client), netip.MustParseAddrPort(app)
		u.Orig.Src, u.Orig.Dst = netip.MustParseAddrPort(tt.src), netip.MustParseAddrPort(tt.dst)
		u.Kept, d.Fixed = tt.kept, tt.fixed
		if got := MayServe(d, u); got != tt.want {
			t.Errorf("%s: may serve %v, want %v", tt.name, got, tt.want)
		}
	}
}
