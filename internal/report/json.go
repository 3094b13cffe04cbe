package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// A confidence is a probability, printed with at most four decimals. What is
// behind them depends on the order in which probabilities were added up, and is
// known no better than that. Only certainty is printed as 1.
type confidence float64

// MarshalJSON returns the rounded number.
func (c confidence) MarshalJSON() ([]byte, error) {
	rounded := math.Round(float64(c)*1e4) / 1e4
	if c < 1 {
		rounded = min(rounded, 0.9999)
	}
	return strconv.AppendFloat(nil, rounded, 'f', -1, 64), nil
}

// JSON writes a result as one JSON object, version 1, element by element, so that
// it needs no memory for the whole.
//
// Endpoints are "ip:port", IPv6 in brackets; times are RFC 3339 with nanoseconds,
// UTC; packet numbers are 1-based; ranges are [offset, end) in the leg's stream.
func JSON(w io.Writer, r *mesh.Result) error {
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteString(`{"version":1`)
	list(out, "inputs", len(r.Inputs), func(i int) any { return newInput(&r.Inputs[i]) })
	list(out, "legs", len(r.Legs), func(i int) any { return newLeg(r.Legs[i]) })
	list(out, "joins", len(r.Joins), func(i int) any { return newJoin(&r.Joins[i]) })
	list(out, "paths", len(r.Paths), func(i int) any { return newPath(r.Paths[i]) })
	if len(r.Records) > 0 {
		list(out, "records", len(r.Records), func(i int) any { return newRecord(&r.Records[i]) })
		list(out, "conflicts", len(r.Conflicts), func(i int) any { return newConflict(&r.Conflicts[i]) })
	}
	if len(r.Lookups) > 0 {
		list(out, "dns", len(r.Lookups), func(i int) any { return newLookup(r.Lookups[i]) })
	}
	out.WriteString("\n}\n")
	return out.Flush()
}

// JSONLines writes a result as one JSON object a line: first the inputs, then
// legs, joins, paths, records, conflicts and lookups ("dns"). Each begins with the
// members "version" and "kind".
func JSONLines(w io.Writer, r *mesh.Result) error {
	out, enc := bufio.NewWriterSize(w, 64<<10), newEncoder()
	line := func(kind string, v any) {
		out.WriteString(`{"version":1,"kind":"` + kind + `",`)
		out.Write(enc.compact(v)[1:])
		out.WriteByte('\n')
	}
	for i := range r.Inputs {
		line("input", newInput(&r.Inputs[i]))
	}
	for _, l := range r.Legs {
		line("leg", newLeg(l))
	}
	for i := range r.Joins {
		line("join", newJoin(&r.Joins[i]))
	}
	for _, p := range r.Paths {
		line("path", newPath(p))
	}
	for i := range r.Records {
		line("record", newRecord(&r.Records[i]))
	}
	for i := range r.Conflicts {
		line("conflict", newConflict(&r.Conflicts[i]))
	}
	for _, l := range r.Lookups {
		line("dns", newLookup(l))
	}
	return out.Flush()
}

// list writes a member with an array, one element a line.
func list(out *bufio.Writer, name string, n int, element func(int) any) {
	out.WriteString(",\n\"" + name + "\":[")
	enc := newEncoder()
	for i := range n {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(enc.compact(element(i)))
	}
	out.WriteByte(']')
}

// An encoder encodes values without line breaks and without HTML escapes.
type encoder struct {
	buf bytes.Buffer
	enc *json.Encoder
}

func newEncoder() *encoder {
	e := new(encoder)
	e.enc = json.NewEncoder(&e.buf)
	e.enc.SetEscapeHTML(false)
	return e
}

// compact returns the encoding of v, valid until the next call. The structs of
// this package always encode.
func (e *encoder) compact(v any) []byte {
	e.buf.Reset()
	if err := e.enc.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(e.buf.Bytes(), []byte("\n"))
}

// stamp prints a time; "" for the unknown time 0.
func stamp(nanos int64) string {
	if nanos == 0 {
		return ""
	}
	t := time.Unix(0, nanos).UTC()
	var buf [32]byte
	b := t.AppendFormat(buf[:0], "2006-01-02T15:04:05")
	b = append(b, '.')
	for d, n := 100_000_000, t.Nanosecond(); d > 0; d /= 10 {
		b = append(b, '0'+byte(n/d%10))
	}
	return string(append(b, 'Z'))
}
