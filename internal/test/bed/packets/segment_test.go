package packets

import "testing"

// A stream is whole if retransmissions and disorder leave no hole.
func TestTally(t *testing.T) {
	seg := func(seq uint32, data string) segment { return segment{seq: seq, data: []byte(data)} }
	for _, test := range []struct {
		name  string
		segs  []segment
		bytes int64
		whole bool
	}{
		{"in order", []segment{seg(0, "ab"), seg(2, "cd")}, 4, true},
		{"swapped and sent again", []segment{seg(2, "cd"), seg(0, "ab"), seg(1, "bcd")}, 4, true},
		{"across the wrap of the sequence", []segment{seg(0, "abcd"), seg(4, "e")}, 5, true},
		{"hole", []segment{seg(0, "ab"), seg(3, "d")}, 2, false},
	} {
		const isn = 0xFFFFFFFD // so that data begins at 0xFFFFFFFE
		l := &life{first: isn, syn: true}
		for _, s := range test.segs {
			s.seq += isn + 1&0xFFFFFFFF
			l.segs = append(l.segs, s)
		}
		got, whole := l.tally()
		if got.Bytes != test.bytes || whole != test.whole {
			t.Errorf("%s: %d bytes, whole %v; want %d, %v", test.name, got.Bytes, whole, test.bytes, test.whole)
		}
	}
}
