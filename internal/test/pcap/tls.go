package pcap

import (
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// A Packing is the way in which an implementation of TLS puts messages into
// records.
type Packing uint8

// The packings that meshes show.
const (
	PackOpenSSL   Packing = iota // a record for each handshake message; two tickets after the client's Finished
	PackBoringSSL                // one record for all encrypted messages of a flight; the tickets share one just before the server's first data
	PackGo                       // a record for each handshake message; one ticket in the server's flight, or after the client's Finished if that proves who the client is; data in records that grow
)

// TLSConfig says what a TLS connection is like. The zero TLSConfig is TLS 1.3
// packed as OpenSSL does, with neither server name nor client certificate.
type TLSConfig struct {
	Packing   Packing
	Version   uint16   // 0x0303, or 0x0304, which 0 stands for
	Suite     uint16   // 0 is AES-128-GCM with SHA-256
	SNI       string   // "" is none
	ALPN      []string // offered; the first is chosen
	Mutual    bool     // the client shows a certificate
	Asked     bool     // the client is asked for a certificate; if not Mutual it shows an empty list
	Resumed   bool     // a session is resumed: no certificates
	Retry     bool     // TLS 1.3: a HelloRetryRequest comes first
	EarlyData int      // TLS 1.3, resumed: bytes of 0-RTT data behind the first flight; 0 is none
	Signature int      // bytes of a signature; 0 is ECDSA on P-256, whose length varies
	Tickets   []int    // bytes of each ticket message; nil is what the packing usually sends
	Segment   int      // payload bytes of a segment; 0 is 1448
	Seed      uint64   // other seeds, other random bytes; so do other addresses and times

	Certificate       []byte // the server's, DER; nil is one that Certificate makes
	ClientCertificate []byte // the client's, likewise
}

// A TLSConnection is a TCP connection that carries TLS. Its bytes are random,
// but for the messages that TLS shows in the clear: only their sizes and the
// record headers are real. The methods of the Connection send raw bytes.
type TLSConnection struct {
	*Connection
	TLSConfig
	rnd     *rand.Rand
	ends    [2]tlsEnd // client and server
	waiting []int     // tickets that the server still has to send
	session []byte    // legacy session id
	hello   []byte    // the ClientHello
}

// A tlsEnd is what one side has to remember.
type tlsEnd struct {
	out     []byte // written, not yet sent
	changed bool   // ChangeCipherSpec was sent
	writes  int    // records of data so far
	bytes   int    // of data so far
}

const (
	fromClient = 0
	fromServer = 1
)

// A Turn is a number of bytes that one side of a connection says.
type Turn struct {
	Reply bool          // the server says them
	Bytes int           // plaintext
	After time.Duration // time that passes before
}

// TLS adds the handshake of TLS, each flight in segments of its own. TCP's
// must stand before.
func (c *Connection) TLS(o TLSConfig) *TLSConnection {
	t := &TLSConnection{Connection: c, TLSConfig: o}
	t.rnd = rand.New(rand.NewPCG(o.Seed, c.number()))
	t.session = t.random(32)
	t.fill()
	if t.Version == 0x0304 {
		t.handshake13()
	} else {
		t.handshake12()
	}
	return t
}

// number is different for connections that differ in addresses or time.
func (c *Connection) number() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.orig.src.String() + c.reply.src.String() + c.time().String())) // cannot fail
	return h.Sum64()
}

// fill puts the usual values where none are given.
func (t *TLSConnection) fill() {
	if t.Version == 0 {
		t.Version = 0x0304
	}
	switch {
	case t.Suite != 0:
	case t.Version == 0x0304:
		t.Suite = 0x1301
	default:
		t.Suite = 0xc02f
	}
	if t.Segment == 0 {
		t.Segment = 1448
	}
	t.Asked = t.Asked || t.Mutual
	if t.Certificate == nil {
		t.Certificate = Certificate("spiffe://cluster.local/ns/default/sa/server")
	}
	if t.ClientCertificate == nil {
		t.ClientCertificate = Certificate("spiffe://cluster.local/ns/default/sa/client")
	}
	if t.Tickets == nil {
		t.Tickets = [...][]int{PackOpenSSL: {745, 729}, PackBoringSSL: {230, 230}, PackGo: {122}}[t.Packing]
	}
}

