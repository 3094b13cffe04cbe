package main

import (
	"io"
	"math/rand/v2"
)

// A mix is a kind of traffic.
type mix struct {
	salt        uint64 // so that two mixes of one seed share no numbers, as no two hosts do
	conns, open int
	loopback    bool
	ackEvery    int   // data packets to one acknowledgement
	maxRun      int   // data packets of one response, at the most
	tail        int64 // bytes that a connection goes over its share, measured
	segment     func(r *rand.Rand) int
}

var mixes = map[string]mix{
	"mtu": {salt: 1, conns: 2000, open: 2000, ackEvery: 2, maxRun: 20, tail: 10_000, segment: func(*rand.Rand) int { return 1448 }},
	"lo": {salt: 2, conns: 500, open: 200, loopback: true, ackEvery: 2, maxRun: 20, tail: 385_000, segment: func(r *rand.Rand) int {
		if r.IntN(3) > 0 {
			return 65483
		}
		return 32768 + r.IntN(65483-32768)
	}},
	"small": {salt: 3, conns: 200_000, open: 5000, ackEvery: 4, maxRun: 3, tail: 1115, segment: func(r *rand.Rand) int { return r.IntN(135) }},
}

// A want says what is in a capture.
type want struct {
	Packets   int64 `json:"packets"`
	Legs      int   `json:"legs"`
	Exchanges int   `json:"exchanges"` // HTTP requests with their responses
}

// generate writes a capture of about size bytes.
func generate(w io.Writer, m mix, size int64, seed uint64) (want, error) {
	g := &generator{mix: m, out: newWriter(w), rng: rand.New(rand.NewPCG(seed, m.salt))}
	g.bodies[0] = random(g.rng, 4<<20)
	g.bodies[1] = text(g.rng, 4<<20)
	return g.run(size/int64(m.conns) - m.tail)
}

// A generator plays connections that take turns at random.
type generator struct {
	mix    mix
	out    *writer
	rng    *rand.Rand
	bodies [2][]byte // random bytes, readable text
	want   want
}

func (g *generator) run(share int64) (want, error) {
	var open []*conn
	for next := 0; next < g.mix.conns || len(open) > 0; {
		for len(open) < g.mix.open && next < g.mix.conns {
			open = append(open, newConn(g, next, share))
			next++
		}
		i := g.rng.IntN(len(open))
		for k := 1 + g.rng.IntN(4); k > 0; k-- {
			if !open[i].step() {
				open[i] = open[len(open)-1]
				open = open[:len(open)-1]
				break
			}
		}
	}
	g.out.release()
	g.want.Packets, g.want.Legs = g.out.packets, g.mix.conns
	return g.want, g.out.err
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// text returns readable bytes that begin no HTTP message.
func text(r *rand.Rand, n int) []byte {
	const letters = `{"id":0123456789,"name":"item-abcdef","price":`
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return b
}
