//go:build linux

package app

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// lookups collects what was asked, by those who asked.
type lookups struct {
	mu  sync.Mutex
	all []truth.Lookup
}

// begin notes a question before it is sent and returns its place.
func (l *lookups) begin(q truth.Lookup) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, q)
	return len(l.all) - 1
}

// list returns what was asked so far.
func (l *lookups) list() []truth.Lookup {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// change alters the record of a question.
func (l *lookups) change(i int, f func(*truth.Lookup)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.all[i])
}

// asked finds the application's last question of a client's end and DNS id.
func (l *lookups) asked(client netip.AddrPort, id uint16) *int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.all) - 1; i >= 0; i-- {
		if q := &l.all[i]; q.Role == "app" && q.Client == client.String() && q.ID == int(id) {
			return &i
		}
	}
	return nil
}

// earlier says whether the question at place i was asked before.
func (l *lookups) earlier(i int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.all[:i], func(q truth.Lookup) bool { return q.Name == l.all[i].Name })
}
