package turn

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// lengths returns the plaintext lengths that the records of one direction may
// have together, given their fragments; the headers of those in lost were not
// captured.
func lengths(over, slack int64, fragments []int, lost func(i int) bool) []int64 {
	s := &Side{Over: over, slack: slack}
	for i, n := range fragments {
		u := &scan.Unit{Off: s.end, Len: int32(n), Kind: scan.UnitData}
		s.end += 5 + int64(n)
		if !lost(i) {
			s.units = append(s.units, u)
			continue
		}
		if k := len(s.units) - 1; k >= 0 && s.units[k].Kind == scan.UnitHole {
			s.units[k].Len += 5 + int32(n)
			continue
		}
		u.Kind, u.Len = scan.UnitHole, 5+u.Len
		s.units = append(s.units, u)
	}
	return s.between(0, s.end)
}

func TestLengths(t *testing.T) {
	none := func(int) bool { return false }
	for _, tt := range []struct {
		name        string
		over, slack int64
		fragments   []int
		lost        func(int) bool
		want        []int64
	}{
		{"nothing", 17, 0, nil, none, []int64{0}},
		{"one record", 17, 0, []int{117}, none, []int64{100}},
		{"three", 17, 0, []int{117, 18, 1041}, none, []int64{1125}},
		{"GCM of TLS 1.2", 24, 0, []int{124, 34}, none, []int64{110}},
		{"one not captured", 17, 0, []int{117, 57, 117}, func(i int) bool { return i == 1 }, []int64{240, 218}},
		{"one of CBC", 37, 3, []int{64}, none, []int64{27, 26, 25, 24}},
		{"two of CBC", 37, 3, []int{64, 64}, none, nil},
		{"too much not captured", 17, 0, []int{16401}, func(int) bool { return true }, nil},
		{"with a byte of padding at the most", 37, 1, []int{64}, none, []int64{27, 26}},
		{"of CBC, not captured", 37, 3, []int{64}, func(int) bool { return true }, nil},
		{"as short as records are", 17, 0, []int{117, 17}, func(i int) bool { return i == 1 }, []int64{100}},
		{"shorter than records are", 17, 0, []int{117, 16}, func(i int) bool { return i == 1 }, nil},
		{"as many lengths as are tried", 17, 0, []int{24*22 - 5 + 21}, func(int) bool { return true }, spaced(23*22+21, 24)},
		{"one more", 17, 0, []int{24*22 - 5 + 22}, func(int) bool { return true }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := lengths(tt.over, tt.slack, tt.fragments, tt.lost); !slices.Equal(got, tt.want) {
				t.Errorf("%v, expected %v", got, tt.want)
			}
		})
	}
}

// spaced lists n lengths from the given one on, each less by a record's frame.
func spaced(from int64, n int) (out []int64) {
	for i := range int64(n) {
		out = append(out, from-22*i)
	}
	return out
}

// Whatever records were not captured, the true length is among those that are
// possible, or none is named.
func TestLengthsOfHoles(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	told := 0
	for range 5000 {
		const over = 17
		var fragments []int
		lost := make(map[int]bool)
		sum := int64(0)
		for i := range 1 + r.IntN(6) {
			n := 1 + r.IntN(120)
			fragments, sum = append(fragments, n+over), sum+int64(n)
			lost[i] = r.IntN(4) == 0
		}
		got := lengths(over, 0, fragments, func(i int) bool { return lost[i] })
		if got != nil && !slices.Contains(got, sum) {
			t.Fatalf("records of %v, of which %v are not captured: %v, but they carry %d bytes", fragments, lost, got, sum)
		}
		if got != nil {
			told++
		}
	}
	if told < 4000 {
		t.Errorf("lengths of %d of 5000 are known", told)
	}
}

