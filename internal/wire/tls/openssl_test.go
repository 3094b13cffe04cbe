package tls_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// An opensslServer is an openssl s_server that sends every line back reversed.
type opensslServer struct {
	addr    string
	answers bool
}

func startOpenSSL(t *testing.T, args ...string) *opensslServer {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl")
	}
	file := filepath.Join(t.TempDir(), "server.pem")
	rsaCert, _ := certificates()
	if err := os.WriteFile(file, pemOf(t, rsaCert), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("openssl", append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", file, "-key", file}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe() // at its end the server would close connections
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	accept := regexp.MustCompile(`^ACCEPT .*:(\d+)`)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := accept.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return &opensslServer{"127.0.0.1:" + m[1], slices.Contains(args, "-rev")}
		}
	}
	t.Skip("needs openssl s_server that says where it listens")
	return nil
}

// dial runs openssl s_client with the given input lines and returns what lay on
// the wire and the key log. It waits for the answer to each line if there will
// be one, after a command until something was sent, and else before the first
// line until it is ready.
func (s *opensslServer) dial(t *testing.T, ready func() bool, lines []string, args ...string) (wire, *mytls.KeyLog) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	log := filepath.Join(t.TempDir(), "keys.txt")
	cmd := exec.Command("openssl", append([]string{"s_client", "-connect", l.Addr().String(), "-keylogfile", log}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	done := make(chan wire)
	var sent atomic.Int64
	go func() { done <- relay(l, s.addr, &sent) }()
	heard := bufio.NewScanner(out)
	if !s.answers {
		wait(ready)
	}
	for _, line := range lines {
		before := sent.Load()
		_, _ = io.WriteString(in, line+"\n")
		if len(line) == 1 && line != "x" {
			wait(func() bool { return sent.Load() > before })
			continue
		}
		for s.answers && heard.Scan() && !strings.HasSuffix(heard.Text(), reversed(line)) {
		}
	}
	_ = in.Close()
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	_ = l.Close()
	w := <-done
	text, err := os.ReadFile(log)
	if err != nil || len(w[1]) == 0 {
		t.Fatalf("%d bytes came back, key log: %v", len(w[1]), err)
	}
	return w, keyLog(t, text)
}

// wait waits until ready, but not for ever.
func wait(ready func() bool) {
	for range 500 {
		if ready() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// relay passes one connection on to addr. It counts what the client sends.
func relay(l net.Listener, addr string, sent *atomic.Int64) (w wire) {
	c, err := l.Accept()
	if err != nil {
		return w
	}
	defer c.Close()
	s, err := net.Dial("tcp", addr)
	if err != nil {
		return w
	}
	back := make(chan error)
	go func() {
		_, err := io.Copy(c, io.TeeReader(s, (*appender)(&w[1])))
		back <- errors.Join(err, c.Close())
	}()
	_, _ = io.Copy(s, io.TeeReader(c, writerFunc(func(p []byte) {
		w[0] = append(w[0], p...)
		sent.Add(int64(len(p)))
	})))
	_ = s.Close()
	<-back
	return w
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

var said = []string{"hello", "a somewhat longer line of text", "x", strings.Repeat("long ", 600)}

func reversed(line string) string {
	b := []byte(line)
	slices.Reverse(b)
	return string(b)
}

// wantLines checks that the lines came, and their reverse back.
func wantLines(t *testing.T, w wire, k *mytls.KeyLog, lines []string) {
	t.Helper()
	var want [2]string
	for _, l := range lines {
		want[0] += l + "\n"
		want[1] += reversed(l) + "\n"
	}
	for dir := range want {
		o := open(t, decrypter(t, w, k, dir == 0), recordsOf(w[dir]))
		if len(o.failed) > 0 || string(o.data) != want[dir] {
			t.Errorf("direction %d: %.60q (%d bytes), want %.60q (%d bytes); %v", dir, o.data, len(o.data), want[dir], len(want[dir]), o.failed)
		}
	}
}

func TestDecryptOpenSSL12(t *testing.T) {
	s := startOpenSSL(t, "-rev", "-cipher", "ALL:@SECLEVEL=0")
	for _, suite := range []string{
		"AES128-SHA", "AES256-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES128-SHA256",
		"DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-CHACHA20-POLY1305", "AES128-GCM-SHA256",
	} {
		for _, etm := range []bool{true, false} {
			name, args := suite, []string{"-tls1_2", "-cipher", suite + ":@SECLEVEL=0"}
			if !etm {
				name, args = suite+"/no_etm", append(args, "-no_etm")
			}
			t.Run(name, func(t *testing.T) {
				w, k := s.dial(t, nil, said, args...)
				if cbc := !strings.Contains(suite, "GCM") && !strings.Contains(suite, "CHACHA"); sessionOf(t, w).EncryptThenMAC != (etm && cbc) {
					t.Errorf("encrypt-then-MAC = %v", !etm)
				}
				wantLines(t, w, k, said)
			})
		}
	}
}

func TestDecryptOpenSSLOld(t *testing.T) {
	s := startOpenSSL(t, "-rev", "-cipher", "ALL:@SECLEVEL=0")
	for _, version := range []string{"-tls1", "-tls1_1"} {
		for _, args := range [][]string{{version}, {version, "-no_etm"}} {
			t.Run(strings.Join(args, ""), func(t *testing.T) {
				w, k := s.dial(t, nil, said, append(args, "-cipher", "ECDHE-RSA-AES256-SHA:@SECLEVEL=0")...)
				wantLines(t, w, k, said)
			})
		}
	}
}

func TestDecryptOpenSSL13(t *testing.T) {
	s := startOpenSSL(t, "-rev")
	for _, suite := range []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"} {
		t.Run(suite, func(t *testing.T) {
			w, k := s.dial(t, nil, said, "-ciphersuites", suite)
			wantLines(t, w, k, said)
		})
	}
	t.Run("KeyUpdate", func(t *testing.T) {
		w, k := s.dial(t, nil, []string{said[0], "K", said[1], "k", said[2], said[3]}) // a second each
		wantLines(t, w, k, said)
	})
}

// Early data is read where its secret is known, and passed over where not.
func TestDecryptOpenSSLEarly(t *testing.T) {
	s := startOpenSSL(t, "-early_data", "-no_anti_replay")
	dir := t.TempDir()
	ticket, again, early := filepath.Join(dir, "ticket"), filepath.Join(dir, "again"), filepath.Join(dir, "early")
	written := func(file string) func() bool {
		return func() bool {
			info, err := os.Stat(file)
			return err == nil && info.Size() > 0
		}
	}
	if err := os.WriteFile(early, []byte("early bird\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.dial(t, written(ticket), said[:1], "-sess_out", ticket)
	w, k := s.dial(t, written(again), said[:2], "-sess_in", ticket, "-sess_out", again, "-early_data", early)
	session := sessionOf(t, w)
	if !session.EarlyData || session.EarlyRefused {
		t.Fatalf("early data %v, refused %v", session.EarlyData, session.EarlyRefused)
	}
	late := said[0] + "\n" + said[1] + "\n"
	if o := open(t, decrypter(t, w, k, true), recordsOf(w[0])); len(o.failed) > 0 || string(o.data) != "early bird\n"+late {
		t.Errorf("with its secret: %q, %v", o.data, o.failed)
	}
	lines := k.AppendLines(nil, session.ClientRandom)
	lines = regexp.MustCompile(`(?m)^CLIENT_EARLY.*$`).ReplaceAll(lines, nil)
	o := open(t, decrypter(t, w, keyLog(t, lines), true), recordsOf(w[0]))
	if len(o.failed) != 2 || !errors.Is(errors.Join(o.failed...), mytls.ErrNoSecret) || !bytes.Equal(o.data, []byte(late)) {
		t.Errorf("without its secret: %q, %v", o.data, o.failed)
	}
}
