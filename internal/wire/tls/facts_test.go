package tls_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// Handshake messages.
const (
	clientHelloKind = 1
	serverHelloKind = 2
	ticketKind      = 4
	encryptedKind   = 8 // EncryptedExtensions, never in the clear
	certificateKind = 11
	keyExchangeKind = 12
	requestKind     = 13
	helloDoneKind   = 14
)

// handshakeMessage returns a message with its header.
func handshakeMessage(kind byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b[0] = kind
	return append(b, body...)
}

// vector returns bytes behind their length of n bytes.
func vector(n int, body []byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(len(body)))
	return append(b[8-n:], body...)
}

// extension returns an extension of a hello.
func extension(kind uint16, body []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, kind), vector(2, body)...)
}

// serverName, protocols and versions are extensions.
func serverName(name string) []byte {
	return extension(0, vector(2, append([]byte{0}, vector(2, []byte(name))...)))
}

func protocols(names ...string) []byte {
	var list []byte
	for _, n := range names {
		list = append(list, vector(1, []byte(n))...)
	}
	return extension(16, vector(2, list))
}

func versions(vs ...uint16) []byte {
	var list []byte
	for _, v := range vs {
		list = binary.BigEndian.AppendUint16(list, v)
	}
	return extension(43, vector(1, list))
}

var clientRandom, serverRandom = bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)

// retryRandom is that of a HelloRetryRequest (RFC 8446 §4.1.3).
var retryRandom = []byte("\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c")

// clientSays returns a ClientHello of the given legacy version.
func clientSays(version uint16, extensions ...[]byte) []byte {
	b := append(binary.BigEndian.AppendUint16(nil, version), clientRandom...)
	b = append(b, vector(1, []byte("session"))...)
	b = append(b, vector(2, []byte{0x13, 0x01, 0xc0, 0x2f})...)
	b = append(b, vector(1, []byte{0})...)
	return handshakeMessage(clientHelloKind, append(b, vector(2, slices.Concat(extensions...))...))
}

// serverSays returns a ServerHello.
func serverSays(version, suite uint16, random []byte, extensions ...[]byte) []byte {
	b := append(binary.BigEndian.AppendUint16(nil, version), random...)
	b = append(b, vector(1, nil)...)
	b = append(binary.BigEndian.AppendUint16(b, suite), 0)
	return handshakeMessage(serverHelloKind, append(b, vector(2, slices.Concat(extensions...))...))
}

// chosen13 is the extension with which a server chooses TLS 1.3.
var chosen13 = extension(43, []byte{3, 4})

