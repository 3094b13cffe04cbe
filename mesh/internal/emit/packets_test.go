package emit

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// twoLegs is two connections whose packets alternate, and what is of neither.
func twoLegs() *pcap.Trace {
	tr := new(pcap.Trace)
	a := tr.Conn("10.0.0.1:4000", "10.0.0.2:80").ISN(1000, 2000)
	b := tr.Conn("10.0.0.1:4001", "10.0.0.2:80").ISN(3000, 4000)
	a.SYN()
	b.SYN()
	a.SYNACK()
	b.SYNACK()
	a.Send("one")
	b.Send("two")
	a.Reply("three")
	return tr
}

// numbers lists the packets of a leg.
func numbers(ctx context.Context, s *Source, leg, most int) (out []uint32, err error) {
	enough := errors.New("enough")
	err = s.Packets(ctx, leg, func(p *capture.Packet) error {
		out = append(out, p.Ref.Packet)
		if len(out) == most {
			return enough
		}
		return nil
	})
	if err == enough {
		err = nil
	}
	return out, err
}

func TestPackets(t *testing.T) {
	s := traced(t, twoLegs())
	for leg, want := range [][]uint32{{1, 3, 5, 7}, {2, 4, 6}} {
		if got, err := numbers(t.Context(), s, leg, 99); err != nil || !slices.Equal(got, want) {
			t.Errorf("leg %d: packets %v, %v, want %v", leg, got, err, want)
		}
	}
	if got, err := numbers(t.Context(), s, 0, 2); err != nil || len(got) != 2 {
		t.Errorf("until two were enough: packets %v, %v", got, err)
	}
}

// Of two pods each leg is read from its own.
func TestPacketsOfPods(t *testing.T) {
	one := new(pcap.Trace)
	c := one.Conn("10.0.0.3:5000", "10.0.0.4:90").ISN(5000, 6000)
	c.Handshake()
	s := sourceOf(t, pcap.WriteFile(t, "a.pcapng", twoLegs().PCAPNG()), pcap.WriteFile(t, "b.pcapng", one.PCAPNG()))
	total := 0
	for leg := range s.Planner.Legs {
		got, err := numbers(t.Context(), s, leg, 99)
		if err != nil {
			t.Fatal(err)
		}
		total += len(got)
	}
	if len(s.Planner.Legs) != 3 || total != 7+3 {
		t.Errorf("%d packets of %d legs, want 10 of 3", total, len(s.Planner.Legs))
	}
}

// What cannot be read again, and what nobody waits for, is an error.
func TestPacketsGone(t *testing.T) {
	name := pcap.WriteFile(t, "trace.pcapng", twoLegs().PCAPNG())
	s := sourceOf(t, name)
	if err := os.Truncate(name, 400); err != nil {
		t.Fatal(err)
	}
	if got, err := numbers(t.Context(), s, 0, 99); !errors.Is(err, capture.ErrChanged) {
		t.Errorf("of a file that is shorter now: packets %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := numbers(ctx, s, 0, 99); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A writer whose run is cancelled gets nothing more.
func TestCancelledWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := traced(t, twoLegs())
	for _, classic := range []bool{false, true} {
		if _, err := s.Write(ctx, io.Discard, Options{Classic: classic}); !errors.Is(err, context.Canceled) {
			t.Errorf("classic %v: %v", classic, err)
		}
	}
}
