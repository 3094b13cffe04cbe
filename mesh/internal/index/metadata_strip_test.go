package index

import (
	"slices"
	"strings"
	"testing"
)

// The message is taken off wherever packets split it; what is none is given back
// as soon as that shows.
func TestStrip(t *testing.T) {
	head := func(n uint32) string {
		return metadataMagic + string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	}
	for _, tt := range []struct {
		name   string
		pieces []string
		want   []string // of each piece, and of the end
	}{
		{"nothing", nil, []string{""}},
		{"no message", []string{"query", "more"}, []string{"query", "more", ""}},
		{"a message", []string{head(3) + "abc", "query"}, []string{"", "query", ""}},
		{"with payload behind it", []string{head(3) + "abcquery"}, []string{"query", ""}},
		{"an empty one", []string{head(0), "query"}, []string{"", "query", ""}},
		{"split in its mark", []string{"\x3d", "\x23\x04", "\x67\x00\x00\x00\x03abcquery"}, []string{"", "", "query", ""}},
		{"split before its length", []string{metadataMagic, "\x00\x00\x00\x03abcquery"}, []string{"", "query", ""}},
		{"split before the last byte of its length", []string{head(3)[:7], "\x03abcquery"}, []string{"", "query", ""}},
		{"split behind its length", []string{head(3), "ab", "cquery", "more"}, []string{"", "", "query", "more", ""}},
		{"only one", []string{head(1) + "a", head(1) + "b"}, []string{"", head(1) + "b", ""}},
		{"another mark", []string{"\x3d\x23\x04\x68\x00\x00\x00\x03abc"}, []string{"\x3d\x23\x04\x68\x00\x00\x00\x03abc", ""}},
		{"another mark in its second piece", []string{"\x3d\x23", "\x05"}, []string{"", "\x3d\x23\x05", ""}},
		{"the beginning of its mark", []string{"\x3d\x23"}, []string{"", "\x3d\x23"}},
		{"the beginning of its length", []string{head(3)[:7]}, []string{"", head(3)[:7]}},
		{"the beginning of the message", []string{head(3) + "a"}, []string{"", ""}},
		{"the longest", []string{head(maxMetadata - metadataHeadLen), strings.Repeat("a", maxMetadata-metadataHeadLen-1), "aquery"}, []string{"", "", "query", ""}},
		{"a longer one", []string{head(maxMetadata - metadataHeadLen + 1), "query"}, []string{head(maxMetadata - metadataHeadLen + 1), "query", ""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m metadata
			var got []string
			for _, p := range tt.pieces {
				got = append(got, string(m.strip([]byte(p))))
			}
			got = append(got, string(m.end()))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if again := m.end(); len(again) > 0 {
				t.Errorf("a second end gives %q back", again)
			}
			if after := string(m.strip([]byte(head(1) + "a"))); len(tt.pieces) == 0 && after != head(1)+"a" {
				t.Errorf("after its end it strips a message: %q is left", after)
			}
		})
	}
}
