package index_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/test/pcap"
	"github.com/pcapmesh/pcapmesh/internal/test/sim"
	wire "github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
)

// secret is a line of a key log, of the client whose random is one byte repeated.
func secret(random byte) string {
	return fmt.Sprintf("CLIENT_RANDOM %s %s\n", strings.Repeat(fmt.Sprintf("%02x", random), 32), strings.Repeat("ab", 48))
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOpenKeys(t *testing.T) {
	packed := gzipped(t, secret(1)+secret(2))
	for _, tt := range []struct {
		name  string
		files []string
		want  int    // connections
		err   string // in place of the file's name %
	}{
		{"none", nil, 0, ""},
		{"one", []string{secret(1)}, 1, ""},
		{"several", []string{secret(1) + secret(2), secret(2) + secret(3)}, 3, ""},
		{"compressed", []string{string(packed)}, 2, ""},
		{"an empty one", []string{""}, 0, ""},
		{"a comment only", []string{"# nothing\n"}, 0, "key log %: holds no TLS secret"},
		{"another file", []string{secret(1), "GET / HTTP/1.1\n"}, 0, "key log %: holds no TLS secret"},
		{"as short as the mark of gzip", []string{"\x1f"}, 0, "key log %: holds no TLS secret"},
		{"a broken gzip", []string{"\x1f\x8bxx"}, 0, "key log %: unexpected EOF"},
		{"a gzip cut off", []string{string(packed[:len(packed)-9])}, 0, "key log %: unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var names []string
			for i, text := range tt.files {
				names = append(names, pcap.WriteFile(t, fmt.Sprint("keys", i), []byte(text)))
			}
			k, err := index.OpenKeys(t.Context(), names)
			if tt.err != "" {
				if want := strings.Replace(tt.err, "%", names[len(names)-1], 1); err == nil || err.Error() != want {
					t.Fatalf("error %v, want %s", err, want)
				}
				return
			}
			if err != nil || k.Len() != tt.want {
				t.Errorf("secrets of %d connections, %v, want %d", k.Len(), err, tt.want)
			}
		})
	}
}

func TestOpenKeysOfNoFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "none")
	_, err := index.OpenKeys(t.Context(), []string{name})
	if want := "key log " + name + ": no such file or directory"; err == nil || err.Error() != want || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// Of errors of files only what happened is told: their names stand elsewhere.
func TestCause(t *testing.T) {
	other := errors.New("other")
	for _, tt := range []struct{ err, want error }{
		{&os.PathError{Op: "open", Path: "/tmp/x", Err: os.ErrPermission}, os.ErrPermission},
		{fmt.Errorf("wrapped: %w", &os.PathError{Op: "read", Path: "/tmp/x", Err: other}), other},
		{other, other},
	} {
		if got := index.Cause(tt.err); got != tt.want {
			t.Errorf("the cause of %v is %v, want %v", tt.err, got, tt.want)
		}
	}
}

// Files of captures hold key logs too, beside secrets of other kinds.
func TestAddSecrets(t *testing.T) {
	x := &index.Index{Keys: new(wire.KeyLog)}
	x.AddSecrets([]capture.Secret{{Type: index.SecretKeyLog, Data: []byte(secret(1))}, {Type: index.SecretKeyLog + 1, Data: []byte(secret(2))}, {Type: index.SecretKeyLog, Data: []byte(secret(3))}})
	for random, want := range map[byte]bool{1: true, 2: false, 3: true} {
		if got := x.Keys.Has([32]byte(bytes.Repeat([]byte{random}, 32))); got != want {
			t.Errorf("secret %d is known: %v, want %v", random, got, want)
		}
	}
}

