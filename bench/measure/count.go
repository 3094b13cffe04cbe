//go:build unix

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A found is what a run printed, or what it should have.
type found struct {
	Legs      int `json:"legs"`
	Exchanges int `json:"exchanges"` // of paths
	Joined    int `json:"joined"`    // exchanges tied to another leg, without rivals
}

// path is what counting needs of a path in the JSON of version 1.
type path struct {
	Exchanges []struct {
		Hops []struct {
			FromLeg   *int `json:"from_leg"`
			Ambiguous bool `json:"ambiguous"`
		} `json:"hops"`
	} `json:"exchanges"`
}

// count reads the JSON of flows or stitch, one element at a time.
func count(r io.Reader) (found, error) {
	var f found
	d := json.NewDecoder(bufio.NewReaderSize(r, 1<<16))
	if _, err := d.Token(); err != nil { // {
		return f, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return f, err
		}
		if err := f.section(d, key); err != nil {
			return f, err
		}
	}
	_, err := io.Copy(io.Discard, io.MultiReader(d.Buffered(), r))
	return f, err
}

// section reads the value of one key.
func (f *found) section(d *json.Decoder, key json.Token) error {
	if key != "legs" && key != "paths" {
		var other json.RawMessage
		return d.Decode(&other)
	}
	if _, err := d.Token(); err != nil { // [
		return err
	}
	for d.More() {
		var p path
		if err := d.Decode(&p); err != nil {
			return err
		}
		if key == "legs" {
			f.Legs++
			continue
		}
		f.add(&p)
	}
	_, err := d.Token() // ]
	return err
}

func (f *found) add(p *path) {
	f.Exchanges += len(p.Exchanges)
	for _, e := range p.Exchanges {
		for _, h := range e.Hops {
			if h.FromLeg != nil && !h.Ambiguous {
				f.Joined++
			}
		}
	}
}

// wanted reads what must be found.
func (o *options) wanted() (found, error) {
	if o.truth != "" {
		return fromTruth(o.truth)
	}
	w := found{Legs: o.legs}
	if o.want == "" {
		return w, nil
	}
	for name := range strings.SplitSeq(o.want, ",") {
		text, err := os.ReadFile(name)
		if err != nil {
			return w, err
		}
		var f found
		if err := json.Unmarshal(text, &f); err != nil {
			return w, fmt.Errorf("%s: %w", name, err)
		}
		w.Legs += f.Legs
		w.Exchanges += f.Exchanges
	}
	return w, nil
}

// fromTruth counts what the testbed says happened.
func fromTruth(name string) (found, error) {
	var t struct {
		Legs  []struct{} `json:"legs"`
		Links []struct {
			From         string `json:"from"`
			FromExchange int    `json:"from_exchange"`
			Separable    bool   `json:"separable"`
		} `json:"links"`
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return found{}, err
	}
	if err := json.Unmarshal(text, &t); err != nil {
		return found{}, err
	}
	w := found{Legs: len(t.Legs)}
	type exchange struct {
		leg string
		no  int
	}
	seen := make(map[exchange]bool)
	for _, l := range t.Links {
		if l.FromExchange >= 0 {
			seen[exchange{l.From, l.FromExchange}] = true
		}
		if l.Separable {
			w.Joined++
		}
	}
	w.Exchanges = len(seen)
	return w, nil
}

// missing is an error if less was found than w says.
func (w found) missing(f found) error {
	var errs []error
	for _, c := range []struct {
		what      string
		got, want int
	}{{"legs", f.Legs, w.Legs}, {"exchanges", f.Exchanges, w.Exchanges}, {"joined exchanges", f.Joined, w.Joined}} {
		if c.got < c.want {
			errs = append(errs, fmt.Errorf("found %d %s, there are %d", c.got, c.what, c.want))
		}
	}
	return errors.Join(errs...)
}
