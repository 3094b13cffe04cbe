package index_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// A talk is a connection whose requests and responses are told by letters and
// statuses.
type talk struct{ *pcap.Connection }

// begin opens a connection whose sequence numbers pass the end of numbers soon.
func begin() *talk {
	c := testindex.On(new(pcap.Trace), "eth0", "10.0.0.1:4000", "10.0.0.2:80").ISN(1<<32-20, 1<<32-30)
	c.Handshake()
	return &talk{c}
}

// ask has the client send requests, each in a packet.
func (k *talk) ask(targets ...string) *talk {
	for _, target := range targets {
		k.Send(sim.Request("GET", target))
	}
	return k
}

// answer has the server send responses, each in a packet.
func (k *talk) answer(statuses ...int) *talk {
	for _, status := range statuses {
		k.Reply(sim.Response(status, "some content"))
	}
	return k
}

// proceed has the server say that it goes on.
func (k *talk) proceed() *talk {
	k.Reply("HTTP/1.1 100 Continue\r\n\r\n")
	return k
}

// lost takes the last packet out of the capture.
func (k *talk) lost() *talk {
	k.Lose(1)
	return k
}

// paired lists the responses of a pair of halves, and the request that each
// answers.
func paired(x *index.Index, pair index.Pair) []string {
	p := index.NewPairing(x, pair)
	var out []string
	for _, resp := range p.Resps {
		target := "?"
		if req := p.Request(resp); req != nil {
			target = p.ReqScan.Text.String(req.Target)
		}
		out = append(out, fmt.Sprint(resp.Status, " ", target))
	}
	return out
}

// Acknowledgement numbers tell what a response answers where others are missing.
func TestPairing(t *testing.T) {
	both := index.Pair{Orig: 1, Reply: 2}
	for _, tt := range []struct {
		name string
		k    *talk
		pair index.Pair
		want []string
	}{
		{"in turn", begin().ask("/a").answer(200).ask("/b").answer(201), both, []string{"200 /a", "201 /b"}},
		{"one after the other", begin().ask("/a", "/b", "/c").answer(200, 201, 202), both, []string{"200 /a", "201 /b", "202 /c"}},
		{"the first response missing", begin().ask("/a").answer(200).lost().ask("/b").answer(201), both, []string{"201 /b"}},
		{"two responses missing", begin().ask("/a").answer(200).lost().ask("/b").answer(201).lost().ask("/c").answer(202), both, []string{"202 /c"}},
		{"the last response missing", begin().ask("/a").answer(200).ask("/b").answer(201).lost(), both, []string{"200 /a"}},
		{"the first request missing", begin().ask("/a").lost().answer(200).ask("/b").answer(201), both, []string{"200 ?", "201 /b"}},
		{"a request in the middle missing", begin().ask("/a").answer(200).ask("/b").lost().answer(201).ask("/c").answer(202), both, []string{"200 /a", "201 ?", "202 /c"}},
		{"the last request missing", begin().ask("/a").answer(200).ask("/b").lost().answer(201), both, []string{"200 /a", "201 ?"}},
		{"all that is asked at once, and the first response missing", begin().ask("/a", "/b").answer(200).lost().answer(201), both, []string{"201 ?"}},
		{"until it is asked in turn again", begin().ask("/a", "/b").answer(200).lost().answer(201).ask("/c").answer(202).ask("/d").answer(203), both, []string{"201 ?", "202 /c", "203 /d"}},
		{"until then the order does not tell", begin().ask("/a", "/b", "/c").answer(200).lost().answer(201, 202), both, []string{"201 ?", "202 ?"}},
		{"nor a request that comes later", begin().ask("/a", "/b").answer(200).lost().answer(201).ask("/c").lost().answer(202).ask("/d").answer(203), both, []string{"201 ?", "202 ?", "203 /d"}},
		{"one asked while the response before it was under way", begin().ask("/a", "/b").answer(200).ask("/c").answer(201, 202), both, []string{"200 /a", "201 /b", "202 /c"}},
		{"one asked when an interim response was heard", begin().ask("/a").proceed().ask("/b").answer(200, 201), both, []string{"200 /a", "201 /b"}},
		{"the same, later", begin().ask("/a").answer(200).ask("/b").proceed().ask("/c").answer(201, 202), both, []string{"200 /a", "201 /b", "202 /c"}},
		{"an interim response heard, and the response after it missing", begin().ask("/a").proceed().answer(200).lost().ask("/b").answer(201), both, []string{"201 /b"}},
		{"no request captured", begin().ask("/a").answer(200), index.Pair{Reply: 2}, []string{"200 ?"}},
		{"no response captured", begin().ask("/a").answer(200), index.Pair{Orig: 1}, nil},
		{"the wrong way round", begin().ask("/a").answer(200), index.Pair{Orig: 2, Reply: 1}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := testindex.Of(tt.k.Trace).Read(t).Index
			if got := paired(x, tt.pair); !slices.Equal(got, tt.want) {
				t.Errorf("paired %q, want %q", got, tt.want)
			}
		})
	}
}

// What a Pairing holds beside what it finds out.
func TestPairingHolds(t *testing.T) {
	x := testindex.Of(begin().ask("/a", "/b").answer(200).Trace).Read(t).Index
	p := index.NewPairing(x, index.Pair{Orig: 1, Reply: 2})
	if len(p.Reqs) != 2 || len(p.Resps) != 1 || p.ReqScan != x.ScanOf(1) || p.RespScan != x.ScanOf(2) || p.Next != 0 {
		t.Errorf("%d requests, %d responses, next %d", len(p.Reqs), len(p.Resps), p.Next)
	}
	if p.Request(p.Resps[0]); p.Next != 1 {
		t.Errorf("next %d after one response, want 1", p.Next)
	}
}
