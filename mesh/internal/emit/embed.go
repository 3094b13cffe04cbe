package emit

import (
	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// maxSecrets bounds one decryption secrets block, in bytes; more go into more
// blocks.
const maxSecrets = 1 << 20

// writeKeys writes the secrets of those connections whose encrypted packets are
// written: nobody needs more to read the capture.
func (e *emitter) writeKeys() error {
	var lines []byte
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		s := capture.Secret{Type: index.SecretKeyLog, Data: lines}
		lines = nil
		return e.out.WriteSecret(s)
	}
	seen := make(map[[32]byte]bool)
	for _, c := range e.convs {
		if c.Rebuilt {
			continue
		}
		for h := range c.Frame.Conn.Halves {
			random, ok := e.src.Index.ClientRandom(h)
			if !ok || seen[random] {
				continue
			}
			seen[random] = true
			had := len(lines)
			if lines = e.src.Index.Keys.AppendLines(lines, random); len(lines) > had {
				e.sum.Secrets++
			}
			if len(lines) < maxSecrets {
				continue
			}
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
