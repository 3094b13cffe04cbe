package mesh_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/pcaptest"
	"github.com/pcapmesh/pcapmesh/mesh"
)

// A saying is what one end of a connection writes at once.
type saying struct {
	reply bool
	data  string
	snap  int // packets are cut to so many bytes from here on; 0 = as before
}

func asks(data string) saying    { return saying{data: data} }
func answers(data string) saying { return saying{reply: true, data: data} }

// A wiretap records what an end of a connection writes as packets.
type wiretap struct {
	net.Conn
	mu    *sync.Mutex
	write func(string) *pcaptest.Packet
	cut   int // bytes in a packet at the most
}

func (w *wiretap) Write(p []byte) (int, error) {
	w.mu.Lock()
	for q := p; len(q) > 0; {
		n := min(len(q), w.cut)
		w.write(string(q[:n]))
		q = q[n:]
	}
	w.mu.Unlock()
	return w.Conn.Write(p)
}

// inside has both ends of c speak TLS of the given version and say what they
// have to. It returns the key log.
func inside(t *testing.T, c *pcaptest.Connection, version uint16, cut int, talk ...saying) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	there, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	here, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	var mu sync.Mutex
	client := tls.Client(&wiretap{there, &mu, c.Send, cut}, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: &log, MaxVersion: version})
	server := tls.Server(&wiretap{here, &mu, c.Reply, cut}, &tls.Config{Certificates: []tls.Certificate{certificate(t)}})
	c.Handshake()
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-shaken); err != nil {
		t.Fatal(err)
	}
	ends := [2]*tls.Conn{client, server}
	for _, s := range talk {
		from, to := ends[0], ends[1]
		if s.snap > 0 {
			c.Snap(s.snap)
		}
		if s.reply {
			from, to = to, from
		}
		_, err := io.WriteString(from, s.data)
		_, err2 := io.ReadFull(to, make([]byte, len(s.data)))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range ends {
		if err := e.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(there.Close(), here.Close()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	return log.String()
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// stitchKeys reads a trace with a key log.
func stitchKeys(t *testing.T, tr *pcaptest.Trace, log string) *mesh.Result {
	t.Helper()
	r, err := mesh.Stitch([]mesh.Input{
		{File: pcaptest.WriteFile(t, "eth0.pcap", tr.PCAP("eth0"))},
		{File: pcaptest.WriteFile(t, "lo.pcap", tr.PCAP("lo"))},
	}, &mesh.Options{Reread: true, KeyLogs: []string{pcaptest.WriteFile(t, "keys.txt", []byte(log))}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// spoken returns what a stream carries, by direction; holes are "<n>".
func spoken(t *testing.T, r *mesh.Result, stream int) (out [2]string) {
	t.Helper()
	err := r.Follow(stream, -1, func(c mesh.Chunk) error {
		d := 0
		if c.Reply {
			d = 1
		}
		out[d] += string(c.Data)
		if c.Missing > 0 {
			out[d] += fmt.Sprintf("<%d>", c.Missing)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// What is decrypted is read as plaintext is, also where the connection is torn
// apart: ranges lead back to whole records.
func TestDecrypt(t *testing.T) {
	talk := []saying{
		asks(request("GET", "/a")), answers(response(200, "hello")),
		asks(request("HEAD", "/b")), answers("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"),
		asks(request("POST", "/c", "content-length: 40000")), asks(strings.Repeat("x", 40000)), answers(response(201, strings.Repeat("y", 30000))),
	}
	var want [2]string
	for _, s := range talk {
		if s.reply {
			want[1] += s.data
		} else {
			want[0] += s.data
		}
	}
	for name, version := range versions {
		for _, shape := range []string{"whole", "half-flows", "self call"} {
			for _, cut := range []int{100, 1448, 65000} {
				t.Run(fmt.Sprint(name, shape, cut), func(t *testing.T) {
					var tr pcaptest.Trace
					var c *pcaptest.Connection
					switch shape {
					case "whole":
						c = on(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:8080")
					case "half-flows":
						c = on(&tr, "lo", "10.244.1.10:4000", "10.96.0.1:443").Redirect("127.0.0.1:15001")
					case "self call":
						c = on(&tr, "lo", "10.244.1.10:4000", "10.244.1.10:8080").Redirect("127.0.0.1:15006")
					}
					log := inside(t, c, version, cut, talk...)
					r := stitchKeys(t, &tr, log)
					if len(r.Legs) != 1 || !r.Legs[0].Decrypted || r.Legs[0].Protocol != "http/1.1" || r.Legs[0].TLS.Version != name || r.Legs[0].Notes != nil {
						t.Fatalf("legs: %+v", r.Legs[0])
					}
					if got, want := exchangeList(r), []string{"GET /a 200", "HEAD /b 200", "POST /c 201"}; !slices.Equal(got, want) {
						t.Errorf("exchanges %q, want %q", got, want)
					}
					if got := spoken(t, r, 0); got != want {
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
func checkRanges(t *testing.T, r *mesh.Result, tr *pcaptest.Trace) {
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
			var tr pcaptest.Trace
			log := inside(t, on(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), version, 65000,
				asks("first "), asks("second "), asks("third"), answers("done"))
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
			r := stitchKeys(t, &tr, log)
			if got, want := spoken(t, r, 0), [2]string{"first <7>third", "done"}; got != want {
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
	var tr, other pcaptest.Trace
	talk := []saying{asks("query"), answers("result")}
	log := inside(t, on(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, talk...)
	strange := inside(t, on(&other, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, talk...)
	swapped := strings.NewReplacer(strings.Fields(strange)[1], strings.Fields(log)[1]).Replace(strange)
	for name, tc := range map[string]struct {
		log   string
		notes int
	}{"of another": {strange, 0}, "wrong": {swapped, 2}} {
		t.Run(name, func(t *testing.T) {
			l := stitchKeys(t, &tr, tc.log).Legs[0]
			if l.Decrypted || l.Protocol != "tls" || len(l.Notes) != tc.notes {
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
		var tr pcaptest.Trace
		c := on(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:8080")
		log := inside(t, c, tls.VersionTLS13, 1448, saying{snap: snap}, asks(request("GET", "/a")), answers(response(200, strings.Repeat("y", 800))), asks(request("GET", "/b")), answers(response(200, strings.Repeat("x", 800))), asks(request("GET", "/c")), answers(response(200, strings.Repeat("z", 1200))))
		if l := stitchKeys(t, &tr, log).Legs[0]; l.Decrypted != decrypted {
			t.Errorf("cut after %d bytes: decrypted %v, protocol %s, notes %q", snap, l.Decrypted, l.Protocol, l.Notes)
		}
	}
}

// Secrets in a pcapng file count; what is written holds secrets only if asked
// to, and only those of connections that are in it and encrypted.
func TestEmbeddedKeys(t *testing.T) {
	var tr pcaptest.Trace
	log := inside(t, on(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, asks("query"), answers("result"))
	strange := inside(t, new(pcaptest.Trace).Conn("10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, asks("query"))
	r := stitchKeys(t, &tr, log+strange)
	for _, tc := range []struct {
		name string
		o    mesh.WriteOptions
		want string
	}{
		{"legs", mesh.WriteOptions{View: mesh.ViewLegs, EmbedKeys: true}, log},
		{"legs, not asked for", mesh.WriteOptions{View: mesh.ViewLegs}, ""},
		{"paths", mesh.WriteOptions{EmbedKeys: true}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "out.pcapng")
			if _, err := r.WriteFile(name, false, &tc.o); err != nil {
				t.Fatal(err)
			}
			if got := secrets(t, name); len(strings.Fields(got)) > len(strings.Fields(tc.want)) || (got == "") != (tc.want == "") {
				t.Errorf("secrets %q, want no other than in %q", got, tc.want)
			}
			again, err := mesh.Stitch([]mesh.Input{{File: name}}, &mesh.Options{Reread: true})
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if got := spoken(t, again, 0); tc.want != "" && got != [2]string{"query", "result"} {
				t.Errorf("read back: %q", got)
			}
		})
	}
}

// secrets returns the key log in a pcapng file, which must come before the
// packets.
func secrets(t *testing.T, name string) (text string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := capture.NewReader(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Secrets() {
		if s.Type != 0x544c534b {
			t.Errorf("secret of type %#x", s.Type)
		}
		text += string(s.Data)
	}
	return text
}

func TestKeyLogErrors(t *testing.T) {
	var tr pcaptest.Trace
	inside(t, on(&tr, "eth0", "10.0.0.9:4000", "10.244.1.10:5432"), tls.VersionTLS13, 1448, asks("query"))
	input := []mesh.Input{{File: pcaptest.WriteFile(t, "eth0.pcap", tr.PCAP("eth0"))}}
	for _, tc := range []struct {
		name, file string
		want       error
	}{
		{"not there", filepath.Join(t.TempDir(), "none.txt"), os.ErrNotExist},
		{"no key log", pcaptest.WriteFile(t, "other.txt", []byte("hello\n")), mesh.ErrNoKeys},
		{"empty", pcaptest.WriteFile(t, "empty.txt", nil), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r, err := mesh.Stitch(input, &mesh.Options{KeyLogs: []string{tc.file}})
			if !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if err == nil {
				r.Close()
			}
		})
	}
}
