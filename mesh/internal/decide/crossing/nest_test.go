package crossing

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A leg may have been opened or used on behalf of another by the times of their SYNs
// and bytes, as far as they were captured.
func TestLegNests(t *testing.T) {
	const c = index.Causality
	for _, tt := range []struct {
		name string
		make func(x *Crossing, d, u *graph.Leg, to func(l *graph.Leg, reply bool) *scan.Content)
		want bool
	}{
		{"within", func(*Crossing, *graph.Leg, *graph.Leg, func(*graph.Leg, bool) *scan.Content) {}, true},
		{"of another client", func(_ *Crossing, _, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) { u.Kept = true }, false},
		{"opened as early as may be", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) { u.Start = d.Start - c }, true},
		{"opened earlier, for another", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) { u.Start = d.Start - c - 1 }, true},
		{"opened earlier, and never used", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			u.Start = d.Start - c - 1
			u.OrigBytes, u.ReplyBytes = 0, 0
			to(u, false).Proto, to(u, true).Proto = scan.ProtoNone, scan.ProtoNone
		}, false},
		{"over as early as may be", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) {
			u.Start, u.End = d.Start-2*c, d.Start-c
		}, true},
		{"over too early", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) {
			u.Start, u.End = d.Start-2*c, d.Start-c-1
		}, false},
		{"opened before the capture", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) {
			u.Start, u.Midstream = d.Start-c-1, true
		}, true},
		{"opened before the other was captured", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) {
			u.Start, d.Midstream = d.Start-c-1, true
		}, true},
		{"opened as late as may be", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) { u.Start = d.End + c }, true},
		{"opened too late", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) { u.Start = d.End + c + 1 }, false},
		{"asked as early as may be", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(u, false), to(d, false), c)
		}, true},
		{"asked too early", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(u, false), to(d, false), c+1)
		}, false},
		{"asked too early, begun before the capture", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(u, false), to(d, false), c+1)
			u.Midstream = true
		}, true},
		{"asked too early, of what began before it was captured", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(u, false), to(d, false), c+1)
			to(d, false).Late = true
		}, true},
		{"asked nothing", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			moveContent(to(u, false), 0, 0)
			to(u, false).Proto, to(d, false).Proto = scan.ProtoNone, scan.ProtoNone
		}, true},
		{"asked, and nobody asked for it", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			to(d, false).Proto = scan.ProtoNone
		}, false},
		{"asked, and who asked for it was not captured", func(_ *Crossing, d, u *graph.Leg, _ func(*graph.Leg, bool) *scan.Content) { d.Conn.Orig = 0 }, true},
		{"answered as early as may be", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(d, true), to(u, true), c)
		}, true},
		{"answered too early", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(d, true), to(u, true), c+1)
		}, false},
		{"answered too early, by a handshake", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(d, true), to(u, true), c+1)
			d.Protocol = flow.ProtocolTLS
		}, true},
		{"answered too early, behind a handshake", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(d, true), to(u, true), c+1)
			u.Protocol = flow.ProtocolTLS
		}, true},
		{"answered too early, by what began before it was captured", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			begins(to(d, true), to(u, true), c+1)
			to(u, true).Late = true
		}, true},
		{"answered to the end as early as may be", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			ends(to(d, true), to(u, true), c)
		}, true},
		{"answered to the end too early", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			ends(to(d, true), to(u, true), c+1)
		}, false},
		{"too early, but it goes on", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			ends(to(d, true), to(u, true), c+1)
			to(d, true).Open = true
		}, true},
		{"too early, but its end is missing", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			ends(to(d, true), to(u, true), c+1)
			to(d, true).Ragged = true
		}, true},
		{"too early, but it began before the capture", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			ends(to(d, true), to(u, true), c+1)
			d.Midstream = true
		}, true},
		{"answered, and nothing came back", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			moveContent(to(d, true), 0, 0)
			to(d, true).Proto = scan.ProtoNone
		}, true},
		{"not answered", func(_ *Crossing, d, u *graph.Leg, to func(*graph.Leg, bool) *scan.Content) {
			moveContent(to(d, true), 0, 0)
			to(u, true).Proto = scan.ProtoNone
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			f := opened(tr, 1)[0]
			f.carry(talk, reply)
			f.close()
			x := crossed(t, tr)
			tt.make(x, x.Down[0], x.Up[0], func(l *graph.Leg, reply bool) *scan.Content {
				if reply {
					return x.Index.Content(l.Conn.Reply)
				}
				return x.Index.Content(l.Conn.Orig)
			})
			if got := LegNests(x.Index, x.Down[0], x.Up[0]); got != tt.want {
				t.Errorf("nests %v, want %v", got, tt.want)
			}
		})
	}
}

