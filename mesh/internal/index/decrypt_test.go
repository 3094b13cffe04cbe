package index_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// What is decrypted is read as plaintext is, also where the connection is torn
// apart: ranges lead back to whole records.
func TestDecrypt(t *testing.T) {
	talk := []sim.Saying{
		sim.Asks(sim.Request("GET", "/a")), sim.Answers(sim.Response(200, "hello")),
		sim.Asks(sim.Request("HEAD", "/b")), sim.Answers("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"),
		sim.Asks(sim.Request("POST", "/c", "content-length: 40000")), sim.Asks(strings.Repeat("x", 40000)), sim.Answers(sim.Response(201, strings.Repeat("y", 30000))),
	}
	var want [2]string
	for _, s := range talk {
		if s.Reply {
			want[1] += s.Data
		} else {
			want[0] += s.Data
		}
	}
	for name, version := range versions {
		for _, shape := range []string{"whole", "half-flows", "self call"} {
			for _, cut := range []int{100, 1448, 65000} {
				t.Run(fmt.Sprint(name, shape, cut), func(t *testing.T) {
					var tr pcap.Trace
					var c *pcap.Connection
					switch shape {
					case "whole":
						c = sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:8080")
					case "half-flows":
						c = sim.On(&tr, "lo", "10.244.1.10:4000", "10.96.0.1:443").Redirect("127.0.0.1:15001")
					case "self call":
						c = sim.On(&tr, "lo", "10.244.1.10:4000", "10.244.1.10:8080").Redirect("127.0.0.1:15006")
					}
					log := sim.SpeakTLS(t, c, version, cut, talk...)
					r := sim.StitchKeys(t, &tr, log)
					if len(r.Legs) != 1 || !r.Legs[0].Decrypted || r.Legs[0].Protocol != flow.ProtocolHTTP1 || r.Legs[0].TLS.Version != name || r.Legs[0].Notes != nil {
						t.Fatalf("legs: %+v", r.Legs[0])
					}
					if got, want := sim.ExchangeList(r), []string{"GET /a 200", "HEAD /b 200", "POST /c 201"}; !slices.Equal(got, want) {
						t.Errorf("exchanges %q, want %q", got, want)
					}
					if got := sim.Spoken(t, r, 0); got != want {
						t.Errorf("%d and %d bytes, want %d and %d", len(got[0]), len(got[1]), len(want[0]), len(want[1]))
					}
					checkRanges(t, r, &tr)
				})
			}
		}
	}
}

// checkRanges checks that the ranges on the wire are whole records, and those of
// plaintext adjoin.
func checkRanges(t *testing.T, r *mesh.Result, tr *pcap.Trace) {
	t.Helper()
	var wire [2][]byte
	for _, s := range tr.Segments() {
		d := 0
		if s.Key.Tuple().Src.Port() != 4000 {
			d = 1
		}
		wire[d] = append(wire[d], s.Bytes...)
	}
	at := [2]int64{}
	for _, e := range r.Paths[0].Exchanges {
		h := e.Hops[0]
		for d, is := range [2][2][2]int64{{h.Request, h.PlainRequest}, {h.Response, h.PlainResponse}} {
			if is[1][0] != at[d] {
				t.Errorf("plaintext %v, want it to begin at %d", is[1], at[d])
			}
			at[d] = is[1][1]
			n := is[0][0]
			for n < is[0][1] {
				if head := wire[d][n:]; head[0] != 23 {
					t.Fatalf("range %v: no record of data at %d", is[0], n)
				}
				n += 5 + int64(wire[d][n+3])<<8 + int64(wire[d][n+4])
			}
			if n != is[0][1] || is[0][1]-is[0][0] < is[1][1]-is[1][0] {
				t.Errorf("range %v of plaintext %v ends inside a record", is[0], is[1])
			}
		}
	}
}

// A record that was changed on its way to the capture is a hole of its length,
// and a note; what follows is read.
func TestRecordDoesNotAuthenticate(t *testing.T) {
	for name, version := range versions {
		t.Run(name, func(t *testing.T) {
			var tr pcap.Trace
			log := sim.SpeakTLS(t, sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), version, 65000,
				sim.Asks("first "), sim.Asks("second "), sim.Asks("third"), sim.Answers("done"))
			n := 0
			for i := range tr.Len() { // from the end: alert, answer, third, second
				p := tr.Last(i)
				if len(p.Bytes) > 0 && p.Bytes[0] == 23 && p.Key.Tuple().Src.Port() == 4000 && len(p.Bytes) > 5+2+17 {
					if n++; n == 2 {
						p.Bytes = bytes.Clone(p.Bytes)
						p.Bytes[len(p.Bytes)-1] ^= 1
					}
				}
			}
			r := sim.StitchKeys(t, &tr, log)
			if got, want := sim.Spoken(t, r, 0), [2]string{"first <7>third", "done"}; got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if notes := r.Legs[0].Notes; len(notes) != 1 || !strings.HasPrefix(notes[0], "1 of ") || !strings.HasSuffix(notes[0], " records that the client sent do not authenticate") {
				t.Errorf("notes %q", notes)
			}
		})
	}
}

// With the secrets of other connections, or wrong ones, a leg stays what it is.
func TestWrongSecrets(t *testing.T) {
	var tr, other pcap.Trace
	talk := []sim.Saying{sim.Asks("query"), sim.Answers("result")}
	log := sim.SpeakTLS(t, sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, talk...)
	strange := sim.SpeakTLS(t, sim.On(&other, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, talk...)
	swapped := strings.NewReplacer(strings.Fields(strange)[1], strings.Fields(log)[1]).Replace(strange)
	for name, tc := range map[string]struct {
		log   string
		notes int
	}{"of another": {strange, 0}, "wrong": {swapped, 2}} {
		t.Run(name, func(t *testing.T) {
			l := sim.StitchKeys(t, &tr, tc.log).Legs[0]
			if l.Decrypted || l.Protocol != flow.ProtocolTLS || len(l.Notes) != tc.notes {
				t.Errorf("decrypted %v, protocol %s, notes %q", l.Decrypted, l.Protocol, l.Notes)
			}
			for _, note := range l.Notes {
				if strings.Contains(note, strings.Fields(tc.log)[2]) {
					t.Errorf("a note shows a secret: %q", note)
				}
			}
		})
	}
}

// Where packets are cut short and little can be opened, the leg stays what its
// record headers show; cut far behind, it is decrypted as far as it goes.
func TestDecryptCut(t *testing.T) {
	for snap, decrypted := range map[int]bool{90: false, 1000: true} {
		var tr pcap.Trace
		c := sim.On(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:8080")
		log := sim.SpeakTLS(t, c, tls.VersionTLS13, 1448, sim.Saying{Snap: snap}, sim.Asks(sim.Request("GET", "/a")), sim.Answers(sim.Response(200, strings.Repeat("y", 800))), sim.Asks(sim.Request("GET", "/b")), sim.Answers(sim.Response(200, strings.Repeat("x", 800))), sim.Asks(sim.Request("GET", "/c")), sim.Answers(sim.Response(200, strings.Repeat("z", 1200))))
		if l := sim.StitchKeys(t, &tr, log).Legs[0]; l.Decrypted != decrypted {
			t.Errorf("cut after %d bytes: decrypted %v, protocol %s, notes %q", snap, l.Decrypted, l.Protocol, l.Notes)
		}
	}
}
