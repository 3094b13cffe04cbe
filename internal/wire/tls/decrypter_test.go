package tls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// rfc8448 reads the sections of a trace: lines of hex under a name.
func rfc8448(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/rfc8448-3.txt")
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string][]byte)
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		var b []byte
		switch _, err := fmt.Sscanf(strings.ReplaceAll(line, " ", ""), "%x", &b); {
		case line == "" || line[0] == '#':
		case err == nil && strings.Contains(line, " "):
			sections[name] = append(sections[name], b...)
		default:
			name = line
		}
	}
	return sections
}

func TestRFC8448(t *testing.T) {
	trace := rfc8448(t)
	w := wire{trace["client"], trace["server"]}
	session := sessionOf(t, w)
	var log bytes.Buffer
	for _, label := range []string{"client_handshake_traffic_secret", "server_handshake_traffic_secret", "client_traffic_secret_0", "server_traffic_secret_0"} {
		fmt.Fprintf(&log, "%s %x %x\n", strings.ToUpper(label), session.ClientRandom, trace[label])
	}
	k := keyLog(t, log.Bytes())
	for dir, want := range [2]struct {
		inner []int
		types []uint8
	}{
		{[]int{196, 36, 50, 2}, []uint8{22, 22, 23, 21}},
		{[]int{90, 657, 205, 50, 2}, []uint8{22, 22, 22, 23, 21}},
	} {
		o := open(t, decrypter(t, w, k, dir == 0), recordsOf(w[dir]))
		if !slices.Equal(o.inner, want.inner) || !slices.Equal(o.types, want.types) {
			t.Errorf("direction %d: lengths %v of types %v, want %v of %v; %v", dir, o.inner, o.types, want.inner, want.types, o.failed)
		}
		payload := make([]byte, 50)
		for i := range payload {
			payload[i] = byte(i)
		}
		if !bytes.Equal(o.data, payload) {
			t.Errorf("direction %d: data %x, want 00 to 31", dir, o.data)
		}
	}
	fs := recordsOf(w[1])
	_, flight, err := decrypter(t, w, k, false).Open(nil, fs[1].Record, fs[1].bytes)
	if err != nil || !bytes.HasSuffix(flight, trace["server_finished_message"]) {
		t.Errorf("the server's flight ends in %x, %v; want its Finished", flight[max(0, len(flight)-36):], err)
	}
}

// messages are what the ends of a test connection say: of all lengths that
// padding and fragmentation can tell apart.
func messages() (sent, received []byte, sizes []int) {
	sizes = []int{0, 1, 15, 16, 17, 31, 100, 1000, 16383, 16384, 16385, 40000}
	rnd := rand.New(rand.NewPCG(11, 12))
	for _, n := range sizes {
		for range n {
			sent = append(sent, byte(rnd.IntN(256)))
			received = append(received, byte(rnd.IntN(256)))
		}
	}
	return sent, received, sizes
}

// talk runs one crypto/tls connection with messages both ways.
func talk(t testing.TB, client, server *tls.Config) wire {
	t.Helper()
	sent, received, sizes := messages()
	end := func(c *tls.Conn, say, hear []byte, first bool) error {
		for _, n := range sizes {
			got := make([]byte, n)
			write := func() error { _, err := c.Write(say[:n]); return err }
			read := func() error { _, err := io.ReadFull(c, got); return err }
			steps := []func() error{write, read}
			if !first {
				steps = []func() error{read, write}
			}
			if err := errors.Join(steps[0](), steps[1]()); err != nil {
				return err
			}
			if !bytes.Equal(got, hear[:n]) {
				return errors.New("wrong bytes arrived")
			}
			say, hear = say[n:], hear[n:]
		}
		return c.CloseWrite()
	}
	return carry(t,
		func(c net.Conn) error { return end(tls.Client(c, client), sent, received, true) },
		func(c net.Conn) error { return end(tls.Server(c, server), received, sent, false) })
}

// mustOpen checks that both directions give what was said.
func mustOpen(t *testing.T, w wire, k *mytls.KeyLog) {
	t.Helper()
	sent, received, _ := messages()
	for dir, want := range [2][]byte{sent, received} {
		o := open(t, decrypter(t, w, k, dir == 0), recordsOf(w[dir]))
		if len(o.failed) > 0 {
			t.Errorf("direction %d: %v", dir, o.failed)
		}
		if !bytes.Equal(o.data, want) {
			t.Errorf("direction %d: %d bytes, want the %d that were said", dir, len(o.data), len(want))
		}
	}
}

