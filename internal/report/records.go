package report

import (
	"fmt"
	"io"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Records prints a line for each file with records: how much is in it, and how much
// of that belongs to connections in the captures.
func Records(w io.Writer, r *mesh.Result) error {
	for i := range r.Records {
		if _, err := fmt.Fprintln(w, recordText(&r.Records[i])); err != nil {
			return err
		}
	}
	return nil
}

// recordText says of a file of records what is in it.
func recordText(in *record.Info) string {
	s := fmt.Sprintf("%s %s: ", in.Kind, in.Name)
	s += in.Kind.Count(in.Entries)
	if in.Mesh != "" {
		s += " of " + in.Mesh
	}
	if !in.Kind.OfPod() {
		s += fmt.Sprintf(", %d of these captures", in.Matched)
	}
	if in.Malformed > 0 {
		s += fmt.Sprintf(", %s malformed", counted(in.Malformed, "line"))
	}
	return s
}

// RecordFaults says what is wrong with a file of records, one fault a line. Lines
// that could not be read are faults, and so is a file that belongs to other captures.
func RecordFaults(in *record.Info) []string {
	var out []string
	for _, f := range in.Faults {
		out = append(out, fmt.Sprintf("%s %s: %s; the rest is used", in.Kind, in.Name, f))
	}
	if n := in.Malformed - len(in.Faults); n > 0 {
		out = append(out, fmt.Sprintf("%s %s: %s that cannot be read", in.Kind, in.Name, counted(n, "more line")))
	}
	switch {
	case in.Entries == 0:
		out = append(out, fmt.Sprintf("%s %s: nothing that is %s in %s", in.Kind, in.Name, in.Kind.Means(), counted(in.Lines, "line")))
	case in.Matched == 0 && !in.Kind.OfPod():
		out = append(out, fmt.Sprintf("%s %s: none of %s is of a connection in these captures; is it of another pod, or another time?", in.Kind, in.Name, in.Kind.Count(in.Entries)))
	}
	return out
}

// Conflict says in one line what a record and the packets say.
func Conflict(c *record.Conflict) string {
	place := ""
	if c.Source.Line > 0 { // arguments have none
		place = fmt.Sprintf(" line %d", c.Source.Line)
	}
	s := fmt.Sprintf("%s %s%s says %s; packets say %s", c.Source.Kind, c.Source.File, place, c.Says, c.Packets)
	for i, p := range c.Shown {
		if i == 0 {
			s += " (input:packet"
		}
		s += fmt.Sprintf(" %d:%d", p.Input, p.Packet)
	}
	if len(c.Shown) > 0 {
		s += ")"
	}
	return s
}