func TestHelloFields(t *testing.T) {
	for _, tc := range []struct {
		name    string
		message []byte
		want    mytls.Hello
	}{
		{"a client", clientSays(0x0303), mytls.Hello{Client: true, Version: 0x0303, Random: [32]byte(clientRandom)}},
		{"a client with all", clientSays(0x0303, serverName("a.example"), protocols("h2", "http/1.1"), extension(22, nil), extension(23, nil), extension(41, nil), extension(42, nil), versions(0x0304, 0x0303)),
			mytls.Hello{Client: true, Version: 0x0304, Random: [32]byte(clientRandom), SNI: "a.example", ALPN: []string{"h2", "http/1.1"}, EncryptThenMAC: true, ExtendedMasterSecret: true, PSK: true, EarlyData: true}},
		{"versions in any order, and some that are none", clientSays(0x0303, versions(0x0a0a, 0x0302, 0x0304, 0x0305, 0x0303)), mytls.Hello{Client: true, Version: 0x0304, Random: [32]byte(clientRandom)}},
		{"versions below the legacy one", clientSays(0x0303, versions(0x0302)), mytls.Hello{Client: true, Version: 0x0303, Random: [32]byte(clientRandom)}},
		{"an odd list of versions", clientSays(0x0301, extension(43, vector(1, []byte{3, 2, 3}))), mytls.Hello{Client: true, Version: 0x0302, Random: [32]byte(clientRandom)}},
		{"a list without end", clientSays(0x0303, extension(43, []byte{200, 3, 4})), mytls.Hello{Client: true, Version: 0x0304, Random: [32]byte(clientRandom)}},
		{"names of protocols that are none", clientSays(0x0303, protocols("h2", "", "x")), mytls.Hello{Client: true, Version: 0x0303, Random: [32]byte(clientRandom), ALPN: []string{"h2", "", "x"}}},
		{"names of protocols twice", clientSays(0x0303, protocols("h2"), protocols("x")), mytls.Hello{Client: true, Version: 0x0303, Random: [32]byte(clientRandom), ALPN: []string{"x"}}},
		{"an unknown extension", clientSays(0x0303, extension(0x0a0a, []byte("x")), serverName("a")), mytls.Hello{Client: true, Version: 0x0303, Random: [32]byte(clientRandom), SNI: "a"}},
		{"an extension that ends the message", clientSays(0x0303, serverName("a"), []byte{0, 1, 0}), mytls.Hello{Client: true, Version: 0x0303, Random: [32]byte(clientRandom), SNI: "a"}},
		{"a server", serverSays(0x0303, 0xc02f, serverRandom, extension(23, nil), protocols("h2")), mytls.Hello{Version: 0x0303, Suite: 0xc02f, Random: [32]byte(serverRandom), ExtendedMasterSecret: true, ALPN: []string{"h2"}}},
		{"a server of 1.3", serverSays(0x0303, 0x1301, serverRandom, chosen13, extension(41, []byte{0, 0})), mytls.Hello{Version: 0x0304, Suite: 0x1301, Random: [32]byte(serverRandom), PSK: true}},
		{"a server has no early data", serverSays(0x0303, 0x1301, serverRandom, chosen13, extension(42, nil)), mytls.Hello{Version: 0x0304, Suite: 0x1301, Random: [32]byte(serverRandom)}},
		{"a request to say it again", serverSays(0x0303, 0x1301, retryRandom, chosen13), mytls.Hello{Version: 0x0304, Suite: 0x1301, Random: [32]byte(retryRandom), Retry: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.Whole = true
			b := append([]byte{22, 3, 1}, vector(2, tc.message)...)
			got, ok := mytls.ParseHello(b)
			if !ok || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%+v, %v; want %+v", got, ok, tc.want)
			}
			if again, ok := mytls.ParseHello(append(b, "more"...)); !ok || !reflect.DeepEqual(again, tc.want) {
				t.Errorf("with more behind it: %+v, %v", again, ok)
			}
		})
	}
}

// Of the names of protocols sixteen are kept.
func TestHelloProtocols(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 40} {
		h, _ := mytls.ParseHello(append([]byte{22, 3, 1}, vector(2, clientSays(0x0303, protocols(slices.Repeat([]string{"p"}, n)...), serverName("a")))...))
		if len(h.ALPN) != min(n, 16) || h.SNI != "a" {
			t.Errorf("%d names of %d, server %q", len(h.ALPN), n, h.SNI)
		}
	}
}

// What begins no hello.
func TestNoHello(t *testing.T) {
	good := append([]byte{22, 3, 1}, vector(2, clientSays(0x0303))...)
	for _, tc := range []struct {
		name string
		edit func([]byte) []byte
		want bool
	}{
		{"a hello", func(b []byte) []byte { return b }, true}, {"its header", func(b []byte) []byte { return b[:9] }, true}, {"less", func(b []byte) []byte { return b[:8] }, false}, {"nothing", func([]byte) []byte { return nil }, false},
		{"another type", func(b []byte) []byte { b[0] = 23; return b }, false}, {"another version", func(b []byte) []byte { b[1] = 2; return b }, false}, {"another message", func(b []byte) []byte { b[5] = 11; return b }, false}, {"a server's", func(b []byte) []byte { b[5] = 2; return b }, true},
	} {
		if _, ok := mytls.ParseHello(tc.edit(slices.Clone(good))); ok != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, ok, tc.want)
		}
	}
}

