package emit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/reassembly"
)

// A reading feeds a callReader one half, each piece in a packet of its own. Of its
// streams 1 and 5 are wanted.
type reading struct {
	c  *callReader
	at reassembly.At
}

func newReading(start bool) *reading {
	half := &callHalf{start: start, calls: map[uint32][2]int32{1: {0, 3}, 5: {2, 4}}, last: make(map[uint32]int)}
	return &reading{c: &callReader{halves: map[reassembly.HalfID]*callHalf{1: half}, spool: new(spool)}, at: reassembly.At{Half: 1}}
}

func (r *reading) packet() {
	r.at.Ref.Packet++
	r.at.Time = capture.Time(r.at.Ref.Packet)
}

// send feeds the bytes of packets.
func (r *reading) send(packets ...string) *reading {
	for _, p := range packets {
		r.packet()
		r.c.Bytes(r.at, []byte(p))
		r.at.Off += int64(len(p))
	}
	return r
}

// lose has n bytes missing.
func (r *reading) lose(n int64) *reading {
	r.packet()
	r.c.Gap(r.at, n, reassembly.GapLost, r.at.Ref)
	r.at.Off += n
	return r
}

// parts ends the half and describes what was collected.
func (r *reading) parts(t *testing.T) []string {
	t.Helper()
	r.packet()
	r.c.Close(1, reassembly.EndFIN, r.at)
	if r.c.err != nil {
		t.Fatal(r.c.err)
	}
	return toldParts(t, r.c.parts, r.c.spool)
}

