package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// A choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

// oneOf returns a flag for value, which starts as the first of words.
func oneOf(value *string, words ...string) *choice {
	*value = words[0]
	return &choice{value, words}
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }

// Set refuses every word that is not listed.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("it is one of %s", strings.Join(c.words, ", "))
	}
	*c.value = s
	return nil
}

// meshNames returns the names of the built-in profiles, the default first.
func meshNames() []string {
	var out []string
	for _, p := range profile.All() {
		out = append(out, p.Name)
	}
	return out
}

// meshUsage describes the flag --mesh of commands that read no captures.
func meshUsage() string { return "`MESH` is " + strings.Join(meshNames(), ", ") }