// What a cut hello says of the version: only what cannot be taken back.
func TestCutHelloVersion(t *testing.T) {
	client13, server12 := clientSays(0x0303, serverName("a"), versions(0x0304), serverName("b")), serverSays(0x0303, 0xc02f, serverRandom, extension(23, nil))
	server13 := serverSays(0x0303, 0x1301, serverRandom, extension(41, []byte{0, 0}), chosen13)
	for _, tc := range []struct {
		name    string
		message []byte
		cut     int // bytes missing at its end
		want    uint16
		suite   uint16
	}{
		{"a client's, whole", client13, 0, 0x0304, 0}, {"a client's, behind its versions", client13, 1, 0x0304, 0}, {"a client's, before its versions", client13, 20, 0, 0}, {"a client's, but for its version", client13, len(client13) - 6, 0, 0},
		{"a server's of 1.2, whole", server12, 0, 0x0303, 0xc02f}, {"a server's of 1.2, behind its suite", server12, 1, 0x0303, 0xc02f}, {"a server's, before its suite", server12, len(server12) - 40, 0, 0},
		{"a server's of 1.3, whole", server13, 0, 0x0304, 0x1301}, {"a server's of 1.3, before its version", server13, 7, 0x0304, 0x1301}, {"nothing but its header", server13, len(server13) - 4, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, ok := mytls.ParseHello(append([]byte{22, 3, 1}, vector(2, tc.message)...)[:9+len(tc.message)-4-tc.cut])
			if !ok || h.Version != tc.want || h.Suite != tc.suite || h.Whole != (tc.cut == 0) {
				t.Errorf("%+v, %v; want version %04x, suite %04x", h, ok, tc.want, tc.suite)
			}
		})
	}
}

// certificateMessage returns a Certificate message with something in the place of
// a certificate of n bytes.
func certificateMessage(n int) []byte {
	return handshakeMessage(certificateKind, vector(3, vector(3, make([]byte, n))))
}