// toldParts describes parts, a line each.
func toldParts(t *testing.T, parts []callPart, sp *spool) (out []string) {
	t.Helper()
	for _, p := range parts {
		s := fmt.Sprintf("%d/%d in %d: ", p.conv, p.call, p.at.Ref.Packet)
		text, err := sp.read(p.spot, int(p.n))
		switch p.kind {
		case partFields:
			s += "fields"
			readFields(text, func(name, value string) { s += " " + name + "=" + value })
		case partData:
			s += fmt.Sprintf("data %q", text)
		case partHole:
			s, err = s+fmt.Sprintf("missing %d", p.n), nil
		case partReset:
			s += fmt.Sprintf("reset %d", p.code)
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.end {
			s += " end"
		}
		out = append(out, s)
	}
	return out
}

// What is wanted of a half is collected as it came: heads, trailers, content with
// its holes, and how it ended.
func TestCallReader(t *testing.T) {
	h2 := pcap.NewH2
	for _, tt := range []struct {
		name string
		play func(c *pcap.H2) *reading
		want []string
	}{
		{"a request", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Preface(), c.Headers(1, true, ":method", "GET", "a", "b"))
		}, []string{"0/3 in 2: fields :method=GET a=b end"}},
		{"with a body", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), c.Data(1, false, "some")+c.Data(1, true, "more"))
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "some"`, `0/3 in 3: data "more" end`}},
		{"a frame in packets", func(c *pcap.H2) *reading {
			data := c.Data(1, true, "content")
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), data[:11], data[11:])
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "co"`, `0/3 in 4: data "ntent" end`}},
		{"an end by itself", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), c.Data(1, false, "some"), c.Data(1, true, ""))
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "some"`, `0/3 in 4: data "" end`}},
		{"an end by itself in the same packet", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), c.Data(1, false, "some")+c.Data(1, true, ""))
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "some" end`}},
		{"trailers", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Settings(), c.Headers(1, false, ":status", "200"), c.Data(1, false, "some"), c.Headers(1, true, "sum", "9"))
		}, []string{"0/3 in 2: fields :status=200", `0/3 in 3: data "some"`, "0/3 in 4: fields sum=9 end"}},
		{"an informational head", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Settings(), c.Headers(1, false, ":status", "100"), c.Headers(1, true, ":status", "200"))
		}, []string{"0/3 in 2: fields :status=100", "0/3 in 3: fields :status=200 end"}},
		{"given up", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), c.Reset(1, 8), c.SettingsAck())
		}, []string{"0/3 in 2: fields :method=GET", "0/3 in 3: reset 8 end"}},
		{"not over at the end", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), c.Data(1, false, "some"))
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "some"`}},
		{"content missing", func(c *pcap.H2) *reading {
			data := c.Data(1, true, "content")
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), data[:11]).lose(3).send(data[14:])
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "co"`, "0/3 in 4: missing 3", `0/3 in 5: data "nt" end`}},
		{"packets that changed places", func(c *pcap.H2) *reading {
			r := newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), c.Data(1, false, "some"))
			r.at.Ref.Packet -= 2 // the next packet came before
			return r.send(c.Data(1, true, "more"))
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "some"`, `0/3 in 3: data "more" end`}},
		{"content missing to its end", func(c *pcap.H2) *reading {
			data := c.Data(1, true, "content")
			return newReading(true).send(c.Preface(), c.Headers(1, false, ":method", "GET"), data[:11]).lose(5).send(c.SettingsAck())
		}, []string{"0/3 in 2: fields :method=GET", `0/3 in 3: data "co"`, "0/3 in 4: missing 5 end"}},
		{"streams that nobody wants", func(c *pcap.H2) *reading {
			return newReading(true).send(c.Preface(), c.Headers(1, true, ":method", "GET"), c.Headers(3, false, ":method", "PUT"), c.Data(3, true, "else"), c.Headers(5, true, ":method", "HEAD"))
		}, []string{"0/3 in 2: fields :method=GET end", "2/4 in 5: fields :method=HEAD end"}},
		{"from the middle", func(c *pcap.H2) *reading {
			c.Headers(7, true, ":path", "/unseen")
			return newReading(false).send(c.Headers(1, true, ":method", "GET", ":path", "/unseen")+c.SettingsAck(), c.Headers(5, true, ":method", "PUT"))
		}, []string{"0/3 in 1: fields :method=GET end", "2/4 in 2: fields :method=PUT end"}},
		{"from the middle, with a preface", func(c *pcap.H2) *reading {
			return newReading(false).send(c.Preface(), c.Headers(1, true, ":method", "GET", ":path", "/seen"), c.Headers(5, true, ":path", "/seen"))
		}, []string{"0/3 in 2: fields :method=GET :path=/seen end", "2/4 in 3: fields :path=/seen end"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.play(h2()).parts(t), tt.want); d != "" {
				t.Errorf("parts (-got +want):\n%s", d)
			}
		})
	}
}

// Exchanges of several connections and groups become the chunks of their
// conversations, in the order of time.
func TestGatherCalls(t *testing.T) {
	play := func(isn uint32, targets ...string) []byte {
		c := pcap.Conn("10.0.0.1:4000", "10.0.0.2:80").ISN(isn, isn+9).At(0, "eth0")
		client, server := pcap.NewH2(), pcap.NewH2()
		c.Handshake()
		c.Send(client.Preface())
		c.Reply(server.Settings())
		for i, target := range targets {
			c.Send(client.Headers(uint32(2*i+1), true, ":method", "GET", ":path", target))
		}
		for i, target := range targets {
			c.Reply(server.Headers(uint32(2*i+1), false, ":status", "200") + server.Data(uint32(2*i+1), true, "of "+target))
		}
		c.Close()
		return c.PCAPNG()
	}
	s := sourceOf(t, pcap.WriteFile(t, "a.pcapng", play(1000, "/a", "/b")), pcap.WriteFile(t, "b.pcapng", play(70000, "/c")))
	call := func(leg, i int) *graph.Exchange { return &s.Planner.Legs[leg].Exchanges[i] }
	if n := len(s.Planner.Legs); n != 2 || len(s.Planner.Legs[0].Exchanges) != 2 {
		t.Fatalf("%d legs, want 2, the first with 2 exchanges", n)
	}
	said := func(convs ...*plan.Conversation) []string {
		sp := new(spool)
		chunks, err := s.gather(t.Context(), convs, sp)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]string, 2*len(convs))
		for _, c := range chunks {
			text, err := sp.read(c.spot, int(c.n))
			if err != nil {
				t.Fatal(err)
			}
			d := 2 * c.conv
			if c.reply {
				d++
			}
			out[d] += string(text)
		}
		return out
	}
	got := said(&plan.Conversation{Calls: []*graph.Exchange{call(0, 1), call(1, 0)}}, &plan.Conversation{}, &plan.Conversation{Calls: []*graph.Exchange{call(0, 0)}})
	for i, want := range [][]string{{"PRI * HTTP/2.0"}, {"of /b", "of /c"}, nil, nil, {"PRI * HTTP/2.0"}, {"of /a"}} {
		for _, w := range want {
			if !strings.Contains(got[i], w) {
				t.Errorf("direction %d has %q, want %q in it", i, got[i], w)
			}
		}
		if strings.Count(got[i], "of /") != strings.Count(strings.Join(want, ""), "of /") || len(want) == 0 && got[i] != "" {
			t.Errorf("direction %d has %q, want nothing but %q", i, got[i], want)
		}
	}
}