// Only connections of which both hellos and the secrets are known are decrypted.
func TestWhatIsDecrypted(t *testing.T) {
	hello := func(k *sealedTalk, client bool) *pcap.Packet { return k.sent(client)[0] }
	without := func(k *sealedTalk, label string) {
		var kept []string
		for _, line := range strings.SplitAfter(k.keys, "\n") {
			if !strings.HasPrefix(line, label) {
				kept = append(kept, line)
			}
		}
		k.keys = strings.Join(kept, "")
	}
	for _, tt := range []struct {
		name string
		do   func(k *sealedTalk)
		pair index.Pair
		want bool
	}{
		{"all", func(*sealedTalk) {}, index.Pair{Orig: 1, Reply: 2}, true},
		{"the wrong way round", func(*sealedTalk) {}, index.Pair{Orig: 2, Reply: 1}, true},
		{"one half", func(*sealedTalk) {}, index.Pair{Orig: 1}, false},
		{"the other half", func(*sealedTalk) {}, index.Pair{Reply: 2}, false},
		{"no ClientHello", func(k *sealedTalk) { k.lose(hello(k, true)) }, index.Pair{Orig: 1, Reply: 2}, false},
		{"no ServerHello", func(k *sealedTalk) { k.lose(hello(k, false)) }, index.Pair{Orig: 1, Reply: 2}, false},
		{"nothing of what the server said", func(k *sealedTalk) { k.lose(k.sent(false)...) }, index.Pair{Orig: 1, Reply: 2}, false},
		{"nothing of what the client said", func(k *sealedTalk) { k.lose(k.sent(true)...) }, index.Pair{Orig: 1, Reply: 2}, false},
		{"no secrets", func(k *sealedTalk) { k.keys = secret(1) }, index.Pair{Orig: 1, Reply: 2}, false},
		{"no key log", func(k *sealedTalk) { k.keys = "" }, index.Pair{Orig: 1, Reply: 2}, false},
		{"the client's secrets only", func(k *sealedTalk) { without(k, "SERVER_") }, index.Pair{Orig: 1, Reply: 2}, false},
		{"the server's secrets only", func(k *sealedTalk) { without(k, "CLIENT_") }, index.Pair{Orig: 1, Reply: 2}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := seal(t, tls.VersionTLS13, sim.Asks("query"), sim.Answers("result"))
			tt.do(k)
			w := testindex.Of(k.tr)
			w.Keys = k.keys
			in := w.Read(t)
			in.Again(t, []index.Pair{tt.pair})
			x := in.Index
			for h, text := range map[index.HalfNo]string{1: "query", 2: "result"} {
				if got := x.Plain[h] != nil; got != tt.want {
					t.Errorf("half %d is decrypted: %v, want %v", h, got, tt.want)
				}
				want := scan.ProtoTLS
				if tt.want {
					want = scan.ProtoTCP
					if got := x.Length(h); got != int64(len(text)) {
						t.Errorf("half %d has %d bytes of plaintext, want %d", h, got, len(text))
					}
				}
				if got := x.Content(h).Proto; got != want && got != scan.ProtoNone {
					t.Errorf("half %d is of kind %d, want %d", h, got, want)
				}
				if got := x.OnWire().Content(h).Proto; got != scan.ProtoTLS && got != scan.ProtoNone || len(x.OnWire().Plain) > 0 {
					t.Errorf("half %d is of kind %d on the wire, want TLS", h, got)
				}
				if len(x.Notes[h]) > 0 {
					t.Errorf("half %d has the notes %q", h, x.Notes[h])
				}
			}
			if same := x.OnWire() == x; same == tt.want {
				t.Errorf("what was read is what was captured: %v, want %v", same, !tt.want)
			}
		})
	}
}

// A suite that cannot be decrypted is told.
func TestUnsupportedSuite(t *testing.T) {
	tr := new(pcap.Trace)
	c := testindex.On(tr, "eth0", "10.0.0.9:4000", "10.244.1.10:443")
	c.Handshake()
	c.TLS(pcap.TLSConfig{Version: 0x0303, Suite: 0xc09c}).Send(100) // CCM
	first := testindex.Of(tr).Read(t).Index
	random, ok := first.ClientRandom(1)
	if !ok {
		t.Fatal("the client's random is not known")
	}
	w := testindex.Of(tr)
	w.Keys = fmt.Sprintf("CLIENT_RANDOM %x %s\n", random, strings.Repeat("ab", 48))
	in := w.Read(t)
	in.Again(t, []index.Pair{{Orig: 1, Reply: 2}})
	want := "version 0x0303, suite 0xc09c: version or cipher suite cannot be decrypted"
	if got := in.Index.Notes[1]; !slices.Equal(got, []string{want}) || in.Index.Plain[1] != nil || len(in.Index.Notes[2]) > 0 {
		t.Errorf("notes %q and %q, want %q on the client's half alone", got, in.Index.Notes[2], want)
	}
}

// Decrypting is given up where nothing of a half opens, or where packets were cut
// so short that more is missing than there is.
func TestFutile(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name string
		do   func(k *sealedTalk)
		want bool // it is decrypted
		note string
	}{
		{"nothing wrong", func(*sealedTalk) {}, true, ""},
		{"one record does not authenticate", func(k *sealedTalk) { spoil(k.last(1)) }, true, "records that the client sent do not authenticate"},
		{"none of a half does", func(k *sealedTalk) {
			for _, p := range k.sent(true)[1:] {
				spoil(p)
			}
		}, false, "records that the client sent do not authenticate"},
		{"one record of three cut", func(k *sealedTalk) { k.last(1).Cut = 20 }, true, ""},
		{"two records of three cut, beside what the server said", func(k *sealedTalk) { k.last(1).Cut, k.last(2).Cut = 20, 20 }, true, ""},
		{"all records cut", func(k *sealedTalk) {
			for n := range 4 {
				k.last(n).Cut = 20
			}
		}, false, ""},
		{"all records lost are not cut", func(k *sealedTalk) { k.lose(k.last(1), k.last(2), k.last(3)) }, true, ""},
	} {
		for name, version := range versions {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				k := seal(t, version, sim.Asks(long), sim.Asks(long), sim.Asks(long), sim.Answers(strings.Repeat("y", 400)))
				tt.do(k)
				x := k.read(t)
				for h := range (index.Pair{Orig: 1, Reply: 2}).Halves {
					if got := x.Plain[h] != nil; got != tt.want {
						t.Errorf("half %d is decrypted: %v, want %v", h, got, tt.want)
					}
					if got := x.Content(h).Proto == scan.ProtoTLS; got == tt.want {
						t.Errorf("half %d is TLS: %v, want %v", h, got, !tt.want)
					}
				}
				if got := strings.Join(x.Notes[1], ""); !strings.Contains(got, tt.note) || (got == "") != (tt.note == "") {
					t.Errorf("notes %q, want %q", got, tt.note)
				}
			})
		}
	}
}