// What the messages of a half say, in any fragments. "!" is ChangeCipherSpec and "?"
// a loss.
func TestFacts(t *testing.T) {
	const change, loss = "!", "?"
	client, client13 := string(clientSays(0x0303)), string(clientSays(0x0303, versions(0x0304)))
	server, server13, retry := string(serverSays(0x0303, 0xc02f, serverRandom)), string(serverSays(0x0303, 0x1301, serverRandom, chosen13)), string(serverSays(0x0303, 0x1301, retryRandom, chosen13))
	resumed13 := string(serverSays(0x0303, 0x1301, serverRandom, chosen13, extension(41, []byte{0, 0})))
	cert, none := string(certificateMessage(9)), string(handshakeMessage(certificateKind, vector(3, nil)))
	exchange, done, request := string(handshakeMessage(keyExchangeKind, []byte("x"))), string(handshakeMessage(helloDoneKind, nil)), string(handshakeMessage(requestKind, []byte("x")))
	ticket, encrypted := string(handshakeMessage(ticketKind, []byte("x"))), string(handshakeMessage(encryptedKind, []byte("x")))
	for _, tc := range []struct {
		name string
		ops  []string
		want string // known, retried, missing, resumed, requested, presented; done
	}{
		{"nothing", nil, "- -"}, {"a client", []string{client}, "known -"}, {"a client's certificate", []string{client, cert, exchange, change}, "known,presented -"}, {"a client without", []string{client, none, change}, "known -"},
		{"a client says it again", []string{client13, client13}, "known,retried -"}, {"a client says it again behind a change", []string{client13, change, client13}, "known,retried -"},
		{"what is not a hello behind a change", []string{client13, change, encrypted, client13}, "known done"}, {"another client behind a change", []string{client13, change, strings.Replace(client13, "\x07\x07", "\x09\x09", 1)}, "known done"},
		{"a server", []string{server, cert, exchange, done, change}, "known,presented done"}, {"a server that asks", []string{server, cert, request, done, change}, "known,requested,presented done"},
		{"a server that resumes", []string{server, change}, "known,resumed done"}, {"a server that resumes, with a ticket", []string{server, ticket, change}, "known,resumed done"}, {"a server without certificate", []string{server, exchange, change}, "known done"}, {"a server that is done", []string{server, done, change}, "known done"}, {"a server that is done, in two fragments", []string{server, done[:2], done[2:], change}, "known done"},
		{"a loss before the change", []string{server, loss, change}, "known,missing done"}, {"a loss, and its certificate", []string{server, loss, cert, change}, "known,missing,presented done"}, {"a loss, and half a message", []string{server, loss, cert[:9], cert, change}, "known,missing,presented done"},
		{"a loss, and what never stands in the clear", []string{server, loss, encrypted, cert, change}, "known,missing,presented done"}, {"a loss of the hello", []string{loss, server}, "known,missing -"},
		{"a server of 1.3", []string{server13, cert}, "known done"}, {"a server of 1.3 that resumes", []string{resumed13}, "known,resumed done"}, {"a request to say it again", []string{retry}, "known -"}, {"a request to say it again, and a hello", []string{retry, server13}, "known,retried done"},
		{"a request to say it again, a change, and a hello", []string{retry, change, server13}, "known,retried done"}, {"a request to say it again, a change, and something else", []string{retry, change, cert}, "known done"},
		{"a change first", []string{change, client}, "known -"}, {"a change first, and a certificate", []string{change, cert}, "- done"}, {"a change first, and half a hello", []string{change, client[:20]}, "- done"},
		{"a loss after the end", []string{server13, loss}, "known done"}, {"an empty certificate, and one", []string{client, none, cert}, "known,presented -"},
		{"a hello in two fragments around a change", []string{client[:20], change, client[20:]}, "known -"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var h mytls.Handshake
			for _, o := range tc.ops {
				switch o {
				case change:
					h.ChangeCipherSpec()
				case loss:
					h.Miss()
				default:
					h.Feed([]byte(o))
				}
			}
			f := h.Facts()
			var got []string
			for _, x := range []struct {
				is   bool
				name string
			}{{f.Known, "known"}, {f.Retried, "retried"}, {f.Missing, "missing"}, {f.Resumed, "resumed"}, {f.Requested, "requested"}, {f.Presented, "presented"}} {
				if x.is {
					got = append(got, x.name)
				}
			}
			said := strings.Join(got, ",")
			if said == "" {
				said = "-"
			}
			if h.Done() {
				said += " done"
			} else {
				said += " -"
			}
			if said != tc.want {
				t.Errorf("%s, want %s", said, tc.want)
			}
		})
	}
}

// Messages may be split anywhere and share a fragment, up to the longest that is read.
func TestMessagesInFragments(t *testing.T) {
	const longest = 1 << 16
	for _, tc := range []struct {
		name      string
		n         int // bytes of the body of a Certificate message
		presented bool
	}{
		{"short", 20, true}, {"longest", longest, true}, {"too long", longest + 1, true}, {"much too long", 3 * longest, true},
	} {
		stream := slices.Concat(serverSays(0x0303, 0xc02f, serverRandom), certificateMessage(tc.n-6), handshakeMessage(requestKind, []byte("xy")), handshakeMessage(helloDoneKind, nil))
		for _, piece := range []int{1, 3, 4, 5, 1000, 16384, len(stream)} {
			if piece < 1000 && tc.n > longest+1 {
				continue
			}
			t.Run(fmt.Sprint(tc.name, " in ", piece), func(t *testing.T) {
				var h mytls.Handshake
				for p := range slices.Chunk(stream, piece) {
					h.Feed(bytes.Clone(p))
				}
				f := h.Facts()
				if !f.Known || f.Presented != tc.presented || !f.Requested || f.Missing {
					t.Errorf("%+v", f)
				}
				h.ChangeCipherSpec()
				if h.Facts().Resumed || !h.Done() {
					t.Errorf("at the change: %+v", h.Facts())
				}
			})
		}
	}
}

