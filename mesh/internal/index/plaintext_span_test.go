package index

import (
	"errors"
	"slices"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/http1"
	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// opened is 55 bytes of plaintext in three records, between which others stand:
//
//	plaintext    0..10      10..30     30..55
//	wire       100..130   130..170   200..250
func opened() *Plaintext {
	return &Plaintext{Len: 55, spans: []recordSpan{{0, 100, 30}, {10, 130, 40}, {30, 200, 50}}}
}

// A record's plaintext has arrived when its last byte has.
func TestArrived(t *testing.T) {
	for wire, want := range map[int64]int64{0: 0, 100: 0, 129: 0, 130: 10, 131: 10, 169: 10, 170: 30, 200: 30, 249: 30, 250: 55, 1000: 55} {
		if got := opened().arrived(wire); got != want {
			t.Errorf("before byte %d on the wire %d bytes have arrived, want %d", wire, got, want)
		}
	}
	if got := new(Plaintext).arrived(100); got != 0 {
		t.Errorf("%d bytes of nothing have arrived", got)
	}
}

// Plaintext is carried by whole records.
func TestCarriers(t *testing.T) {
	for of, want := range map[[2]int64][2]int64{
		{0, 1}: {100, 130}, {0, 10}: {100, 130}, {9, 10}: {100, 130}, {0, 11}: {100, 170}, {10, 11}: {130, 170}, {10, 30}: {130, 170},
		{29, 31}: {130, 250}, {30, 55}: {200, 250}, {54, 60}: {200, 250}, {0, 55}: {100, 250},
		{10, 10}: {130, 170}, {0, 0}: {100, 130}, {30, 20}: {200, 250}, {55, 55}: {200, 250},
	} {
		if got := opened().Carriers(of); got != want {
			t.Errorf("plaintext %v is carried by %v, want %v", of, got, want)
		}
	}
	if got := new(Plaintext).Carriers([2]int64{0, 5}); got != [2]int64{} {
		t.Errorf("nothing is carried by %v", got)
	}
}

// An acknowledgement number is an offset modulo 2³², the nearest to what is known.
func TestOffsetOf(t *testing.T) {
	const full = int64(1) << 32
	for _, tt := range []struct {
		name      string
		ack, base uint32
		near      int64
		want      int64
	}{
		{"the base", 1000, 1000, 0, 0},
		{"after it", 1500, 1000, 0, 500},
		{"before it", 900, 1000, 0, -100},
		{"across the end of numbers", 50, 1<<32 - 50, 0, 100},
		{"near the first round", 1500, 1000, full, full + 500},
		{"behind the first round", 900, 1000, full, full - 100},
		{"half a round ahead", 1<<31 - 1, 0, 0, 1<<31 - 1},
		{"half a round behind", 1 << 31, 0, 0, -1 << 31},
		{"near another place", 1500, 1000, 3*full + 400, 3*full + 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := offsetOf(tt.ack, tt.base, tt.near); got != tt.want {
				t.Errorf("offset %d, want %d", got, tt.want)
			}
			if got := (*Plaintext)(nil).Heard(tt.ack, tt.base, tt.near); got != tt.want {
				t.Errorf("what is not decrypted: heard %d, want %d", got, tt.want)
			}
		})
	}
}

// What was heard of plaintext is what stands in whole records before the number.
func TestHeardOfPlaintext(t *testing.T) {
	base := uint32(1<<32 - 120)
	for wire, want := range map[uint32]int64{100: 0, 129: 0, 130: 10, 170: 30, 249: 30, 250: 55} {
		if got := opened().Heard(base+wire, base, 30); got != want {
			t.Errorf("at byte %d on the wire %d bytes were heard, want %d", wire, got, want)
		}
	}
	// Records that stand 2³² bytes later are told by where the plaintext is looked for.
	later := opened()
	later.spans = append(later.spans, recordSpan{55, 1<<32 + 300, 40})
	later.Len = 70
	if got := later.Heard(base+340, base, 60); got != 70 {
		t.Errorf("%d bytes were heard of the record in the second round, want all 70", got)
	}
	if got := later.Heard(base+339, base, 60); got != 55 {
		t.Errorf("%d bytes were heard before its last byte, want 55", got)
	}
}

// What went wrong is told with its side and numbers.
func TestNotesOfPlaintext(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    Plaintext
		want []string
	}{
		{"nothing", Plaintext{opened: 5}, nil},
		{"records that do not authenticate", Plaintext{opened: 5, failed: 1, client: true}, []string{"1 of 6 records that the client sent do not authenticate"}},
		{"early data", Plaintext{early: 2}, []string{"2 records of early data: no secret in the key log"}},
		{"an error", Plaintext{err: tls.ErrRenegotiated}, []string{"the server's records cannot be decrypted to the end: keys were renegotiated"}},
		{"all of it", Plaintext{failed: 2, early: 1, err: errors.New("x"), client: true},
			[]string{"2 of 2 records that the client sent do not authenticate", "1 records of early data: no secret in the key log", "the client's records cannot be decrypted to the end: x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.notes(); !slices.Equal(got, tt.want) {
				t.Errorf("notes %q, want %q", got, tt.want)
			}
		})
	}
}

// A response was read wrongly if it was given a body that its request excludes,
// or the other way round.
func TestWrongly(t *testing.T) {
	const complete = scan.MsgComplete
	for _, tt := range []struct {
		name string
		resp scan.Message
		rule http1.BodyRule
		want bool
	}{
		{"HEAD, no body", scan.Message{HeadEnd: 40, End: 40, Flags: complete}, http1.BodyNone, false},
		{"HEAD, a body", scan.Message{HeadEnd: 40, End: 41, Flags: complete}, http1.BodyNone, true},
		{"HEAD, a body that did not come", scan.Message{HeadEnd: 40, End: 40}, http1.BodyNone, true},
		{"GET, a body", scan.Message{HeadEnd: 40, End: 41, Flags: complete}, http1.BodyNormal, false},
		{"GET, no body", scan.Message{HeadEnd: 40, End: 40, Flags: complete}, http1.BodyNormal, true},
		{"GET, a body that did not come", scan.Message{HeadEnd: 40, End: 40}, http1.BodyNormal, false},
		{"GET, no content", scan.Message{HeadEnd: 40, End: 40, Flags: complete, Status: 204}, http1.BodyNormal, false},
		{"GET, not modified", scan.Message{HeadEnd: 40, End: 40, Flags: complete, Status: 304}, http1.BodyNormal, false},
		{"GET, another status", scan.Message{HeadEnd: 40, End: 40, Flags: complete, Status: 205}, http1.BodyNormal, true},
		{"CONNECT, a tunnel", scan.Message{HeadEnd: 40, End: 40, Flags: complete | scan.MsgConnect, Status: 200}, http1.BodyConnect, true},
		{"CONNECT, not read as its answer", scan.Message{HeadEnd: 40, End: 45, Flags: complete, Status: 200}, http1.BodyConnect, true},
		{"CONNECT, refused", scan.Message{HeadEnd: 40, End: 45, Flags: complete, Status: 300}, http1.BodyConnect, false},
		{"CONNECT, nearly refused", scan.Message{HeadEnd: 40, End: 45, Flags: complete, Status: 299}, http1.BodyConnect, true},
		{"GET, read as the answer to CONNECT", scan.Message{HeadEnd: 40, End: 40, Flags: complete | scan.MsgConnect, Status: 200}, http1.BodyNormal, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := wrongly(&tt.resp, tt.rule); got != tt.want {
				t.Errorf("read wrongly: %v, want %v", got, tt.want)
			}
		})
	}
}
