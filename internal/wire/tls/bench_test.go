package tls_test

import (
	"fmt"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// Bytes of full records opened per second, by suite of TLS 1.3.
func BenchmarkOpen(b *testing.B) {
	for _, s := range suites13 {
		b.Run(fmt.Sprintf("%#x", s.id), func(b *testing.B) {
			c := newSealed13(s, 61)
			seal := s.seal(c.secret("CLIENT_TRAFFIC_SECRET_0"), 0)
			for range 64 {
				c.add(seal, mytls.TypeApplicationData, 1<<14, true)
			}
			k := keyLog(b, c.log)
			buf := make([]byte, 0, mytls.MaxFragment)
			b.SetBytes(64 << 14)
			for b.Loop() {
				d, err := mytls.NewDecrypter(&c.session, k, true)
				if err != nil {
					b.Fatal(err)
				}
				for _, f := range c.records {
					if _, _, err := d.Open(buf, f.Record, f.bytes); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
