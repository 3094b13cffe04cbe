package emit

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/plan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// A half is what is read of one direction of an exchange: text in packets of 10 bytes
// from packet 1 on, some of which was lost, came in another order or was cut.
type half struct {
	text   string
	tunnel int64 // where HTTP ends; -1 = nowhere
	reply  bool
	edit   func(cs []chunk)
}

func (h *half) parts(t *testing.T, status int) []string {
	t.Helper()
	const from = 100 // offset of the message
	sp := new(spool)
	var cs []chunk
	for i := 0; i < len(h.text); i += 10 {
		text := h.text[i:min(i+10, len(h.text))]
		spot, err := sp.add([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		cs = append(cs, chunk{conv: 2, reply: h.reply, off: from + int64(i), n: int64(len(text)), spot: spot, at: moment(int64(i/10 + 1))})
	}
	if h.edit != nil {
		h.edit(cs)
	}
	p := &plan.Piece{From: from, To: from + int64(len(h.text)), Turn: 5, Message: &scan.Message{Flags: scan.MsgComplete}}
	tunnel := h.tunnel
	if tunnel >= 0 {
		p.To, tunnel = math.MaxInt64, from+tunnel
	}
	r := &messageReader{spool: sp}
	r.read(&graph.Exchange{Resp: &scan.Message{Status: uint16(status), HeadEnd: 1, End: 2}}, p, cs, tunnel)
	if r.err != nil {
		t.Fatal(r.err)
	}
	return toldParts(t, r.parts, sp)
}

// What follows an upgrade is content of the stream, as far as it is there.
func TestUpgradeReencoded(t *testing.T) {
	lose := func(no int) func(cs []chunk) { return func(cs []chunk) { cs[no].gap = true } }
	for _, tt := range []struct {
		name   string
		half   half
		status int
		want   []string
	}{
		{"asked for", half{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\nhello, you", 39, false, nil}, 101, []string{
			"2/5 in 4: fields :method=CONNECT :protocol=x :scheme=http :authority=a :path=/", `2/5 in 4: data "h"`, `2/5 in 5: data "ello, you"`}},
		{"answered", half{"HTTP/1.1 101 OK\r\nUpgrade: x\r\n\r\nhello, you", 31, true, nil}, 101, []string{
			"2/5 in 4: fields :status=200", `2/5 in 4: data "hello, yo"`, `2/5 in 5: data "u"`}},
		{"with a hole", half{"HTTP/1.1 101 OK\r\nUpgrade: x\r\n\r\nhello, you!", 31, true, lose(4)}, 101, []string{
			"2/5 in 4: fields :status=200", `2/5 in 4: data "hello, yo"`, "2/5 in 5: missing 2"}},
		{"asked of a proxy", half{"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nhello", 33, false, nil}, 200, []string{
			"2/5 in 4: fields :method=CONNECT :authority=a:1", `2/5 in 4: data "hello"`}},
		{"declined", half{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", -1, false, nil}, 200, []string{
			"2/5 in 4: fields :method=GET :scheme=http :authority=a :path=/ end"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.half.parts(t, tt.status), tt.want); d != "" {
				t.Errorf("-got +want:\n%s", d)
			}
		})
	}
}

// Content keeps its order where packets came in another, and what was cut off a
// packet is missing behind it.
func TestOrderReencoded(t *testing.T) {
	const text = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n0123456789abcdefghijklmn"
	for _, tt := range []struct {
		name string
		edit func(cs []chunk)
		want []string
	}{
		{"as sent", func(cs []chunk) {}, []string{"2/5 in 4: fields :status=200 content-length=24", `2/5 in 4: data "0"`, `2/5 in 5: data "123456789a"`, `2/5 in 6: data "bcdefghijk"`, `2/5 in 7: data "lmn" end`}},
		{"two changed places", func(cs []chunk) { cs[4].at, cs[5].at = cs[5].at, cs[4].at }, []string{
			"2/5 in 4: fields :status=200 content-length=24", `2/5 in 4: data "0"`, `2/5 in 6: data "123456789a"`, `2/5 in 6: data "bcdefghijk"`, `2/5 in 7: data "lmn" end`}},
		{"one cut", func(cs []chunk) { cs[5].n, cs[5].cut = 4, 6 }, []string{
			"2/5 in 4: fields :status=200 content-length=24", `2/5 in 4: data "0"`, `2/5 in 5: data "123456789a"`, `2/5 in 6: data "bcde"`, "2/5 in 6: missing 6", `2/5 in 7: data "lmn" end`}},
		{"the last lost", func(cs []chunk) { cs[6].gap = true }, []string{
			"2/5 in 4: fields :status=200 content-length=24", `2/5 in 4: data "0"`, `2/5 in 5: data "123456789a"`, `2/5 in 6: data "bcdefghijk"`, "2/5 in 7: missing 3 end"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := half{text, -1, true, tt.edit}
			if d := cmp.Diff(h.parts(t, 200), tt.want); d != "" {
				t.Errorf("-got +want:\n%s", d)
			}
		})
	}
}