// configs returns a client and a server that meet in one version and suite,
// and where the client writes its key log.
func configs(version, suite uint16) (client, server *tls.Config, log *bytes.Buffer) {
	rsaCert, ecCert := certificates()
	log = new(bytes.Buffer)
	client = &tls.Config{InsecureSkipVerify: true, KeyLogWriter: log, MinVersion: version, MaxVersion: version}
	server = &tls.Config{Certificates: []tls.Certificate{rsaCert, ecCert}, MinVersion: version, MaxVersion: version}
	if suite != 0 {
		client.CipherSuites = []uint16{suite}
		server.CipherSuites = []uint16{suite}
	}
	return client, server, log
}

func TestDecryptGo(t *testing.T) {
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if strings.Contains(s.Name, "RC4") || strings.Contains(s.Name, "3DES") {
			continue // not to be decrypted
		}
		for _, version := range s.SupportedVersions {
			if version == tls.VersionTLS13 {
				continue // crypto/tls chooses these itself: see TestDecryptGo13 and TestSealed13
			}
			t.Run(fmt.Sprintf("%s/%s", mytls.VersionName(version), s.Name), func(t *testing.T) {
				client, server, log := configs(version, s.ID)
				w := talk(t, client, server)
				if got := sessionOf(t, w); got.Suite != s.ID || got.Version != version {
					t.Fatalf("version %#x, suite %#x were negotiated", got.Version, got.Suite)
				}
				mustOpen(t, w, keyLog(t, log.Bytes()))
			})
		}
	}
}

func TestDecryptGo13(t *testing.T) {
	client, server, log := configs(tls.VersionTLS13, 0)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	client.ServerName = "server.example"
	for _, name := range []string{"full", "resumed"} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			mustOpen(t, talk(t, client, server), keyLog(t, log.Bytes()))
		})
	}
	t.Run("retried", func(t *testing.T) {
		client, server, log := configs(tls.VersionTLS13, 0)
		client.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256}
		server.CurvePreferences = []tls.CurveID{tls.CurveP256}
		w := talk(t, client, server)
		if n := len(recordsOf(w[0])); n < 3 {
			t.Fatalf("%d records, want a second ClientHello", n)
		}
		mustOpen(t, w, keyLog(t, log.Bytes()))
	})
}

