package judge

import (
	"path/filepath"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// Where requests of HTTP/2 stand in what Envoy encrypts no log of it tells: the
// records are found by what they hold once keys are given, in their order: nothing here
// rests on what is tied to what.

// place fills in where the requests of encrypted legs begin, if the truth does not
// have it and keys show it.
func (s *scene) place(t testing.TB) {
	open := make(map[string]bool) // legs
	for i := range s.truth.Links {
		l := &s.truth.Links[i]
		w, _ := s.truth.Leg(l.From)
		open[l.From] = w != nil && w.Encrypted && l.FromExchange >= 0 && l.FromBelow == nil && l.FromBy == "" && l.Target != ""
	}
	if s.truth.Keys == "" || !anyOf(open) {
		return
	}
	j := newJudge(s.truth, stitch(t, s.inputs, mesh.Options{KeyLogs: []string{filepath.Join(s.dir, s.truth.Keys)}}))
	at := make(map[end]int64)
	for p, no := range j.k.no {
		if w := j.m.truth[p.leg]; w != nil && open[w.ID] {
			at[end{w.ID, no}] = p.req[0]
		}
	}
	for i := range s.truth.Links {
		l := &s.truth.Links[i]
		if n, ok := at[end{l.From, l.FromExchange}]; ok && open[l.From] {
			l.FromBelow = &n
		}
	}
}

func anyOf(open map[string]bool) bool {
	for _, is := range open {
		if is {
			return true
		}
	}
	return false
}
