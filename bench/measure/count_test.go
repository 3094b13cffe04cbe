//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const printed = `{"version": 1, "inputs": [{"file": "a", "packets": 3}],
 "legs": [{"id": 0, "tls": {"alpn": ["h2"]}}, {"id": 1}],
 "joins": [],
 "paths": [{"id": 0, "exchanges": [
   {"hops": [{"leg": 0}, {"leg": 1, "from_leg": 0, "ambiguous": false}]},
   {"hops": [{"leg": 0}, {"leg": 1, "from_leg": 0, "ambiguous": true}]},
   {"hops": [{"leg": 0}]}]}, {"id": 1}]}
`

func TestCount(t *testing.T) {
	got, err := count(strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	if want := (found{Legs: 2, Exchanges: 3, Joined: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := count(strings.NewReader(printed[:200])); err == nil {
		t.Error("no error for output that was cut off")
	}
}

func TestMissing(t *testing.T) {
	w := found{Legs: 2, Exchanges: 3, Joined: 1}
	if err := w.missing(found{Legs: 2, Exchanges: 4, Joined: 1}); err != nil {
		t.Errorf("more than wanted: %v", err)
	}
	err := w.missing(found{Legs: 2, Exchanges: 2, Joined: 0})
	if want := "found 2 exchanges, there are 3\nfound 0 joined exchanges, there are 1"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFromTruth(t *testing.T) {
	name := filepath.Join(t.TempDir(), "truth.json")
	text := `{"legs": [{}, {}, {}], "links": [
	 {"from": "a", "from_exchange": 0, "to": "b", "attempt": 1, "separable": true},
	 {"from": "a", "from_exchange": 0, "to": "c", "attempt": 2, "separable": true},
	 {"from": "a", "from_exchange": 1, "to": "c", "attempt": 1, "separable": false},
	 {"from": "b", "from_exchange": 0, "to": "c", "attempt": 1, "separable": false},
	 {"from": "b", "from_exchange": -1, "to": "c", "attempt": 1, "separable": false}]}`
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := fromTruth(name)
	if want := (found{Legs: 3, Exchanges: 3, Joined: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestWanted(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, name := range []string{a, b} {
		if err := os.WriteFile(name, []byte(`{"packets": 9, "legs": 2, "exchanges": 3}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		o    options
		want found
	}{
		{options{}, found{}},
		{options{legs: 5}, found{Legs: 5}},
		{options{want: a}, found{Legs: 2, Exchanges: 3}},
		{options{want: a + "," + b}, found{Legs: 4, Exchanges: 6}},
	} {
		if got, err := c.o.wanted(); err != nil || got != c.want {
			t.Errorf("%+v: got %+v, %v, want %+v", c.o, got, err, c.want)
		}
	}
}

// JSON that is none of flows is told, at the place where it ends.
func TestCountMalformed(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "EOF"},
		{"no JSON", "x", "invalid character 'x' looking for beginning of value"},
		{"no key", `{x`, "invalid character 'x'"},
		{"no value", `{"version": `, "EOF"},
		{"no list", `{"legs": `, "EOF"},
		{"no leg", `{"legs": [x`, "invalid character 'x' looking for beginning of value"},
		{"no end of the list", `{"legs": [{}`, "EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := count(strings.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Everything is read, so that a command need not wait.
func TestCountReadsAll(t *testing.T) {
	r := strings.NewReader(printed + strings.Repeat(" ", 1<<18))
	if got, err := count(r); err != nil || got.Legs != 2 || r.Len() != 0 {
		t.Errorf("got %+v, %v, %d bytes left", got, err, r.Len())
	}
}

func TestWantedMalformed(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, o := range []options{{want: bad}, {want: "/nowhere"}, {truth: bad}, {truth: "/nowhere"}} {
		if got, err := o.wanted(); err == nil {
			t.Errorf("%+v: got %+v", o, got)
		}
	}
	o := options{want: bad}
	if _, err := o.wanted(); err == nil || !strings.HasPrefix(err.Error(), bad+": ") {
		t.Errorf("got %v, want the name first", err)
	}
}
