package algebra

import (
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/odds"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// Others attest a strand between streams if they have the same length of responses, to a
// byte, and took about as long.
func TestAttested(t *testing.T) {
	soon := [2]int64{100 * us, 200 * us}
	for _, tt := range []struct {
		name  string
		shift [2]int64
		delay [2]int64
		want  bool
	}{
		{"as others are", plainShift, soon, true},
		{"a byte more", [2]int64{40, 51}, soon, true},
		{"two bytes more", [2]int64{40, 52}, soon, false},
		{"requests of another length", [2]int64{400, 50}, soon, true}, // of heads, which HPACK shortens
		{"a response of unknown length", [2]int64{40, odds.UnknownShift}, soon, false},
		{"a late request", plainShift, [2]int64{90_000 * us, 200 * us}, false},
		{"a late response", plainShift, [2]int64{100 * us, 90_000 * us}, false},
		{"delays unknown", plainShift, anyDelay, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var others []guess
			for i := range int32(4) {
				others = append(others, guess{i + 4, i + 4, 1, plainShift, soon})
			}
			a := guessed(10, 10, append(others, guess{0, 0, 1, tt.shift, tt.delay})...)
			if got := a.attested(a.strand(4)); got != tt.want {
				t.Errorf("attested: %v, want %v", got, tt.want)
			}
			a.take(append(others[1:], guess{0, 0, 1, tt.shift, tt.delay})...)
			if a.attested(a.strand(3)) {
				t.Error("three others are enough")
			}
		})
	}
}

// Strands that cross another one of their leg are not believed, both of them; that of
// another leg does not matter.
func TestCrossed(t *testing.T) {
	a := heads(false, 3, 1)
	at := func(i int, down, up int64) {
		a.down[i].reqAt, a.up[i].reqAt = down, up
		a.down[i].ex.Outline.First = i
		a.down[i].ex.Req, a.up[i].ex.Req = &scan.Message{Start: int64(i)}, &scan.Message{}
	}
	at(0, 10, 20)
	at(1, 11, 40)
	at(2, 12, 30)
	at(3, 13, 15)
	a.pairing.Edges, a.facts = nil, nil
	k := &tier{a: a}
	for i := range int32(4) {
		a.add(i, i)
		k.sure = append(k.sure, i)
	}
	var got []int32
	for i := range k.crossed() {
		got = append(got, i)
	}
	slices.Sort(got)
	if !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("crossed are %v, want 1 and 2", got)
	}
}

// Where the length of one message is not known, others must have the other one's.
func TestBacked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		shift  [2]int64
		others int32
		want   bool
	}{
		{"both known, no others", plainShift, 0, true},
		{"a request like three others", [2]int64{40, odds.UnknownShift}, 3, false},
		{"a request like four others", [2]int64{40, odds.UnknownShift}, 4, true},
		{"a request a byte longer", [2]int64{41, odds.UnknownShift}, 4, true},
		{"a response like four others", [2]int64{odds.UnknownShift, 50}, 4, true},
		{"a response unlike others", [2]int64{odds.UnknownShift, 60}, 4, false},
		{"nothing known", noShift, 0, true},
	} {
		a := guessed(20, 20, append(backed(4, tt.others, plainShift), guess{0, 0, 1, tt.shift, anyDelay})...)
		if got := a.backed(a.strand(tt.others)); got != tt.want {
			t.Errorf("%s: backed %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A message that only one side of the proxy shows speaks against a pair.
func TestMissed(t *testing.T) {
	m := new(scan.Message)
	if missed(m, m) != 1 || missed(nil, nil) != 1 || missed(m, nil) != seldomAlone || missed(nil, m) != seldomAlone {
		t.Errorf("%v %v %v %v", missed(m, m), missed(nil, nil), missed(m, nil), missed(nil, m))
	}
}
