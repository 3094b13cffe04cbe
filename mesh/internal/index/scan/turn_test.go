package scan_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// units describes what was kept of the turns of the half: kind, offset, length,
// and the packets with the first and the last byte, or for the last its time if
// that is another's.
func (h *half) units() []string {
	c := h.content()
	if c.Turns == 0 {
		return []string{"not kept"}
	}
	var out []string
	t := h.s.Turns.At(c.Turns)
	for i := t.First; i != 0; {
		u := h.s.Units.At(i)
		out = append(out, fmt.Sprintf("%d at %d: %d, packet %d having heard %d, until %d", u.Kind, u.Off, u.Len, u.At.Ref.Packet, u.At.Ack, u.Until))
		i = u.Next
	}
	if int(t.Count) != len(out) {
		out = append(out, fmt.Sprintf("counted as %d", t.Count))
	}
	return out
}

// checkUnits compares the units of the half.
func (h *half) checkUnits(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(h.units(), want); d != "" {
		t.Errorf("units (-got +want):\n%s", d)
	}
}

// sealed opens a half of a scan that has seen TLS before.
func sealed() *half {
	s := scan.New(nil, nil)
	open(s, 1, true).send(record(22, 100)).fin()
	return open(s, 2, true)
}

// Plain bytes have turns: what is sent until more of the other side was heard.
func TestPlainTurns(t *testing.T) {
	for _, tt := range []struct {
		name string
		h    *half
		want []string
	}{
		{"one", sealed().send("abc"), []string{"1 at 0: 0, packet 1 having heard 0, until 10"}},
		{"of two packets", sealed().hear(5).send("abc", "def"), []string{"1 at 0: 0, packet 1 having heard 5, until 20"}},
		{"two", sealed().send("abc", "def").hear(1).send("ghi", "jkl"), []string{"1 at 0: 0, packet 1 having heard 0, until 20", "1 at 6: 0, packet 3 having heard 1, until 40"}},
		{"heard less, which is an old packet", sealed().hear(9).send("abc").hear(^uint32(0)).send("def"), []string{"1 at 0: 0, packet 1 having heard 9, until 20"}},
		{"heard across the end of numbers", sealed().hear(^uint32(0)).send("abc").hear(2).send("def"),
			[]string{"1 at 0: 0, packet 1 having heard 4294967295, until 10", "1 at 3: 0, packet 2 having heard 1, until 20"}},
		{"sent again", sealed().send("abc", "d").again(5, "efg"), []string{"1 at 0: 0, packet 1 having heard 0, until 20"}},
		{"a hole", sealed().send("abc").lose(7).send("def"),
			[]string{"1 at 0: 0, packet 1 having heard 0, until 10", "0 at 3: 7, packet 2 having heard 0, until 20", "1 at 10: 0, packet 2 having heard 0, until 20"}},
		{"a packet cut off", sealed().send("abc").cut(7).send("def"), []string{"1 at 0: 0, packet 1 having heard 0, until 20"}},
		{"the longest hole", sealed().send("abc").lose(1 << 30), []string{"1 at 0: 0, packet 1 having heard 0, until 10", "0 at 3: 1073741824, packet 2 having heard 0, until 20"}},
		{"a hole longer than that", sealed().send("abc").lose(1<<30 + 1), []string{"1 at 0: 0, packet 1 having heard 0, until 10", "0 at 3: 1073741824, packet 2 having heard 0, until 20"}},
		{"messages are known without", sealed().send("GET / HTTP/1.1\r\n", "\r\n", getA, getB), []string{"1 at 0: 0, packet 1 having heard 0, until 20"}},
		{"where no TLS was seen", alone().send("abc"), []string{"not kept"}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.h.checkUnits(t, tt.want...) })
	}
}

