package main

import (
	"fmt"
	"slices"
	"testing"
)

// numbers returns those of mutants, in order.
func numbers(mutants []mutant) []int {
	var all []int
	for _, m := range mutants {
		all = append(all, m.number)
	}
	return all
}

// some makes places, every third of which has two mutants.
func some(n int) []place {
	var places []place
	for next := 0; len(places) < n; {
		p := place{{number: next}}
		if next++; len(places)%3 == 0 {
			p = append(p, mutant{number: next})
			next++
		}
		places = append(places, p)
	}
	return places
}

func TestDrawIsDeterministic(t *testing.T) {
	places := some(50)
	if got, want := numbers(draw(places, 7)), numbers(draw(places, 7)); !slices.Equal(got, want) {
		t.Errorf("drawn again: got %v, want %v", got, want)
	}
	if got := numbers(draw(places, 8)); slices.Equal(got, numbers(draw(places, 7))) {
		t.Errorf("two seeds draw the same: %v", got)
	}
}

func TestDrawTakesOneOfEachPlace(t *testing.T) {
	places := some(9)
	for seed := range uint64(20) {
		drawn := numbers(draw(places, seed))
		if len(drawn) != len(places) {
			t.Fatalf("seed %d: drew %d, want %d", seed, len(drawn), len(places))
		}
		for i, p := range places {
			n := 0
			for _, m := range p {
				if slices.Contains(drawn, m.number) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("seed %d: place %d was drawn %d times, want once", seed, i, n)
			}
		}
	}
}

// Each place comes first as often as any other, however many mutants it has, and
// of two mutants each.
func TestDrawIsUniform(t *testing.T) {
	places := some(4) // numbers 0 and 1, 2, 3, 4 and 5
	const seeds = 4000
	first := make([]int, 6)
	for seed := range uint64(seeds) {
		first[draw(places, seed)[0].number]++
	}
	for i, want := range []int{seeds / 8, seeds / 8, seeds / 4, seeds / 4, seeds / 8, seeds / 8} {
		if got := first[i]; got < want*8/10 || got > want*12/10 { // five deviations of chance
			t.Errorf("mutant %d came first %d times, want about %d", i, got, want)
		}
	}
}

func TestNumbered(t *testing.T) {
	for _, number := range []int{0, 1, 2, 5} {
		t.Run(fmt.Sprint(number), func(t *testing.T) {
			if got, want := numbers(numbered(some(4), number)), []int{number}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
	if got := numbered(some(4), 6); got != nil {
		t.Errorf("got %v for a number that is none, want nothing", got)
	}
}