// A message that is too long is passed over to its last byte.
func TestLongMessagesArePassedOver(t *testing.T) {
	const n = 1<<16 + 1
	for _, more := range []int{-1, 0, 1} {
		stream := slices.Concat(handshakeMessage(ticketKind, make([]byte, n)), clientSays(0x0303, serverName("a")))
		stream = slices.Delete(stream, 0, 4)
		var h mytls.Handshake
		h.Feed([]byte{ticketKind, byte((n + more) >> 16), byte((n + more) >> 8 & 0xff), byte((n + more) & 0xff)})
		h.Feed(stream)
		if got, want := h.Facts().Known, more == 0; got != want {
			t.Errorf("%+d bytes: known %v, want %v", more, got, want)
		}
	}
}

// Peek is believed unless a hello is fed.
func TestPeekAndFeed(t *testing.T) {
	one, other := append([]byte{22, 3, 1}, vector(2, clientSays(0x0303, serverName("one")))...), clientSays(0x0303, serverName("other"))
	var h mytls.Handshake
	h.Peek(one[:20])
	h.Peek(one)
	if f := h.Facts(); !f.Known || f.Hello.Whole {
		t.Errorf("peeked at twice: %+v", f)
	}
	h.Feed(other)
	if f := h.Facts(); f.Hello.SNI != "other" || f.Retried {
		t.Errorf("fed: %+v", f)
	}
	h.Peek(one)
	if f := h.Facts(); f.Hello.SNI != "other" {
		t.Errorf("peeked at after: %+v", f)
	}
	h.Reset()
	if f := h.Facts(); f.Known {
		t.Errorf("reset: %+v", f)
	}
}

// What both sides agree on, and whether there is anything.
func TestSessionOf(t *testing.T) {
	client := mytls.Facts{Known: true, Hello: mytls.Hello{Client: true, Version: 0x0304, Random: [32]byte(clientRandom)}}
	server := mytls.Facts{Known: true, Hello: mytls.Hello{Version: 0x0303, Suite: 0xc02f, Random: [32]byte(serverRandom)}}
	for _, tc := range []struct {
		name string
		edit func(c, s *mytls.Facts)
		want string // early data, refused; "" if there is no session
	}{
		{"plain", func(c, s *mytls.Facts) {}, "false true"},
		{"no client", func(c, s *mytls.Facts) { c.Known = false }, ""}, {"no server", func(c, s *mytls.Facts) { s.Known = false }, ""},
		{"two servers", func(c, s *mytls.Facts) { c.Hello.Client = false }, ""}, {"two clients", func(c, s *mytls.Facts) { s.Hello.Client = true }, ""}, {"nothing but a request to say it again", func(c, s *mytls.Facts) { s.Hello.Retry = true }, ""},
		{"early data", func(c, s *mytls.Facts) { c.Hello.EarlyData = true }, "true true"}, {"early data, and the key chosen", func(c, s *mytls.Facts) { c.Hello.EarlyData, s.Hello.PSK = true, true }, "true false"}, {"the key chosen", func(c, s *mytls.Facts) { s.Hello.PSK = true }, "false false"},
		{"said again by the client", func(c, s *mytls.Facts) { c.Retried, s.Hello.PSK = true, true }, "true true"}, {"asked for again by the server", func(c, s *mytls.Facts) { s.Retried, s.Hello.PSK = true, true }, "true true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := client, server
			tc.edit(&c, &s)
			got, ok := mytls.SessionOf(c, s)
			if !ok || tc.want == "" {
				if ok || tc.want != "" {
					t.Errorf("%+v, %v; want %q", got, ok, tc.want)
				}
				return
			}
			if said := fmt.Sprint(got.EarlyData, got.EarlyRefused); said != tc.want {
				t.Errorf("early data, refused: %s, want %s", said, tc.want)
			}
			want := mytls.Session{Version: 0x0303, Suite: 0xc02f, ClientRandom: [32]byte(clientRandom), ServerRandom: [32]byte(serverRandom), EarlyData: got.EarlyData, EarlyRefused: got.EarlyRefused}
			if *got != want {
				t.Errorf("%+v, want %+v", *got, want)
			}
		})
	}
}