func TestNoDecrypter(t *testing.T) {
	client, server, log := configs(tls.VersionTLS13, 0)
	w := talk(t, client, server)
	session := sessionOf(t, w)
	for _, tc := range []struct {
		name string
		log  *mytls.KeyLog
		s    mytls.Session
		want error
	}{
		{"empty key log", new(mytls.KeyLog), *session, mytls.ErrNoSecret},
		{"other connection", keyLog(t, log.Bytes()), mytls.Session{Version: session.Version, Suite: session.Suite}, mytls.ErrNoSecret},
		{"unknown suite", keyLog(t, log.Bytes()), mytls.Session{Version: session.Version, Suite: 0x1304, ClientRandom: session.ClientRandom}, mytls.ErrUnsupported},
		{"suite of another version", keyLog(t, log.Bytes()), mytls.Session{Version: tls.VersionTLS12, Suite: session.Suite, ClientRandom: session.ClientRandom}, mytls.ErrUnsupported},
		{"GCM before TLS 1.2", keyLog(t, log.Bytes()), mytls.Session{Version: tls.VersionTLS11, Suite: 0xc02f, ClientRandom: session.ClientRandom}, mytls.ErrUnsupported},
		{"secret of another hash", keyLog(t, []byte(fmt.Sprintf("CLIENT_TRAFFIC_SECRET_0 %x 0102\n", session.ClientRandom))), *session, mytls.ErrNoSecret},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := mytls.NewDecrypter(&tc.s, tc.log, true); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}

// lossy lists the connections that the tests of lost and spoilt records use:
// by name the wire, the key log, and what kinds of ciphers it has.
func lossy(t testing.TB) map[string]func() (wire, *mytls.KeyLog) {
	conn := func(version, suite uint16) func() (wire, *mytls.KeyLog) {
		return func() (wire, *mytls.KeyLog) {
			client, server, log := configs(version, suite)
			w := talk(t, client, server)
			return w, keyLog(t, log.Bytes())
		}
	}
	return map[string]func() (wire, *mytls.KeyLog){
		"1.3":     conn(tls.VersionTLS13, 0),
		"GCM":     conn(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
		"ChaCha":  conn(tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
		"CBC 1.2": conn(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA),
		"CBC 1.0": conn(tls.VersionTLS10, tls.TLS_RSA_WITH_AES_256_CBC_SHA),
	}
}

// With any run of records missing, those after it must open, if it was told
// that some are missing.
func TestMissedRecords(t *testing.T) {
	for name, conn := range lossy(t) {
		t.Run(name, func(t *testing.T) {
			w, k := conn()
			for dir := range w {
				fs := recordsOf(w[dir])
				whole := open(t, decrypter(t, w, k, dir == 0), fs)
				for from := 1; from < len(fs); from++ {
					for to := from + 1; to < len(fs); to++ {
						d := decrypter(t, w, k, dir == 0)
						a := open(t, d, fs[:from])
						d.Miss(to - from + 1)
						b := open(t, d, fs[to:])
						got := slices.Concat(a.inner, whole.inner[from:to], b.inner)
						if name == "CBC 1.0" && b.inner[0] < 0 { // the block before it is missing
							got[to] = whole.inner[to]
						}
						if !slices.Equal(got, whole.inner) {
							t.Fatalf("direction %d without records %d to %d: lengths %v, want %v", dir, from, to, got, whole.inner)
						}
					}
				}
			}
		})
	}
}

func TestSpoiltRecords(t *testing.T) {
	for name, conn := range lossy(t) {
		t.Run(name, func(t *testing.T) {
			w, k := conn()
			for dir := range w {
				fs := recordsOf(w[dir])
				whole := open(t, decrypter(t, w, k, dir == 0), fs)
				for i := 1; i < len(fs); i++ {
					if fs[i].Type != mytls.TypeApplicationData {
						continue
					}
					spoilt := slices.Clone(fs)
					spoilt[i].bytes = bytes.Clone(fs[i].bytes)
					spoilt[i].bytes[len(fs[i].bytes)/3] ^= 0x10
					o := open(t, decrypter(t, w, k, dir == 0), spoilt)
					if o.inner[i] >= 0 || !errors.Is(o.failed[0], mytls.ErrAuthentication) {
						t.Fatalf("direction %d: record %d was spoilt and opened", dir, i)
					}
					o.inner[i] = whole.inner[i]
					if !slices.Equal(o.inner, whole.inner) {
						t.Fatalf("direction %d, record %d spoilt: lengths %v, want %v", dir, i, o.inner, whole.inner)
					}
				}
			}
		})
	}
}

func TestOpenAllocatesNothing(t *testing.T) {
	for name, conn := range lossy(t) {
		t.Run(name, func(t *testing.T) {
			w, k := conn()
			fs := recordsOf(w[0])
			d := decrypter(t, w, k, true)
			buf := make([]byte, 0, mytls.MaxFragment)
			next := 0
			step := func() {
				_, _, _ = d.Open(buf, fs[next].Record, fs[next].bytes)
				next++
			}
			for len(fs)-next > 6 { // up to the last messages
				step()
			}
			if n := testing.AllocsPerRun(3, step); n != 0 {
				t.Errorf("%v allocations per record", n)
			}
		})
	}
}

// What was renegotiated cannot be read: the error says so and stays.
func TestRenegotiation(t *testing.T) {
	client, server, log := configs(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	w := talk(t, client, server)
	session := sessionOf(t, w)
	k := keyLog(t, log.Bytes())
	d, err := mytls.NewDecrypter(session, k, true)
	if err != nil {
		t.Fatal(err)
	}
	seal := newSealer12(t, session, log.Bytes(), true)
	ccs := mytls.Record{Type: mytls.TypeChangeCipherSpec, Version: tls.VersionTLS12, Len: 1}
	if _, _, err := d.Open(nil, ccs, []byte{1}); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		typ  uint8
		want error
	}{{mytls.TypeHandshake, nil}, {mytls.TypeApplicationData, nil}, {mytls.TypeChangeCipherSpec, mytls.ErrRenegotiated}, {mytls.TypeApplicationData, mytls.ErrRenegotiated}} {
		r, b := seal(tc.typ, []byte{1})
		if _, _, err := d.Open(nil, r, b); !errors.Is(err, tc.want) {
			t.Errorf("record %d of type %d: %v, want %v", i, tc.typ, err, tc.want)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	trace := rfc8448(t)
	w := wire{trace["client"], trace["server"]}
	s := sessionOf(t, w)
	log := fmt.Sprintf("CLIENT_TRAFFIC_SECRET_0 %x %x\n", s.ClientRandom, trace["client_traffic_secret_0"])
	k := keyLog(t, []byte(log))
	d := decrypter(t, w, k, true)
	holder := struct {
		K  *mytls.KeyLog
		V  mytls.KeyLog
		D  *mytls.Decrypter
		In struct{ K mytls.KeyLog }
	}{K: k, V: *k, D: d}
	holder.In.K = *k
	raw := trace["client_traffic_secret_0"]
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%q", "%d"} {
		for _, v := range []any{k, *k, d, holder, &holder} {
			got := fmt.Sprintf(format, v)
			for _, shown := range []string{fmt.Sprintf("%x", raw[:4]), fmt.Sprintf("%X", raw[:4]), strings.Trim(fmt.Sprint(raw[:4]), "[]"), fmt.Sprintf("%#v", raw[:4])[7:20]} {
				if strings.Contains(got, shown) {
					t.Errorf("%s of %T shows the secret: %s", format, v, got)
				}
			}
		}
	}
}