// TLS has records.
func TestRecords(t *testing.T) {
	hello := record(22, 100)
	for _, tt := range []struct {
		name string
		h    *half
		want []string
	}{
		{"one for each packet", alone().send(hello).hear(8).send(record(20, 1), record(23, 40), record(21, 2)),
			[]string{
				"22 at 0: 100, packet 1 having heard 0, until 10", "20 at 105: 1, packet 2 having heard 8, until 20",
				"23 at 111: 40, packet 3 having heard 8, until 30", "21 at 156: 2, packet 4 having heard 8, until 40",
			}},
		{"several in a packet", alone().send(hello + record(23, 4)), []string{"22 at 0: 100, packet 1 having heard 0, until 10", "23 at 105: 4, packet 1 having heard 0, until 10"}},
		{"split over packets", alone().send(hello[:50], hello[50:60], hello[60:]+record(23, 4)), []string{"22 at 0: 100, packet 1 having heard 0, until 30", "23 at 105: 4, packet 3 having heard 0, until 30"}},
		{"split in a header", alone().send(hello, record(23, 9)[:3], record(23, 9)[3:]), []string{"22 at 0: 100, packet 1 having heard 0, until 10", "23 at 105: 9, packet 3 having heard 0, until 30"}},
		{"the last byte apart", alone().send(hello[:104], hello[104:]), []string{"22 at 0: 100, packet 1 having heard 0, until 20"}},
		{"sent again", alone().send(hello[:50], hello[50:60]).again(5, hello[60:]), []string{"22 at 0: 100, packet 1 having heard 0, until 20"}},
		{"bytes cut off a record", alone().send(hello, record(23, 40)[:20]).cut(25).send(record(23, 6)),
			[]string{"22 at 0: 100, packet 1 having heard 0, until 10", "23 at 105: 40, packet 2 having heard 0, until 20", "23 at 150: 6, packet 3 having heard 0, until 30"}},
		{"bytes missing inside of a record", alone().send(hello, record(23, 40)[:20]).lose(25).send(record(23, 6)),
			[]string{"22 at 0: 100, packet 1 having heard 0, until 10", "23 at 105: 40, packet 2 having heard 0, until 20", "23 at 150: 6, packet 3 having heard 0, until 30"}},
		{"records missing", alone().send(hello).lose(50).send(record(23, 6)),
			[]string{"22 at 0: 100, packet 1 having heard 0, until 10", "0 at 105: 50, packet 2 having heard 0, until 20", "23 at 155: 6, packet 2 having heard 0, until 20"}},
		{"records missing at the end", alone().send(hello).lose(50).fin(), []string{"22 at 0: 100, packet 1 having heard 0, until 10", "0 at 105: 50, packet 2 having heard 0, until 20"}},
		{"from the middle", midway().send("ssss" + record(23, 6) + record(23, 7)),
			[]string{"0 at 0: 4, packet 1 having heard 0, until 10", "23 at 4: 6, packet 1 having heard 0, until 10", "23 at 15: 7, packet 1 having heard 0, until 10"}},
		{"the first bytes missing", alone().lose(5).send(record(23, 6)), []string{"0 at 0: 5, packet 1 having heard 0, until 10", "23 at 5: 6, packet 1 having heard 0, until 10"}},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.h.checkUnits(t, tt.want...) })
	}
}

// No more is kept of one half than legs need to be told apart.
func TestMostUnits(t *testing.T) {
	const most = 1 << 17
	for _, more := range []int{0, 1, 2} {
		h := sealed()
		for range most + more {
			h.hear(1).send("a")
		}
		turns, listed := h.s.Turns.At(h.content().Turns), 0
		for i := turns.First; i != 0; i = h.s.Units.At(i).Next {
			listed++
		}
		if turns.Count != most || listed != most {
			t.Errorf("%d more than the most: %d units, of which %d are listed, want %d", more, turns.Count, listed, most)
		}
	}
}

// Turns of plain bytes are kept where a proxy can have encrypted them: on
// loopback, and wherever TLS was seen already.
func TestWhereTurnsAreKept(t *testing.T) {
	for iface, want := range map[string]bool{"lo": true, "eth0": false} {
		t.Run(iface, func(t *testing.T) {
			c := pcap.Conn("10.244.1.10:4000", "10.244.1.10:80").At(0, iface)
			c.Handshake()
			c.Send("who is there?")
			c.Close()
			s := read(t, c.Trace)
			if got := s.Contents.At(1).Turns != 0; got != want {
				t.Errorf("turns are kept: %v, want %v", got, want)
			}
		})
	}
}

