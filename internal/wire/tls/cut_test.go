package tls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"slices"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// A record that was cut off does not open, however short it is.
func TestCutRecords(t *testing.T) {
	for name, conn := range lossy(t) {
		t.Run(name, func(t *testing.T) {
			w, k := conn()
			fs := recordsOf(w[0])
			i := slices.IndexFunc(fs, func(f fragment) bool { return f.Type == mytls.TypeApplicationData })
			for n := range min(len(fs[i].bytes), 70) {
				d := decrypter(t, w, k, true)
				open(t, d, fs[:i])
				r := fs[i].Record
				r.Len = n
				if _, _, err := d.Open(nil, r, fs[i].bytes[:n]); !errors.Is(err, mytls.ErrAuthentication) {
					t.Errorf("%d of %d bytes: %v, want ErrAuthentication", n, len(fs[i].bytes), err)
				}
			}
		})
	}
}

// A record of no bytes opens (RFC 5246 §6.2.1 allows it for application data).
func TestEmptyRecord(t *testing.T) {
	client, server, log := configs(tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256)
	w := talk(t, client, server)
	d := decrypter(t, w, keyLog(t, log.Bytes()), true)
	seal := newSealer12(t, sessionOf(t, w), log.Bytes(), true)
	for _, content := range []string{"", "x", ""} {
		r, b := seal(mytls.TypeApplicationData, []byte(content))
		typ, plain, err := d.Open(nil, r, b)
		if err != nil || typ != mytls.TypeApplicationData || string(plain) != content {
			t.Errorf("%q opens as %q of type %d, %v", content, plain, typ, err)
		}
	}
}

// Before TLS 1.3 an alert that is as long as one stands in the clear until the
// sender says that it changes to a cipher; a longer one is encrypted.
func TestClearAlerts(t *testing.T) {
	w, k := lossy(t)["GCM"]()
	fs := recordsOf(w[0])
	for n, want := range map[int]error{1: nil, 2: nil, 3: mytls.ErrAuthentication} {
		d := decrypter(t, w, k, true)
		alert := []byte{1, 0, 0}[:n]
		_, plain, err := d.Open(nil, mytls.Record{Type: mytls.TypeAlert, Version: 0x0303, Len: n}, alert)
		if !errors.Is(err, want) || want == nil && !bytes.Equal(plain, alert) || d.Sealed() != (want != nil) {
			t.Errorf("%d bytes: %x, %v, sealed %v; want %v", n, plain, err, d.Sealed(), want)
		}
		if o := open(t, d, fs); want == nil && len(o.failed) > 0 {
			t.Errorf("after %d bytes: %v", n, o.failed)
		}
	}
}
