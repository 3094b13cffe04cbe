package main

import "fmt"

// A message is what one side says before the other answers.
type message struct {
	reply bool
	head  []byte // still to send
	body  []byte // still to send, after head
}

func (m *message) left() int { return len(m.head) + len(m.body) }

// take appends the next n bytes of the message to b.
func (m *message) take(b []byte, n int) []byte {
	k := min(n, len(m.head))
	b = append(b, m.head[:k]...)
	m.head = m.head[k:]
	b = append(b, m.body[:n-k]...)
	m.body = m.body[n-k:]
	return b
}

// A conn is one connection that is being played.
type conn struct {
	g       *generator
	ends    [2]end // the client's and the server's
	http    bool
	budget  int64 // bytes of the capture that are left to it
	state   int   // index of the next step of its life
	now     message
	unacked int
	echo    uint32 // the timestamp last seen from the other side
	scratch []byte
}

// newConn returns the i-th connection. No two share both addresses and ports.
func newConn(g *generator, i int, budget int64) *conn {
	c := &conn{g: g, http: i%2 == 0, budget: budget}
	c.ends[0] = end{ip: 10<<24 | uint32(i%60_000+2), port: uint16(20_000 + i/60_000 + i%40_000)}
	c.ends[1] = end{ip: 10<<24 | 200<<16 | uint32(i%97+1), port: 8080}
	if g.mix.loopback {
		c.ends[0] = end{ip: 127<<24 | 6, port: uint16(1024 + i)}
		c.ends[1].ip = 10<<24 | 200<<16 | 1
	}
	for k := range c.ends {
		c.ends[k].seq = g.rng.Uint32()
	}
	return c
}

// The states of a conn.
const (
	stateSYN = iota
	stateSYNACK
	stateACK
	stateTalk
	stateFIN
	stateFINReply
	stateLastACK
)

// step sends the next packet or two. It returns false when the conn is over.
func (c *conn) step() bool {
	switch c.state {
	case stateSYN:
		c.send(0, flagSYN, nil)
	case stateSYNACK:
		c.send(1, flagSYN|flagACK, nil)
	case stateACK:
		c.send(0, flagACK, nil)
	case stateTalk:
		if c.talk() {
			return true
		}
		c.state++
		return c.step()
	case stateFIN:
		c.send(0, flagFIN|flagACK, nil)
	case stateFINReply:
		c.send(1, flagFIN|flagACK, nil)
	case stateLastACK:
		c.send(0, flagACK, nil)
		return false
	}
	c.state++
	return true
}

// talk sends one data packet. It returns false when all is said.
func (c *conn) talk() bool {
	if c.now.left() == 0 {
		if c.now.reply && c.budget <= 0 {
			return false
		}
		c.acknowledge()
		c.next()
	}
	from := 0
	if c.now.reply {
		from = 1
	}
	n := min(c.g.mix.segment(c.g.rng), c.now.left())
	c.scratch = c.now.take(c.scratch[:0], n)
	again := n > 0 && c.g.rng.IntN(1000) == 0
	c.send(from, flagPSH|flagACK, c.scratch)
	if again {
		c.ends[from].seq -= uint32(n)
		c.send(from, flagPSH|flagACK, c.scratch)
	}
	if c.unacked++; c.unacked >= c.g.mix.ackEvery {
		c.acknowledge()
	}
	return true
}

// acknowledge sends a pure ACK if data is unanswered.
func (c *conn) acknowledge() {
	if c.unacked == 0 {
		return
	}
	from := 1
	if c.now.reply {
		from = 0
	}
	c.unacked = 0
	c.send(from, flagACK, nil)
}

// next begins the next message: requests and responses take turns.
func (c *conn) next() {
	r := c.g.rng
	reply := c.ends[1].spoke != c.ends[0].spoke
	if !c.http {
		n := 300 + r.IntN(900)
		if reply {
			n = c.bodySize()
		}
		c.now = message{reply: reply, body: c.pick(0, n)}
	} else if reply {
		body := c.pick(1, c.bodySize())
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n", len(body))
		c.now = message{reply: true, head: []byte(head), body: body}
		c.g.want.Exchanges++
	} else {
		head := fmt.Sprintf("GET /api/v1/items/%d HTTP/1.1\r\nhost: svc-%d.mesh.local\r\nx-request-id: %016x\r\n\r\n",
			r.IntN(1e6), r.IntN(99), r.Uint64())
		c.now = message{head: []byte(head)}
	}
	if reply {
		c.ends[1].spoke++
	} else {
		c.ends[0].spoke++
	}
}

// bodySize returns the size of a response: whole segments of the mix.
func (c *conn) bodySize() int {
	n := 0
	for k := 1 + c.g.rng.IntN(c.g.mix.maxRun); k > 0; k-- {
		n += c.g.mix.segment(c.g.rng)
	}
	return n
}

// pick returns n bytes of a stock: random bytes or text.
func (c *conn) pick(stock, n int) []byte {
	b := c.g.bodies[stock]
	at := c.g.rng.IntN(len(b) - n)
	return b[at : at+n]
}