// A range counts the records that begin in it, as far as data go.
func TestBetween(t *testing.T) {
	s := spoken(asks(100), asks(10), asks(1), asks(1000).missing(), asks(5)).Orig
	for _, tt := range []struct {
		name     string
		from, to int64
		want     []int64
	}{
		{"nothing", 0, 0, []int64{0}},
		{"the first byte", 0, 1, []int64{100}},
		{"up to the second", 0, wire(100), []int64{100}},
		{"the first byte of the second", 0, wire(100) + 1, []int64{110}},
		{"the second", wire(100), wire(100, 10), []int64{10}},
		{"from inside the first", 1, wire(100, 10), []int64{10}},
		{"the last", wire(100, 10, 1, 1000), s.end, []int64{5}},
		{"behind the end", s.end, s.end + 100, []int64{0}},
		{"a hole too large", wire(100), s.end, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := s.between(tt.from, tt.to); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
	plain := &Side{Plain: true}
	if got := plain.between(3, 10); !slices.Equal(got, []int64{7}) {
		t.Errorf("of plain bytes [3, 10) %v, want 7", got)
	}
	alert := spoken(asks(100), asks(scan.AlertLen)).Orig
	if got := alert.between(0, wire(100, scan.AlertLen)); !slices.Equal(got, []int64{100}) {
		t.Errorf("with a closing alert %v, want 100", got)
	}
}

// Data end before a closing alert, which only the last record may be.
func TestEndOfData(t *testing.T) {
	for _, tt := range []struct {
		name string
		over int64
		says []say
		data int // records
		end  int64
	}{
		{"nothing", over, nil, 0, 0},
		{"only handshake", over, []say{asks(100).as(tls.TypeHandshake)}, 0, 105},
		{"data", over, []say{asks(100), asks(50)}, 2, wire(100, 50)},
		{"an alert", over, []say{asks(100), asks(2)}, 1, wire(100)},
		{"longer than an alert", over, []say{asks(100), asks(3)}, 2, wire(100, 3)},
		{"shorter than an alert", over, []say{asks(100), asks(1)}, 2, wire(100, 1)},
		{"an alert alone", over, []say{asks(2)}, 0, 0},
		{"an alert, and then something lost", over, []say{asks(100), asks(2), asks(9).missing()}, 2, wire(100, 2)},
		{"data, and then something lost", over, []say{asks(100), asks(9).missing()}, 1, wire(100)},
		{"of the length of an alert before TLS 1.3", 24, []say{asks(100), asks(2)}, 2, wire(100, 2)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Side{Over: over}
			for i, r := range tt.says {
				s.put(r, moment(i), 0)
			}
			s.Over = tt.over
			s.endData()
			if len(s.Data) != tt.data || s.end != tt.end {
				t.Errorf("%d records of data until %d, want %d until %d", len(s.Data), s.end, tt.data, tt.end)
			}
		})
	}
}

// What is looked for by offset: the unit that begins there, and only there.
func TestUnitsByOffset(t *testing.T) {
	s := spoken(asks(100).as(tls.TypeHandshake), asks(10), asks(1).missing(), asks(1000), asks(7)).Orig
	first, hole, third, last := int64(105), 105+wire(10), 105+wire(10, 1), 105+wire(10, 1, 1000)
	offset := func(u *scan.Unit) int64 {
		if u == nil {
			return -1
		}
		return u.Off
	}
	for _, tt := range []struct {
		name           string
		off, to        int64
		first          int   // index of the first unit at or after off
		at, lastBefore int64 // of data at off; of the last unit in [off, to): -1 = none
		lost           bool  // in [off, to)
	}{
		{"handshake", 0, first, 0, -1, 0, false},
		{"before the first", 0, 0, 0, -1, -1, false},
		{"inside the handshake", 1, first, 1, -1, -1, false},
		{"a record", first, hole, 1, first, first, false},
		{"a record and the first byte after it", first, hole + 1, 1, first, hole, true},
		{"inside a record, to the hole", first + 1, hole, 2, -1, -1, false},
		{"a hole", hole, third, 2, -1, hole, true},
		{"inside the hole", hole + 1, third, 3, -1, -1, true},
		{"its last byte", third - 1, third, 3, -1, -1, true},
		{"after the hole", third, last, 3, third, third, false},
		{"the last", last, s.end, 4, last, last, false},
		{"behind the end", s.end, s.end + 9, 5, -1, -1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := s.first(tt.off); got != tt.first {
				t.Errorf("first(%d) is %d, want %d", tt.off, got, tt.first)
			}
			if got := offset(s.at(tt.off)); got != tt.at {
				t.Errorf("at(%d) is at %d, want %d", tt.off, got, tt.at)
			}
			if got := offset(s.last(tt.off, tt.to)); got != tt.lastBefore {
				t.Errorf("last(%d, %d) is at %d, want %d", tt.off, tt.to, got, tt.lastBefore)
			}
			if got := s.missing(tt.off, tt.to); got != tt.lost {
				t.Errorf("missing(%d, %d) is %v, want %v", tt.off, tt.to, got, tt.lost)
			}
		})
	}
	for k, want := range []int64{first, third, last, s.end, s.end} {
		if got := s.after(k); got != want {
			t.Errorf("after(%d) is %d, want %d", k, got, want)
		}
	}
	s.units = append([]*scan.Unit{{Off: -50, Kind: scan.UnitHole, Len: 50}, {Off: 0, Kind: scan.UnitPlain}}, s.units[1:]...)
	if got := offset(s.at(0)); got != 0 {
		t.Errorf("plain bytes at 0 are at %d", got)
	}
	if s.missing(0, first) {
		t.Error("a hole that ends where a range begins is missing in it")
	}
}

