package reassembly_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// connections lists those of a trace as "orig reply".
func connections(tr *pcap.Trace) []string {
	var t reassembly.Table
	a := reassembly.NewAssembler(&t, reassembly.Discard{}, nil)
	for _, s := range tr.Segments() {
		a.Add(&s)
	}
	a.Finish()
	var out []string
	for orig, reply := range t.Connections() {
		out = append(out, fmt.Sprint(orig, " ", reply))
	}
	return out
}

// Every half comes once, the half that asked in front.
func TestConnections(t *testing.T) {
	tr := new(pcap.Trace)
	whole := tr.Conn("10.0.0.1:4000", "10.0.0.2:80").ISN(37000000, 53000000) // halves 1 and 2
	whole.Handshake()
	tr.Conn("10.0.0.1:4001", "10.0.0.2:80").ISN(74000000, 106000000).SYN() // half 3 has no answer
	late := tr.Conn("10.0.0.1:4002", "10.0.0.2:80").ISN(111000000, 159000000)
	late.SYN()
	tr.Lose(1)
	late.SYNACK() // half 4 came first, and answers half 5
	late.Send("hello")
	answer := tr.Conn("10.0.0.1:4003", "10.0.0.2:80").ISN(148000000, 212000000)
	answer.SYN()
	tr.Lose(1)
	answer.SYNACK() // half 6 answers what was not captured
	torn := tr.Conn("10.0.0.1:4004", "10.0.0.2:80").ISN(185000000, 265000000).Redirect("127.0.0.1:15001")
	torn.Handshake() // halves 7 and 8 are bound though their tuples differ
	if got, want := connections(tr), []string{"1 2", "3 0", "5 4", "0 6", "7 8"}; !slices.Equal(got, want) {
		t.Errorf("connections %q, want %q", got, want)
	}
}

// Who wants nothing is told nothing more than that.
func TestDiscard(t *testing.T) {
	var d reassembly.Consumer = reassembly.Discard{}
	d.Open(1, true, reassembly.At{})
	d.Bind(1, 2)
	d.Skip(reassembly.At{}, 1)
	d.Gap(reassembly.At{}, 1, reassembly.GapLost, capture.Ref{})
	d.Close(1, reassembly.EndFIN, reassembly.At{})
	if n := d.Bytes(reassembly.At{}, []byte("x")); n < 1<<62 {
		t.Errorf("skips %d bytes, want all", n)
	}
}