// Send adds n bytes of data that the client writes at once, and what of TLS
// goes with them.
func (t *TLSConnection) Send(n int) {
	t.data(fromClient, n)
	t.flush(fromClient)
}

// Reply adds n bytes of data that the server writes at once, and what of TLS
// goes with them.
func (t *TLSConnection) Reply(n int) {
	if len(t.waiting) > 0 {
		t.flight(fromServer, t.waiting...)
		t.waiting = nil
	}
	t.data(fromServer, n)
	t.flush(fromServer)
}

// Play adds turns.
func (t *TLSConnection) Play(turns ...Turn) {
	for _, turn := range turns {
		t.Wait(turn.After)
		if turn.Reply {
			t.Reply(turn.Bytes)
		} else {
			t.Send(turn.Bytes)
		}
	}
}

// KeyUpdate adds the client's KeyUpdate (RFC 8446 §4.6.3).
func (t *TLSConnection) KeyUpdate() { t.keyUpdate(fromClient) }

// KeyUpdateReply adds the server's KeyUpdate.
func (t *TLSConnection) KeyUpdateReply() { t.keyUpdate(fromServer) }

func (t *TLSConnection) keyUpdate(end int) {
	t.flight(end, 4+1)
	t.flush(end)
}

// Alert adds the client's closing alert.
func (t *TLSConnection) Alert() { t.alert(fromClient) }

// AlertReply adds the server's closing alert.
func (t *TLSConnection) AlertReply() { t.alert(fromServer) }

func (t *TLSConnection) alert(end int) {
	t.sealed(end, 21, 2)
	t.flush(end)
}

// Close adds the alerts, FIN and FIN of both sides and the last
// acknowledgement.
func (t *TLSConnection) Close() {
	t.Alert()
	t.FIN()
	t.AlertReply()
	t.FINReply()
	t.Ack()
}

// data writes n bytes of data in records.
func (t *TLSConnection) data(end, n int) {
	e := &t.ends[end]
	for n > 0 {
		k := min(n, maxPlain)
		if t.Packing == PackGo {
			k = min(n, t.growing(e))
		}
		t.sealed(end, 23, k)
		e.writes++
		e.bytes += k
		n -= k
	}
}

// growing returns how many bytes crypto/tls puts into the next record: at
// first as many as fit into a segment, then more and more
// (crypto/tls: (*Conn).maxPayloadSizeForWrite).
func (t *TLSConnection) growing(e *tlsEnd) int {
	if e.bytes >= 128<<10 || e.writes > 1000 {
		return maxPlain
	}
	const segment = 1208
	return min((segment-5-t.sealedLen(0))*(e.writes+1), maxPlain)
}

// flush sends what an end has written, in segments that know nothing of
// records.
func (t *TLSConnection) flush(end int) {
	e := &t.ends[end]
	for len(e.out) > 0 {
		n := min(len(e.out), t.Segment)
		if end == fromClient {
			t.Connection.Send(string(e.out[:n]))
		} else {
			t.Connection.Reply(string(e.out[:n]))
		}
		e.out = e.out[n:]
	}
}

// sealed writes an encrypted record of n bytes of plaintext.
func (t *TLSConnection) sealed(end int, kind uint8, n int) {
	if t.Version == 0x0304 {
		kind = 23 // whatever it is
	}
	t.record(end, kind, t.random(t.sealedLen(n)))
}

// sealedLen returns the length of the fragment that carries n bytes of
// plaintext.
func (t *TLSConnection) sealedLen(n int) int {
	const tag = 16
	switch {
	case t.Version == 0x0304:
		return n + 1 + tag // RFC 8446 §5.2: the content type is inside
	case t.Suite == 0xcca8 || t.Suite == 0xcca9:
		return n + tag // RFC 7905
	}
	return 8 + n + tag // RFC 5288: the nonce is explicit
}

// record writes a record.
func (t *TLSConnection) record(end int, kind uint8, fragment []byte) {
	e := &t.ends[end]
	e.out = append(e.out, kind, 3, 3)
	e.out = binary.BigEndian.AppendUint16(e.out, uint16(len(fragment)))
	e.out = append(e.out, fragment...)
}

func (t *TLSConnection) random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(t.rnd.Uint32())
	}
	return b
}
