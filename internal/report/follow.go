package report

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"iter"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// A Follower prints the bytes of a stream.
type Follower struct {
	out   *bufio.Writer
	enc   *encoder
	as    string
	begun bool
	reply bool
}

// NewFollower returns a Follower in one of the styles ascii, hex, raw or json.
func NewFollower(w io.Writer, as string) *Follower {
	return &Follower{out: bufio.NewWriterSize(w, 64<<10), enc: newEncoder(), as: as}
}

// chunkJSON is a line of follow --as json, version 1.
type chunkJSON struct {
	Reply   bool       `json:"reply"` // sent by the server
	Time    string     `json:"time"`
	Packet  packetJSON `json:"packet"`
	Data    []byte     `json:"data,omitempty"` // base64
	Missing int64      `json:"missing,omitempty"`
}

// All prints all chunks of a sequence, up to its error.
func (f *Follower) All(chunks iter.Seq2[mesh.Chunk, error]) error {
	for c, err := range chunks {
		if err == nil {
			err = f.chunk(c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// chunk prints one chunk.
func (f *Follower) chunk(c mesh.Chunk) error {
	switch f.as {
	case "raw":
		f.out.Write(c.Data)
	case "json":
		f.out.Write(f.enc.compact(chunkJSON{c.Reply, stamp(int64(c.Time)), packetJSON{c.Ref.Input, c.Ref.Packet}, c.Data, c.Missing}))
		f.out.WriteByte('\n')
	case "hex":
		f.turn(c.Reply)
		f.out.WriteString(hex.Dump(c.Data))
		f.missing(c.Missing)
	default:
		f.turn(c.Reply)
		writeASCII(f.out, c.Data)
		f.missing(c.Missing)
	}
	_, err := f.out.Write(nil) // bufio keeps the first error
	return err
}

// turn marks a change of direction.
func (f *Follower) turn(reply bool) {
	if f.begun && f.reply == reply {
		return
	}
	if f.begun {
		f.out.WriteByte('\n')
	}
	f.begun, f.reply = true, reply
	f.out.WriteString(map[bool]string{false: "──> client\n", true: "<── server\n"}[reply])
}

// missing says how many bytes were not captured, if any.
func (f *Follower) missing(n int64) {
	if n > 0 {
		fmt.Fprintf(f.out, "\n[%d bytes missing in capture]\n", n)
	}
}

// writeASCII writes text as it is and other bytes as dots, as Wireshark does.
func writeASCII(out *bufio.Writer, p []byte) {
	for _, c := range p {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c >= 0x7f {
			c = '.'
		}
		if c != '\r' {
			out.WriteByte(c)
		}
	}
}

// Close writes out what is left.
func (f *Follower) Close() error {
	if f.begun && f.as != "raw" {
		f.out.WriteByte('\n')
	}
	return f.out.Flush()
}
