package walk

import (
	"strconv"
	"strings"
)

// A hop is a chain on the way that decided.
type hop struct {
	hook, table, chain string
	base               bool
	rule, of           int  // the rule that decided, of how many; 0: none
	nat                bool // of a nat chain
	marked, moved      bool // a rule set a mark or zone; gave the packet another way, or dropped it
	quiet              bool // a hook that nobody draws, unless a rule acted there
}

// way draws hops.
func way(hops []hop) []string {
	var out []string
	last := ""
	for i := range hops {
		h := &hops[i]
		at := baseOf(hops, i)
		base := &hops[at]
		if marked, moved := acts(hops, at); base.quiet && !moved || !base.nat && !moved && !marked {
			continue
		}
		if h.base && h.rule == 0 && h.hook == last {
			continue // the hook is named already
		}
		if h.base {
			last = h.hook
		}
		out = append(out, h.String())
	}
	return out
}

// baseOf returns the base chain that hop i hangs on.
func baseOf(hops []hop, i int) int {
	for !hops[i].base {
		i--
	}
	return i
}

// acts tells what rules did below base chain i.
func acts(hops []hop, i int) (marked, moved bool) {
	for j := i; j < len(hops) && (j == i || !hops[j].base); j++ {
		marked = marked || hops[j].marked
		moved = moved || hops[j].moved
	}
	return marked, moved
}

// String returns one element of a path.
func (h *hop) String() string {
	name, about := h.chain, ""
	if h.base {
		name = h.hook
		if !h.nat && h.table != "" {
			about = h.table
		}
	}
	switch {
	case h.rule > 0 && h.of > 1:
		about = strings.TrimPrefix(about+", rule "+strconv.Itoa(h.rule), ", ")
	case h.rule == 0 && !h.base:
		about = "no rule"
	}
	if about == "" {
		return name
	}
	return name + " (" + about + ")"
}