// What is missing before ChangeCipherSpec was of the hello, in the clear; between
// it and the first data it may have been anything.
func TestBroken(t *testing.T) {
	hello, change := asks(300).as(tls.TypeHandshake), asks(1).as(tls.TypeChangeCipherSpec)
	for _, tt := range []struct {
		name string
		says []say
		want bool
	}{
		{"whole", []say{hello, change, asks(36), asks(500)}, false},
		{"without hello", []say{hello.missing(), change, asks(36), asks(500)}, false},
		{"without ChangeCipherSpec", []say{hello, change.missing(), asks(36), asks(500)}, true},
		{"without a record of the flight", []say{hello, change, asks(90).missing(), asks(36), asks(500)}, true},
		{"without what may be data", []say{hello, change, asks(36), asks(400).missing(), asks(500)}, true},
		{"without data later", []say{hello, change, asks(36), asks(500), asks(400).missing(), asks(9)}, false},
		{"without anything after the flight", []say{hello, change, asks(36), asks(400).missing()}, true},
		{"to the end", []say{hello.missing(), asks(36)}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spoken(tt.says...).Orig
			s.Starts = []int64{s.after(1)}
			if got := s.broken(); got != tt.want {
				t.Errorf("broken is %v, want %v", got, tt.want)
			}
		})
	}
}

// Early data and what follows the handshake are one message.
func TestAddEarlyData(t *testing.T) {
	s := spoken(asks(70), asks(4), asks(36), asks(500), asks(20)).Orig
	early := s.Data[:1]
	s.Data = s.Data[2:]
	s.Starts = []int64{s.after(1)}
	s.add(nil)
	if s.Starts[0] != wire(70, 4, 36) || len(s.Data) != 3 {
		t.Fatalf("without early data %d records begin at %v", len(s.Data), s.Starts)
	}
	s.add(early)
	if !slices.Equal(s.Starts, []int64{0}) || len(s.Data) != 4 {
		t.Errorf("%d records begin at %v, want 4 from 0 on", len(s.Data), s.Starts)
	}
	if got := s.between(0, s.end); !slices.Equal(got, []int64{590}) {
		t.Errorf("all have %v bytes, want 590", got)
	}
}
