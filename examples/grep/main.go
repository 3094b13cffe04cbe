// Command grep looks for lines in what both ends of every conversation sent, also
// where the proxy encrypted it on the wire:
//
//	go run ./examples/grep 'HTTP/1.1 50[0-9]' testdata/pcaps/upstream-refused-eth0.pcap testdata/pcaps/upstream-refused-lo.pcap
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"

	"github.com/pcapmesh/pcapmesh/mesh"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: grep PATTERN FILE...")
	}
	pattern, err := regexp.Compile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := run(context.Background(), os.Stdout, pattern, os.Args[2:]...); err != nil {
		log.Fatal(err)
	}
}

// run prints the lines that match, with the stream that Wireshark shows them in.
func run(ctx context.Context, w io.Writer, pattern *regexp.Regexp, files ...string) error {
	var inputs []mesh.Input
	for _, f := range files {
		inputs = append(inputs, mesh.Input{Name: f})
	}
	r, partial := mesh.Stitch(ctx, inputs, nil)
	if r == nil {
		return partial
	}
	defer r.Close()
	for _, p := range r.Paths {
		said := [2]text{{who: "<"}, {who: ">"}}
		for c, err := range r.Follow(ctx, p.ID, mesh.AllExchanges) {
			if err != nil {
				return err
			}
			from := &said[1]
			if c.Reply {
				from = &said[0]
			}
			from.add(c)
			from.print(w, p.ID, pattern)
		}
		for i := range said {
			said[i].rest = append(said[i].rest, '\n')
			said[i].print(w, p.ID, pattern)
		}
	}
	return partial
}

// longest is how much of a line without an end is kept.
const longest = 64 << 10

// A text is what one end said since its last whole line.
type text struct {
	who  string
	rest []byte
}

// add appends a chunk. Bytes that are missing end a line.
func (t *text) add(c mesh.Chunk) {
	if c.Missing > 0 || len(t.rest) > longest {
		t.rest = append(t.rest, '\n')
	}
	t.rest = append(t.rest, c.Data...)
}

// print prints the whole lines that match, and forgets all of them.
func (t *text) print(w io.Writer, stream int, pattern *regexp.Regexp) {
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole {
			t.rest = append([]byte(nil), line...)
			return
		}
		if line = bytes.TrimSuffix(line, []byte("\r")); pattern.Match(line) {
			fmt.Fprintf(w, "stream %d %s %q\n", stream, t.who, line)
		}
		t.rest = rest
	}
}
