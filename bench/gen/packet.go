package main

import (
	"encoding/binary"
	"io"
)

// TCP flags (RFC 9293 §3.1).
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagPSH = 0x08
	flagACK = 0x10
)

// Lengths of headers, in bytes.
const (
	recordLen = 16 // of a pcap record
	etherLen  = 14
	ipLen     = 20
	tcpLen    = 32 // with a timestamp option and two no-operations
	allLen    = recordLen + etherLen + ipLen + tcpLen
)

// start is the time of the first packet, in microseconds since 1970.
const start = 1_700_000_000_000_000

// An end is one end of a connection.
type end struct {
	ip    uint32
	port  uint16
	seq   uint32 // of the next byte it sends
	spoke int    // messages begun
}

// send writes one packet of a connection and moves its numbers on.
func (c *conn) send(from int, flags byte, payload []byte) {
	w := c.g.out
	w.micros += int64(1 + c.g.rng.IntN(20))
	stamp := uint32(w.micros / 1000)
	src, dst := &c.ends[from], &c.ends[1-from]
	b := w.begin(allLen + len(payload))
	putRecord(b, w.micros, uint32(len(b)-recordLen))
	putEther(b[recordLen:], from, c.g.mix.loopback)
	ip := b[recordLen+etherLen:]
	w.ident++
	putIP(ip, w.ident, src.ip, dst.ip)
	copy(ip[ipLen+tcpLen:], payload)
	ack := dst.seq
	if flags&flagACK == 0 {
		ack = 0
	}
	putTCP(ip, src, dst, ack, flags, stamp, c.echo)
	c.echo = stamp
	src.seq += uint32(len(payload))
	if flags&(flagSYN|flagFIN) != 0 {
		src.seq++
	}
	c.budget -= int64(len(b))
	w.end(flags&flagPSH != 0 && c.g.rng.IntN(500) == 0)
}

func putRecord(b []byte, micros int64, n uint32) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], uint32(micros/1_000_000))
	le.PutUint32(b[4:], uint32(micros%1_000_000))
	le.PutUint32(b[8:], n)
	le.PutUint32(b[12:], n)
}

// putEther writes an Ethernet header; on lo both addresses are zero.
func putEther(b []byte, from int, loopback bool) {
	clear(b[:12])
	if !loopback {
		b[0], b[5], b[6], b[11] = 2, byte(2-from), 2, byte(1+from)
	}
	b[12], b[13] = 8, 0
}

// putIP writes an IPv4 header (RFC 791 §3.1) whose packet is all of b.
func putIP(b []byte, ident uint16, src, dst uint32) {
	be := binary.BigEndian
	b[0], b[1] = 0x45, 0
	be.PutUint16(b[2:], uint16(len(b)))
	be.PutUint16(b[4:], ident)
	b[6], b[7], b[8], b[9] = 0x40, 0, 64, 6
	be.PutUint16(b[10:], 0)
	be.PutUint32(b[12:], src)
	be.PutUint32(b[16:], dst)
	be.PutUint16(b[10:], ^fold(sum(b[:ipLen], 0)))
}

// putTCP writes a TCP header (RFC 9293 §3.1) into an IPv4 packet whose header
// and payload are there already.
func putTCP(ip []byte, src, dst *end, ack uint32, flags byte, stamp, echo uint32) {
	be := binary.BigEndian
	b := ip[ipLen:]
	be.PutUint16(b[0:], src.port)
	be.PutUint16(b[2:], dst.port)
	be.PutUint32(b[4:], src.seq)
	be.PutUint32(b[8:], ack)
	b[12], b[13] = tcpLen/4<<4, flags
	be.PutUint16(b[14:], 64240)
	be.PutUint32(b[16:], 0)
	b[20], b[21], b[22], b[23] = 1, 1, 8, 10 // timestamps, RFC 7323 §3.2
	be.PutUint32(b[24:], stamp)
	be.PutUint32(b[28:], echo)
	pseudo := sum(ip[12:20], uint64(6+len(b)))
	be.PutUint16(b[16:], ^fold(sum(b, pseudo)))
}

// sum adds the 16-bit words of b to s (RFC 1071).
func sum(b []byte, s uint64) uint64 {
	for len(b) >= 4 {
		s += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	for i, c := range b {
		s += uint64(c) << (8 * (3 - i))
	}
	return s
}

// fold turns a sum of 32-bit words into 16 bits.
func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// A writer writes records, of which one at a time may be held back to let the
// next go first.
type writer struct {
	w       io.Writer
	err     error
	packets int64
	micros  int64
	ident   uint16
	buf     []byte // the record being made
	held    []byte // the record that waits
}

func newWriter(w io.Writer) *writer {
	h := make([]byte, 24)
	le := binary.LittleEndian
	le.PutUint32(h[0:], 0xa1b2c3d4)
	le.PutUint16(h[4:], 2)
	le.PutUint16(h[6:], 4)
	le.PutUint32(h[16:], 262144) // snapshot length
	le.PutUint32(h[20:], 1)      // LINKTYPE_ETHERNET
	_, err := w.Write(h)
	return &writer{w: w, err: err, micros: start}
}

// begin returns n bytes for the next record.
func (w *writer) begin(n int) []byte {
	if cap(w.buf) < n {
		w.buf = make([]byte, n, max(n, 1<<17))
	}
	w.buf = w.buf[:n]
	return w.buf
}

// end writes the record, or holds it back until the next one is written.
func (w *writer) end(hold bool) {
	w.packets++
	if hold && len(w.held) == 0 {
		w.held = append(w.held[:0], w.buf...)
		return
	}
	w.write(w.buf)
	w.release()
}

// release writes the record that waits.
func (w *writer) release() {
	w.write(w.held)
	w.held = w.held[:0]
}

func (w *writer) write(b []byte) {
	if w.err == nil && len(b) > 0 {
		_, w.err = w.w.Write(b)
	}
}
