// Package truth says what really happened in a scenario: files, legs, links,
// conversations and lookups, as JSON beside the captures.
//
// It reads, writes and checks truth files. It imports nothing of ours and
// nothing that plays a scenario, so that any test may read what is true; what
// makes the truth is internal/test/bed/assembly.
package truth
