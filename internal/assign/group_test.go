package assign

import (
	"fmt"
	"testing"
)

// What edges connect, over however many, is a group; who has none is alone, and upstream
// not there.
func TestGroups(t *testing.T) {
	edges := []Edge{{D: 3, U: 1}, {D: 0, U: 2}, {D: 1, U: 2}, {D: 2, U: 0}, {D: 1, U: 1}, {D: 2, U: 4}}
	for _, tt := range []struct {
		without int32
		want    string
	}{
		{-1, "[{[0 1 3] [1 2]} {[2] [0 4]} {[4] []}]"},
		{4, "[{[0 1] [2]} {[2] [0 4]} {[3] [1]} {[4] []}]"},
		{5, "[{[0 1 3] [1 2]} {[2] [0]} {[4] []}]"},
	} {
		if got := fmt.Sprint(Groups(5, 5, edges, func(i int32) bool { return i != tt.without })); got != tt.want {
			t.Errorf("without %d: %s, want %s", tt.without, got, tt.want)
		}
	}
}
