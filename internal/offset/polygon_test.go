package offset

import (
	"math"
	"testing"
)

// The line that is told has no drift if one fits, and else is in the middle of all.
func TestBest(t *testing.T) {
	for _, tt := range []struct {
		name string
		g    polygon
		want point
	}{
		{"a square", polygon{{100, -2}, {300, -2}, {300, 2}, {100, 2}}, point{200, 0}},
		{"of a clock", polygon{{100, -1e-4}, {300, -1e-4}, {300, 2e-4}, {100, 2e-4}}, point{200, 0}},
		{"later is more", polygon{{0, -1}, {20, -1}, {120, 1}, {100, 1}}, point{60, 0}},
		{"unevenly", polygon{{0, -1}, {20, -1}, {120, 3}, {100, 3}}, point{35, 0}},
		{"a corner without drift", polygon{{40, 0}, {60, 2}, {20, 2}}, point{40, 0}},
		{"drift only", polygon{{0, 1}, {20, 1}, {120, 3}, {100, 3}}, point{60, 2}},
		{"slow only, turned", polygon{{100, -3}, {120, -3}, {20, -1}, {0, -1}}, point{60, -2}},
		{"a triangle", polygon{{0, 1}, {30, 1}, {0, 4}}, point{10, 2}},
		{"an uneven one", polygon{{7, 2}, {17, 3}, {12, 7}}, point{12, 4}},
		{"far from 0", polygon{{1e12, 1e-3}, {1e12 + 3, 1e-3}, {1e12, 4e-3}}, point{1e12 + 1, 2e-3}},
		{"without area", polygon{{10, 1}, {20, 2}}, point{15, 1.5}},
		{"a single line", polygon{{10, 1}}, point{10, 1}},
	} {
		if got := tt.g.best(); math.Abs(got.offset-tt.want.offset) > 1e-3 || math.Abs(got.drift-tt.want.drift) > 1e-9 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What is cut off are the lines that do not keep a bound, and no others.
func TestCut(t *testing.T) {
	square := polygon{{0, -1}, {1, -1}, {1, 1}, {0, 1}}
	for _, tt := range []struct {
		name   string
		t, v   float64
		above  bool
		area   float64
		broken float64 // by how much the best line breaks the bound
	}{
		{"nothing", 0, 1, true, 2, -1},
		{"half of it", 0, 0.5, true, 1, -0.5},
		{"the other half", 0, 0.5, false, 1, -0.5},
		{"a quarter", 0, 0.25, true, 0.5, -0.25},
		{"three quarters", 0, 0.25, false, 1.5, -0.75},
		{"all", 0, -0.5, true, 0, 0.5},
		{"all, from below", 0, 3, false, 0, 2},
		{"a corner", 1, 1, true, 1.5, -2},
		{"later", 2, 0.5, true, 1, -2.5},
	} {
		got := square.cut(tt.t, tt.v, tt.above)
		area := 0.0
		for i, p := range got {
			q := got[(i+1)%len(got)]
			area += (p.offset*q.drift - q.offset*p.drift) / 2
			if d := p.at(tt.t) - tt.v; tt.above && d > 1e-12 || !tt.above && d < -1e-12 {
				t.Errorf("%s: %v is left", tt.name, p)
			}
		}
		if math.Abs(area-tt.area) > 1e-12 {
			t.Errorf("%s: area %v is left, want %v: %v", tt.name, area, tt.area, got)
		}
		if by := square.violation(tt.t, tt.v, tt.above); math.Abs(by-tt.broken) > 1e-12 {
			t.Errorf("%s: broken by %v, want %v", tt.name, by, tt.broken)
		}
	}
	if far := square.reach(2, 0.5); far != 2.5 {
		t.Errorf("reach %v", far)
	}
}