// read scans a trace as the capture of one file.
func read(t *testing.T, tr *pcap.Trace) *scan.Scan {
	t.Helper()
	in, err := capture.OpenInput(t.Context(), pcap.WriteFile(t, "trace.pcapng", tr.PCAPNG()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	points, table := tcpip.NewPoints(), new(reassembly.Table)
	s := scan.New(table, points)
	if _, err := reassembly.Index(t.Context(), []*capture.Input{in}, points, table, s, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

// facts returns what the handshake of a half says.
func (h *half) facts(t *testing.T) string {
	t.Helper()
	tls := h.s.Turns.At(h.content().Turns).TLS
	if tls == nil {
		t.Fatal("the half is no TLS")
	}
	f := tls.Facts
	s := fmt.Sprintf("known %v whole %v %q", f.Known, f.Hello.Whole, f.Hello.SNI)
	if f.Missing {
		s += ", missing"
	}
	if f.Retried {
		s += ", retried"
	}
	if f.Presented {
		s += ", presented"
	}
	return s
}

// said returns what a client or the server sends in a TLS connection, by segment.
func said(reply bool, o pcap.TLSConfig) []string {
	c := pcap.Conn("10.0.0.1:4000", "10.0.0.2:443")
	c.TLS(o)
	var out []string
	for _, s := range c.Segments() {
		if len(s.Bytes) > 0 && (s.Key.SrcPort == 443) == reply {
			out = append(out, string(s.Bytes))
		}
	}
	return out
}

// What the handshake says in the clear is kept when the half ends.
func TestHandshake(t *testing.T) {
	hello := said(false, pcap.TLSConfig{SNI: "app"})[0]
	retried := said(false, pcap.TLSConfig{SNI: "app", Retry: true})
	mutual := said(false, pcap.TLSConfig{SNI: "app", Version: 0x0303, Mutual: true})
	server := said(true, pcap.TLSConfig{Version: 0x0303})
	resumed := said(true, pcap.TLSConfig{Version: 0x0303, Resumed: true})
	n := int64(len(hello))
	for _, tt := range []struct {
		name string
		h    *half
		want string
	}{
		{"one packet", alone().send(hello).fin(), `known true whole true "app"`},
		{"split over packets", alone().send(hello[:20], hello[20:100], hello[100:]).fin(), `known true whole true "app"`},
		{"without its SYN", midway().send(hello).fin(), `known true whole true "app"`},
		{"without its SYN, and split", midway().send(hello[:60], hello[60:]).fin(), `known true whole true "app"`},
		{"cut off", alone().send(hello[:n-5]).cut(5).fin(), `known true whole false "app", missing`},
		{"cut off before the name", alone().send(hello[:60]).cut(n - 60).fin(), `known true whole false "", missing`},
		{"the middle missing", alone().send(hello[:60]).lose(40).send(hello[100:]).fin(), `known true whole false "", missing`},
		{"lost between messages", alone().send(hello).lose(4).send(record(23, 5)).fin(), `known true whole true "app", missing`},
		{"said twice", alone().send(retried...).fin(), `known true whole true "app", retried`},
		{"with a certificate", alone().send(mutual...).fin(), `known true whole true "app", presented`},
		{"data in the middle", midway().send(record(23, 50)).fin(), `known false whole false ""`},
		{"nothing after ChangeCipherSpec is read", alone().send(hello+record(20, 1)+record(22, 4), record(22, 9)).fin(), `known true whole true "app"`},
		{"a server", alone().send(server...).fin(), `known true whole true "", presented`},
		{"a server that resumes", alone().send(resumed...).fin(), `known true whole true ""`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.h.facts(t); got != tt.want {
				t.Errorf("handshake %s, want %s", got, tt.want)
			}
		})
	}
	resuming := alone().send(resumed...).fin()
	if f := resuming.s.Turns.At(resuming.content().Turns).TLS.Facts; !f.Resumed {
		t.Error("a ChangeCipherSpec right after the hello resumes no session")
	}
}
