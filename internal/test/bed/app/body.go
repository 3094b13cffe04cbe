//go:build linux

package app

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
)

// BodyFor makes the text of a target; the same target has always the same.
func BodyFor(target string, size int) []byte {
	h := fnv.New64a()
	_, _ = io.WriteString(h, target)
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	p := make([]byte, size)
	for i := range p {
		p[i] = "abcdefghijklmnopqrstuvwxyz 012345\n"[r.IntN(34)]
	}
	return p
}
