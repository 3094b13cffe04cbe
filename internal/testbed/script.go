//go:build linux

package testbed

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// script writes a client's requests: different targets, sizes and kinds, some
// with a request id of the client's own.
func (a *apps) script(who string, n int, ids bool) []call { return a.scriptOf(who, n, ids, 3000) }

// scriptOf is script with bodies of at most so many bytes.
func (a *apps) scriptOf(who string, n int, ids bool, most int) []call {
	var calls []call
	for i := range n {
		size := a.Between(20, most)
		k := call{method: "GET", target: fmt.Sprintf("/%s/item/%d?size=%d&delay=%d", who, i, size, a.Between(1, 9)),
			think: time.Duration(a.Between(0, 12)) * time.Millisecond, split: a.Between(0, 1) == 1}
		switch a.Between(0, 5) {
		case 0, 1:
			k.method, k.body = "POST", bodyFor(k.target+"!", a.Between(10, most*5/6))
			k.chunked = a.Between(0, 3) == 0
		case 2:
			k.target += "&chunked=1"
		case 3:
			k.method = "HEAD"
		}
		if ids {
			k.header = append(k.header, [2]string{"x-request-id", a.Uuid()})
		}
		k.header = append(k.header, [2]string{"user-agent", "client-" + who})
		calls = append(calls, k)
	}
	return calls
}

// crowd plays n clients at once.
func (a *apps) crowd(n int, make func(i int) httpClient) error {
	var fs []func() error
	for i := range n {
		c := make(i)
		fs = append(fs, func() error { return a.play(c) })
	}
	return world.Parallel(fs...)
}
