package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
)

// say adds a message and what happens to its packets.
func (w *SealedWorld) say(e *sealedEnd, reply bool, text string) {
	from := w.Trace.Len()
	e.put(reply, text)
	w.trouble(from)
}

// trouble repeats or swaps packets added since there were from.
func (w *SealedWorld) trouble(from int) {
	if w.Trace.Len()-from > 1 && w.Rand.Float64() < w.opts.Swapped {
		w.Trace.Swap()
	}
	if w.Rand.Float64() < w.opts.Again {
		w.Trace.Repeat()
	}
}

// ask has a client make its next call.
func (w *SealedWorld) ask(k *sealedClient) {
	id, first := w.Asked, k.left == w.opts.Calls
	w.Asked++
	k.left--
	content, path := w.Rand.IntN(5)/4*w.Rand.IntN(4000), w.Rand.IntN(60)
	if w.opts.Alike {
		content, path = 0, 0
	}
	target := "/" + strings.Repeat("a", path+w.opts.TLS.EarlyData)
	text := Request("POST", target, fmt.Sprintf("content-length: %d", content)) + strings.Repeat("x", content)
	w.note(0, k.no, id)
	if first && w.opts.SameFlight {
		w.inFlight(k.sealedEnd, text)
	} else {
		w.say(k.sealedEnd, false, text)
	}
	added := "x-client: " + strings.Repeat("i", 40+17*w.identity(k.no)) + "\r\n"
	text = strings.Replace(text, "\r\n", "\r\n"+added, 1)
	w.at(w.proxied(), func() { w.forward(k, id, text) })
}

// inFlight adds the first request to the packet with the client's Finished,
// which OpenSSL's tickets follow.
func (w *SealedWorld) inFlight(e *sealedEnd, text string) {
	p, from := w.Trace.Last(0), w.Trace.Len()
	e.put(false, text)
	if w.Trace.Len() == from+1 {
		p.Bytes = append(p.Bytes, w.Trace.Last(0).Bytes...)
		p.Wire = uint32(len(p.Bytes))
		w.Trace.Lose(1)
	}
	if w.opts.TLS.Packing == pcap.PackOpenSSL && !w.opts.LateTickets {
		tickets(e)
	}
}

// tickets adds tickets as OpenSSL does: records like any other.
func tickets(e *sealedEnd) {
	for _, n := range []int{745, 729} {
		e.tls.Reply(n)
	}
}

// forward has the proxy pass on a request and bring back the response.
func (w *SealedWorld) forward(k *sealedClient, id int, text string) {
	pool := k.worker
	if w.opts.Outbound {
		pool = k.worker*w.opts.Identities + w.identity(k.no)
	}
	idle := &w.idle[pool]
	if n := len(*idle); n > 0 && w.dialled[pool] >= w.opts.Pool {
		i := w.Rand.IntN(n)
		u := (*idle)[i]
		*idle = slices.Delete(*idle, i, i+1)
		w.carry(k, u, idle, id, text)
		return
	}
	w.dialled[pool]++
	u := w.dial(w.identity(k.no))
	if u.tls == nil {
		w.carry(k, u, idle, id, text)
	} else {
		w.at(w.proxied(), func() { w.carry(k, u, idle, id, text) })
	}
}

// carry does so over a connection, which is idle again afterwards.
func (w *SealedWorld) carry(k *sealedClient, u *sealedEnd, idle *[]*sealedEnd, id int, text string) {
	w.note(1, u.no, id)
	w.say(u, false, text)
	w.at(w.some(w.opts.Serve), func() {
		content := w.Rand.IntN(300) + w.Rand.IntN(5)/4*w.Rand.IntN(9000)
		if w.opts.Alike {
			content = 100
		}
		resp := Response(200, strings.Repeat("y", content))
		w.say(u, true, resp)
		w.at(w.proxied(), func() {
			*idle = append(*idle, u)
			added := "x-served: " + strings.Repeat("s", 5+3*w.Rand.IntN(2)) + "\r\n"
			w.answer(k, strings.Replace(resp, "\r\n", "\r\n"+added, 1))
		})
	})
}

// answer brings a response to the client, who thinks before it asks again.
func (w *SealedWorld) answer(k *sealedClient, text string) {
	if w.opts.LateTickets && k.left == w.opts.Calls-1 {
		tickets(k.sealedEnd)
	}
	w.say(k.sealedEnd, true, text)
	if w.Rand.IntN(2) == 0 {
		k.Ack()
	}
	if k.left == 0 {
		w.at(w.some(w.opts.Think), k.close)
		return
	}
	w.at(w.some(w.opts.Think), func() { w.ask(k) })
}

// talk passes a turn each way, byte for byte.
func (w *SealedWorld) talk(k *sealedClient) {
	if k.left == 0 {
		k.close()
		w.at(w.proxied(), k.up.close)
		return
	}
	k.left--
	q := strings.Repeat("q", 1+w.opts.TLS.EarlyData+w.Rand.IntN(800))
	r := strings.Repeat("r", 1+w.Rand.IntN(3000))
	ask := func(then func()) {
		w.say(k.sealedEnd, false, q)
		w.at(w.proxied(), func() { w.say(k.up, false, q); w.at(w.some(w.opts.Serve), then) })
	}
	tell := func(then func()) {
		w.say(k.up, true, r)
		w.at(w.proxied(), func() { w.say(k.sealedEnd, true, r); w.at(w.some(w.opts.Think), then) })
	}
	next := func() { w.talk(k) }
	if w.opts.ServerFirst {
		tell(func() { ask(next) })
	} else {
		ask(func() { tell(next) })
	}
}
