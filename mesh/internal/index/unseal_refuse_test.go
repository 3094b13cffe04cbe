package index

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/wire/tls"
)

// What a record that cannot be opened means depends on why.
func TestRefuse(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("wrapped: %w", err) }
	type state struct {
		failed, early    int
		missing, records int64
		certain          bool
		err              error
	}
	renegotiated := wrapped(tls.ErrRenegotiated)
	for _, tt := range []struct {
		name    string
		session tls.Session
		typ     uint8
		n       int
		err     error
		want    state
	}{
		{"it does not authenticate", tls.Session{}, tls.TypeApplicationData, 47, wrapped(tls.ErrAuthentication), state{failed: 1, missing: 30, records: 1}},
		{"it is as long as nothing", tls.Session{}, tls.TypeApplicationData, 17, wrapped(tls.ErrAuthentication), state{failed: 1, records: 1}},
		{"it is shorter than that", tls.Session{}, tls.TypeApplicationData, 9, wrapped(tls.ErrAuthentication), state{failed: 1, records: 1}},
		{"it is of a handshake", tls.Session{}, tls.TypeHandshake, 47, wrapped(tls.ErrAuthentication), state{failed: 1}},
		{"keys were renegotiated", tls.Session{}, tls.TypeApplicationData, 47, renegotiated, state{missing: 30, records: 1, certain: true, err: renegotiated}},
		{"no secret", tls.Session{}, tls.TypeApplicationData, 47, wrapped(tls.ErrNoSecret), state{}},
		{"no secret for early data", tls.Session{EarlyData: true}, tls.TypeApplicationData, 47, wrapped(tls.ErrNoSecret), state{early: 1, missing: 30, records: 1, certain: true}},
		{"no secret for early data, which was refused", tls.Session{EarlyData: true, EarlyRefused: true}, tls.TypeApplicationData, 47, wrapped(tls.ErrNoSecret), state{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &unsealing{Plaintext: &Plaintext{session: &tt.session}, over: 17}
			new(opener).refuse(u, tls.Record{Off: 100, Len: tt.n, Type: tt.typ}, tt.err)
			if got := (state{u.failed, u.early, u.missing, u.records, u.certain, u.err}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// At the end of TLS 1.3 a single short record that is missing was an alert.
func TestMissingAtTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		version                uint16
		missing, records, lost int64
		want                   int64 // plaintext that is missing
		vague                  bool
	}{
		{"nothing", tls13, 0, 0, 0, 0, false},
		{"an alert", tls13, 2, 1, 0, 0, false},
		{"an alert that says so", 0x0303, 2, 1, 0, 2, true},
		{"a longer record", tls13, 3, 1, 0, 3, true},
		{"a shorter one", tls13, 1, 1, 0, 1, true},
		{"two records", tls13, 2, 2, 0, 2, true},
		{"an alert, or what else was lost", tls13, 2, 1, 1, 3, true},
		{"bytes of unknown records", tls13, 0, 0, 24, 24, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := &unsealing{Plaintext: &Plaintext{session: &tls.Session{Version: tt.version}}, missing: tt.missing, records: tt.records, lost: tt.lost}
			u.end()
			if got := u.absent(); got != tt.want || u.vague != tt.vague {
				t.Errorf("%d bytes missing, vague %v, want %d, %v", got, u.vague, tt.want, tt.vague)
			}
		})
	}
	earlier := &unsealing{Plaintext: &Plaintext{session: &tls.Session{Version: tls13}, vague: true}}
	if earlier.end(); !earlier.vague {
		t.Error("what was vague before is not at the end")
	}
}

// A hole on the wire reaches from the first record that is missing to the last.
func TestWhereRecordsAreMissing(t *testing.T) {
	u := &unsealing{Plaintext: &Plaintext{session: &tls.Session{}}, over: 17}
	l := &opener{pass: u}
	l.miss(u, tls.Record{Off: 100, Len: 50, Type: tls.TypeHandshake}) // no plaintext
	l.miss(u, tls.Record{Off: 200, Len: 50, Type: tls.TypeApplicationData})
	l.miss(u, tls.Record{Off: 255, Len: 27, Type: tls.TypeApplicationData})
	if u.from != 200 || u.to != 287 || u.missing != 43 || u.records != 2 {
		t.Errorf("%d bytes of %d records missing from %d to %d, want 43 of 2 from 200 to 287", u.missing, u.records, u.from, u.to)
	}
	u.note(287, 300)
	u.lost = 13
	u.note(300, 310)
	if u.from != 200 || u.to != 310 {
		t.Errorf("missing from %d to %d, want 200 to 310", u.from, u.to)
	}
}
