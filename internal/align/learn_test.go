package align

import "testing"

// The first says much, what follows less, and one that is far from the others little.
func TestSize(t *testing.T) {
	var s Size
	if s.mean() != firstMean || s.spread() < firstSpread*firstSpread {
		t.Errorf("of nothing: %d, %d", s.mean(), s.spread())
	}
	for range 50 {
		s.Add(100, 1)
	}
	if m := s.mean(); m < 98 || m > 100 || s.spread() > 20 {
		t.Errorf("of 50 alike: %d, %d", m, s.spread())
	}
	if near, far := s.Trust(100), s.Trust(300); near < 1 || far > .01 {
		t.Errorf("trust %v and %v", near, far)
	}
}

// A delay that was seen is likelier than others, and what is cause comes first.
func TestDelays(t *testing.T) {
	var d Delays
	if d.Density(1000) <= d.Density(1e6) || d.Density(-1e6) != 0 {
		t.Errorf("before: %v, %v, %v", d.Density(1000), d.Density(1e6), d.Density(-1e6))
	}
	for range 20 {
		d.Add(2e6, 1)
	}
	if d.Density(2e6) < 4*d.Density(1e5) || d.peak() < d.Density(2e6)*.5 {
		t.Errorf("after: %v, %v, peak %v", d.Density(2e6), d.Density(1e5), d.peak())
	}
}

func TestAlike(t *testing.T) {
	sizes, _ := learned()
	same, other := Alike(Form{Bytes: 20}, Form{Bytes: 20}, sizes), Alike(Form{Bytes: 20}, Form{Bytes: 120}, sizes)
	if same != 1 || other > .01 || Alike(Form{Vague: true}, Form{Bytes: 20}, sizes) != 1 {
		t.Errorf("%v, %v", same, other)
	}
}
