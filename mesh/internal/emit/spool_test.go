package emit

import (
	"bytes"
	"strings"
	"testing"
)

// Few bytes stay in memory; from the first that do not fit on, all go to a file.
func TestSpool(t *testing.T) {
	piece := func(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }
	for _, tt := range []struct {
		name  string
		sizes []int
		file  bool
	}{
		{"nothing", nil, false},
		{"some", []int{5, 0, 7}, false},
		{"as many as memory holds", []int{5, spoolMemory - 5}, false},
		{"one more", []int{5, spoolMemory - 4}, true},
		{"behind what does not fit, what would", []int{5, spoolMemory, 3, 100}, true},
		{"too many at once", []int{spoolMemory + 1}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s spool
			defer s.Close()
			var at []int64
			sum := int64(0)
			for i, n := range tt.sizes {
				spot, err := s.add(piece('a'+byte(i), n))
				if err != nil || spot != sum {
					t.Fatalf("piece %d is at %d, %v, want %d", i, spot, err, sum)
				}
				at = append(at, spot)
				sum += int64(n)
			}
			if (s.file != nil) != tt.file || len(s.head) > spoolMemory {
				t.Errorf("in a file: %v, %d bytes in memory, want a file: %v", s.file != nil, len(s.head), tt.file)
			}
			for i := len(at) - 1; i >= 0; i-- {
				n := tt.sizes[i]
				got, err := s.read(at[i], n)
				if err != nil || !bytes.Equal(got, piece('a'+byte(i), n)) {
					t.Errorf("piece %d: %d bytes, %v, want %d as they were", i, len(got), err, n)
				}
				if n > 3 { // parts of pieces are read too
					if got, err = s.read(at[i]+2, n-3); err != nil || len(got) != n-3 || got[0] != 'a'+byte(i) {
						t.Errorf("part of piece %d: %d bytes, %v", i, len(got), err)
					}
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is read is the reader's own.
func TestSpoolIsNotShared(t *testing.T) {
	var s spool
	spot, _ := s.add([]byte("abc"))
	got, _ := s.read(spot, 3)
	got[0] = 'x'
	if again, _ := s.read(spot, 3); string(again) != "abc" {
		t.Errorf("read again: %q, want abc", again)
	}
}

func TestSpoolReadsNothingElse(t *testing.T) {
	var s spool
	defer s.Close()
	if _, err := s.add(make([]byte, spoolMemory+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.read(1, spoolMemory+1); err == nil || !strings.HasPrefix(err.Error(), "temporary file: ") {
		t.Errorf("error %v, want one of the temporary file", err)
	}
}