// Behind a plain leg TLS nests by what the application said: the proxy shakes hands
// before its client speaks, and says goodbye when that has gone.
func TestSealedNests(t *testing.T) {
	const c = int64(index.Causality)
	old := pcap.TLSConfig{Version: 0x0303}
	say := func(n int) func(*pcap.TLSConnection) {
		return func(u *pcap.TLSConnection) {
			for range n {
				u.Send(100)
			}
		}
	}
	answer := func(n int) func(*pcap.TLSConnection) {
		return func(u *pcap.TLSConnection) {
			for range n {
				u.Reply(100)
			}
		}
	}
	for _, tt := range []struct {
		name          string
		config        pcap.TLSConfig
		before, after func(*pcap.TLSConnection) // said before the client speaks, and after its last answer
		unasked       bool                      // the client says nothing
		want          bool
	}{
		{"a handshake, and an alert", pcap.TLSConfig{}, say(0), (*pcap.TLSConnection).Close, false, true},
		{"with certificates", pcap.TLSConfig{Mutual: true}, say(0), (*pcap.TLSConnection).Close, false, true},
		{"in few records", pcap.TLSConfig{Mutual: true, Packing: pcap.PackBoringSSL}, say(0), (*pcap.TLSConnection).Close, false, true},
		{"keys change at the end", pcap.TLSConfig{}, say(0), (*pcap.TLSConnection).KeyUpdateReply, false, true},
		{"asked before the client, perhaps", pcap.TLSConfig{}, say(mostOfClient - 1), (*pcap.TLSConnection).Close, false, true},
		{"asked before the client", pcap.TLSConfig{}, say(mostOfClient), (*pcap.TLSConnection).Close, false, false},
		{"answered after it, perhaps", pcap.TLSConfig{}, say(0), answer(2), false, true},
		{"answered after it", pcap.TLSConfig{}, say(0), answer(mostOfServer), false, false},
		{"nobody asks", pcap.TLSConfig{}, say(0), (*pcap.TLSConnection).Close, true, true},
		{"nobody asks, and it is asked", pcap.TLSConfig{}, say(mostOfClient), (*pcap.TLSConnection).Close, true, false},
		{"before TLS 1.3", old, say(0), (*pcap.TLSConnection).Close, false, true},
		{"before TLS 1.3, asked before the client", old, say(1), (*pcap.TLSConnection).Close, false, false},
		{"before TLS 1.3, answered after it", old, say(0), answer(1), false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := new(pcap.Trace)
			f := opened(tr, 1)[0]
			u := f.up.TLS(tt.config)
			tr.Wait(1e6)
			tt.before(u)
			tr.Wait(1e6)
			if !tt.unasked {
				f.down.Send(talk)
				u.Send(len(talk))
			}
			u.Reply(len(reply))
			f.down.Reply(reply)
			tr.Wait(1e6)
			tt.after(u)
			tr.Wait(1e6)
			f.down.Close()
			x := crossed(t, tr)
			d, up := x.Down[0], x.Up[0]
			if asked := x.Index.Content(up.Conn.Orig).Data.Nanos; !tt.unasked && asked >= x.Index.Content(d.Conn.Orig).Data.Nanos-c {
				t.Fatal("the handshake does not come first")
			}
			if got := LegNests(x.Index, d, up); got != tt.want {
				t.Errorf("nests %v, want %v", got, tt.want)
			}
		})
	}
}

// Plain streams that are equal go together whichever was opened first; where they are
// too short to say so, only by the order of time.
func TestMayCarryWhatWasOpenedBefore(t *testing.T) {
	for _, tt := range []struct {
		name string
		say  string
		want bool
	}{
		{"equal", talk, true},
		{"equal, and short", "hi", false},
	} {
		tr := new(pcap.Trace)
		u, d := onLo(tr, 0), onEth0(tr, 0)
		u.Handshake()
		tr.Wait(1e6)
		d.Handshake()
		f := flowed{d, u}
		f.carry(tt.say, tt.say)
		f.close()
		c := crossed(t, tr)
		if got := c.mayCarry(c.Down[0], c.Up[0]); got != tt.want {
			t.Errorf("%s: may carry %v, want %v", tt.name, got, tt.want)
		}
	}
}
