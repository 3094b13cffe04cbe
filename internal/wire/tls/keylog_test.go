package tls_test

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

func TestKeyLog(t *testing.T) {
	random := strings.Repeat("ab", 32)
	id := [32]byte(bytes.Repeat([]byte{0xab}, 32))
	line := func(label, secret string) string { return label + " " + random + " " + secret + "\n" }
	whole := line("CLIENT_RANDOM", strings.Repeat("01", 48))
	for _, tc := range []struct {
		name, in, want string
	}{
		{"one line", whole, whole},
		{"no newline at the end", strings.TrimSpace(whole), whole},
		{"CRLF", strings.ReplaceAll(whole, "\n", "\r\n"), whole},
		{"comments and empty lines", "# by a browser\n\n \n" + whole + "#" + whole, whole},
		{"upper case", strings.ToUpper(whole), whole},
		{"first is kept", whole + line("CLIENT_RANDOM", strings.Repeat("02", 48)), whole},
		{"several purposes", line("SERVER_TRAFFIC_SECRET_0", "03") + line("CLIENT_TRAFFIC_SECRET_0", "04"), line("CLIENT_TRAFFIC_SECRET_0", "04") + line("SERVER_TRAFFIC_SECRET_0", "03")},
		{"label of no use", line("EXPORTER_SECRET", "03") + line("ECH_SECRET", "03"), ""},
		{"odd secret", line("CLIENT_RANDOM", "010"), ""},
		{"no hex", line("CLIENT_RANDOM", "zz"), ""},
		{"secret too long", line("CLIENT_RANDOM", strings.Repeat("01", 49)), ""},
		{"random too short", "CLIENT_RANDOM abab 01\n", ""},
		{"two words", "CLIENT_RANDOM " + random + "\n", ""},
		{"four words", "CLIENT_RANDOM " + random + " 01 02\n", ""},
		{"long line between", whole[:20] + strings.Repeat("x", 10000) + "\n" + whole, whole},
		{"long line ends like a line", strings.Repeat(" ", 4096) + whole, ""},
		{"binary", "\x00\x01\x02\xff\n" + whole, whole},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := keyLog(t, []byte(tc.in))
			if got := string(k.AppendLines(nil, id)); got != tc.want {
				t.Errorf("lines %q, want %q", got, tc.want)
			}
			var merged mytls.KeyLog
			merged.Merge(k)
			merged.Merge(k)
			if got := string(merged.AppendLines(nil, id)); got != tc.want {
				t.Errorf("merged lines %q, want %q", got, tc.want)
			}
			if k.Has(id) != (tc.want != "") || k.Len() != min(len(tc.want), 1) {
				t.Errorf("Has = %v, Len = %d", k.Has(id), k.Len())
			}
		})
	}
}

func TestKeyLogReadError(t *testing.T) {
	broken := errors.New("broken")
	k := new(mytls.KeyLog)
	if err := k.Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

// What is written can be read again and means the same; nothing is made up.
func FuzzKeyLog(f *testing.F) {
	client, server, log := configs(tls.VersionTLS13, 0)
	talk(f, client, server)
	f.Add(log.Bytes())
	f.Add([]byte("# comment\r\nCLIENT_RANDOM " + strings.Repeat("00", 32) + " 01\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k := keyLog(t, b)
		if k.Len() > bytes.Count(b, []byte("\n"))+1 {
			t.Fatalf("%d connections in %d lines", k.Len(), bytes.Count(b, []byte("\n"))+1)
		}
		for line := range bytes.Lines(b) {
			words := bytes.Fields(line)
			var id [32]byte
			if len(words) < 2 || len(words[1]) != 64 {
				continue
			}
			if _, err := hex.Decode(id[:], words[1]); err != nil {
				continue
			}
			lines := k.AppendLines(nil, id)
			if again := keyLog(t, lines).AppendLines(nil, id); !bytes.Equal(again, lines) {
				t.Errorf("%q reads as %q", lines, again)
			}
		}
	})
}
