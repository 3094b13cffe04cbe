package mesh

import "github.com/pcapmesh/pcapmesh/capture"

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
		s := capture.Secret{Type: secretKeyLog, Data: lines}
		lines = nil
		return e.out.WriteSecret(s)
	}
	seen := make(map[[32]byte]bool)
	for _, c := range e.convs {
		if c.rebuilt {
			continue
		}
		for h := range c.frame.conn.halves {
			random, ok := e.src.x.clientRandom(h)
			if !ok || seen[random] {
				continue
			}
			seen[random] = true
			had := len(lines)
			if lines = e.src.x.keys.AppendLines(lines, random); len(lines) > had {
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

// clientRandom returns the random of the ClientHello on half h, if it has one.
func (x *index) clientRandom(h halfNo) (random [32]byte, ok bool) {
	s := x.onWire().seal(h)
	if s == nil || !s.facts.Known || !s.facts.Hello.Client {
		return random, false
	}
	return s.facts.Hello.Random, true
}
