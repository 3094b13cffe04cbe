//go:build linux

package app

import (
	"fmt"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Script writes a client's requests: different targets, sizes and kinds, some
// with a request id of the client's own.
func (a *Apps) Script(who string, n int, ids bool) []Call { return a.ScriptOf(who, n, ids, 3000) }

// ScriptOf is script with bodies of at most so many bytes.
func (a *Apps) ScriptOf(who string, n int, ids bool, most int) []Call {
	var calls []Call
	for i := range n {
		size := a.Between(20, most)
		k := Call{Method: "GET", Target: fmt.Sprintf("/%s/item/%d?size=%d&delay=%d", who, i, size, a.Between(1, 9)),
			Think: time.Duration(a.Between(0, 12)) * time.Millisecond, Split: a.Between(0, 1) == 1}
		switch a.Between(0, 5) {
		case 0, 1:
			k.Method, k.Body = "POST", BodyFor(k.Target+"!", a.Between(10, most*5/6))
			k.Chunked = a.Between(0, 3) == 0
		case 2:
			k.Target += "&chunked=1"
		case 3:
			k.Method = "HEAD"
		}
		if ids {
			k.Header = append(k.Header, [2]string{"x-request-id", a.UUID()})
		}
		k.Header = append(k.Header, [2]string{"user-agent", "client-" + who})
		calls = append(calls, k)
	}
	return calls
}

// Crowd plays n clients at once.
func (a *Apps) Crowd(n int, make func(i int) HTTPClient) error {
	var fs []func() error
	for i := range n {
		c := make(i)
		fs = append(fs, func() error { return a.Play(c) })
	}
	return world.Parallel(fs...)
}
