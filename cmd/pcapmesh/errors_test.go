package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestPrintError(t *testing.T) {
	truncated := fmt.Errorf("a.pcap: packet 3: %w: %w", errors.New("truncated"), io.ErrUnexpectedEOF)
	for _, tt := range []struct {
		name   string
		err    error
		want   string
		status int
	}{
		{"plain", errors.New("x: no"), "pcapmesh: x: no\n", 1},
		{"two causes in one sentence", truncated, "pcapmesh: a.pcap: packet 3: truncated: unexpected EOF\n", 1},
		{"joined", errors.Join(truncated, nil, errors.New("y")), "pcapmesh: a.pcap: packet 3: truncated: unexpected EOF\npcapmesh: y\n", 1},
		{"joined alone", errors.Join(usagef("do it", "z")), "pcapmesh: z\nhint: do it\n", 2},
		{"usage of several", &usageError{err: errors.Join(usagef("", "a"), usagef("b!", "b"))}, "pcapmesh: a\npcapmesh: b\nhint: b!\n", 2},
		{"inner hint", fmt.Errorf("outer: %w", &usageError{err: usagef("inner", "i")}), "pcapmesh: outer: i\nhint: inner\n", 2},
		{"line breaks", errors.New("a\n\tb"), "pcapmesh: a b\n", 1},
	} {
		var out bytes.Buffer
		printError(&out, tt.err, false)
		if out.String() != tt.want || exitStatus(tt.err) != tt.status {
			t.Errorf("%s: printed %q, status %d; want %q, %d", tt.name, out.String(), exitStatus(tt.err), tt.want, tt.status)
		}
	}
}
