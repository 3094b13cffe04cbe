package judge

import "testing"

// An expectation is the least that must be found in a scenario.
type expectation struct {
	recall float64 // of the links that can be told apart, in percent; those that cannot be are ambiguous or right
	gaps   bool    // links may be missing altogether
	bar    *bar    // of the links over encrypted legs, which TestHidden holds
}

// played lists what holds for any run of a scenario, where that is less than
// what its shipped captures allow, which is everything.
var played = map[string]expectation{
	"capture-gaps": {recall: 85, gaps: true}, // both messages of an exchange may not have been captured
}

// expected returns what must be found in s.
func (s *scene) expected() expectation {
	if e, ok := played[s.truth.Scenario]; ok && s.live {
		return e
	}
	e := expectation{recall: 100}
	if b, ok := bars()[s.truth.Scenario]; ok && s.crowded() {
		e.bar = &b
	}
	return e
}

// within returns what is wrong, or nothing where so much of what is said for
// sure may be.
func (e expectation) within(wrong []string, j *judge) []string {
	if e.bar != nil && percent(len(wrong), j.sure()) <= e.bar.wrong {
		return nil
	}
	return wrong
}

// sure counts the ties that are not ambiguous.
func (j *judge) sure() (n int) {
	for i := range j.ties {
		if !j.ties[i].ambiguous {
			n++
		}
	}
	return n
}

// silent lists scenarios of which a variant leaves nothing to go by.
var silent = map[string]string{
	"tcp-refused/no SYNs": "a refused connection is its SYN and the reset",
	"tcp-refused/neither": "a refused connection is its SYN and the reset",
}

// untold lists scenarios whose truth packets do not tell: with the records that
// do. TestRecords and its like hold them.
var untold = map[string]string{
	"half-missing":       "conntrack's table tells what was dialled where one half is missing",
	"node-nat-midstream": "the node's table ties the two sides of its NAT, of which no SYN was captured",
	"upstream-refused":   "the access log tells of attempts that were refused",
}

// known lists checks that fail because of a defect that is not mended yet, as
// "scenario/check", with the defect. A check that passes must not be listed.
var known = map[string]string{
	"envoy-same-id/6 tenths, one tenth from there on, input 1":       "of exchanges alike the true counterpart of one lies in the hole, and it is tied to another's",
	"tproxy-original-src/2 tenths, one tenth from there on, input 1": "the same, of an answer whose request lies in the hole",
}

// maxShown bounds what is printed of one check.
const maxShown = 12

// settle reports what a check found, taking known defects into account. Played
// anew, a scenario may not show them.
func (s *scene) settle(t *testing.T, check string, bad []string) {
	t.Helper()
	title, ok := known[s.truth.Scenario+"/"+check]
	switch {
	case ok && len(bad) == 0 && !s.live:
		t.Errorf("%s passes: take it out of known (%s)", check, title)
	case ok:
		t.Logf("%s: known: %s", check, title)
	default:
		complain(t, check, bad)
	}
}

func complain(t *testing.T, check string, bad []string) {
	t.Helper()
	for i, s := range bad {
		if i == maxShown {
			t.Errorf("%s: and %d more", check, len(bad)-i)
			break
		}
		t.Errorf("%s: %s", check, s)
	}
}
