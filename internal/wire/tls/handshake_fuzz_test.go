package tls_test

import (
	"reflect"
	"slices"
	"testing"

	mytls "github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// Whatever records the messages are split over, and wherever bytes are lost,
// what is told is true; without a loss it is all.
func FuzzHandshake(f *testing.F) {
	halves := somehalves(f)
	f.Add(uint8(0), []byte{0, 1, 200}, uint16(0), uint16(0))
	f.Add(uint8(9), []byte{3, 255}, uint16(100), uint16(40))
	f.Fuzz(func(t *testing.T, which uint8, sizes []byte, from, n uint16) {
		half := halves[int(which)%len(halves)]
		want := facts(half)
		l := listener{split: func(n int) int {
			if len(sizes) == 0 {
				return n
			}
			k := int(sizes[0])
			sizes = sizes[1:]
			return min(k*k+1, n)
		}}
		var s mytls.Scanner
		s.Reset(true)
		hole := min(int(from), len(half))
		s.Feed(0, half[:hole], &l)
		s.Gap(int64(hole), int64(n), &l)
		if rest := hole + int(n); rest < len(half) {
			s.Feed(int64(rest), half[rest:], &l)
		}
		s.Close(int64(len(half)), &l)
		got := l.handshake.Facts()
		if n == 0 {
			if !reflect.DeepEqual(got, want) {
				t.Errorf("with other records\n%+v, want\n%+v", got, want)
			}
			return
		}
		for what, wrong := range map[string]bool{
			"hello":      got.Known && !reflect.DeepEqual(got.Hello, want.Hello) && !want.Retried,
			"retried":    got.Retried && !want.Retried,
			"resumed":    got.Resumed && !want.Resumed,
			"requested":  got.Requested && !want.Requested,
			"presented":  got.Presented && !want.Presented,
			"identities": got.Identities != nil && !slices.Equal(got.Identities, want.Identities),
		} {
			if wrong {
				t.Errorf("hole %d+%d: %s: got\n%+v, truth\n%+v", hole, n, what, got, want)
			}
		}
		if !got.Missing && !reflect.DeepEqual(got, want) && hole < len(half) {
			t.Errorf("hole %d+%d: got\n%+v without a word, truth\n%+v", hole, n, got, want)
		}
	})
}

// somehalves returns both halves of one session of each shape.
func somehalves(t testing.TB) (halves [][]byte) {
	for _, sh := range shapes(t) {
		s := sh.session(t)
		halves = append(halves, s.sent[0], s.sent[1])
	}
	return halves
}

// However bytes that are no handshake at all are split, they say the same.
func FuzzHandshakeSplit(f *testing.F) {
	for _, half := range somehalves(f) {
		f.Add(half[5:min(len(half), 3000)], uint16(100))
	}
	f.Fuzz(func(t *testing.T, messages []byte, size uint16) {
		var one, many mytls.Handshake
		one.Feed(messages)
		for rest := messages; len(rest) > 0; {
			n := min(int(size)+1, len(rest))
			many.Feed(rest[:n])
			rest = rest[n:]
		}
		if a, b := one.Facts(), many.Facts(); !reflect.DeepEqual(a, b) {
			t.Errorf("in one piece\n%+v, in pieces of %d\n%+v", a, int(size)+1, b)
		}
	})
}
