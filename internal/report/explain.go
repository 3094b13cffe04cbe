package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
)

// Flows prints what rules do with conversations: the way of each as a line, the
// rules that applied if asked for, and what captures show of it.
func Flows(w io.Writer, list []rules.Flow, withRules bool) error {
	for i := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := wellKnown(w, &list[i], withRules); err != nil {
			return err
		}
	}
	return nil
}

func wellKnown(w io.Writer, f *rules.Flow, withRules bool) error {
	if f.Name != "" {
		fmt.Fprintln(w, f.Name)
	}
	if _, err := fmt.Fprintln(w, printable(f.Path())); err != nil {
		return err
	}
	for _, p := range f.Parts {
		if p.Reason != "" {
			fmt.Fprintln(w, printable(p.Reason))
		}
	}
	if withRules {
		if err := taken(w, f); err != nil {
			return err
		}
	}
	return sights(w, f)
}

// taken prints the rules that applied.
func taken(w io.Writer, f *rules.Flow) error {
	var rows [][]string
	for _, p := range f.Parts {
		for _, s := range p.Steps {
			n := "policy"
			if s.Rule > 0 {
				n = fmt.Sprint(s.Rule)
			}
			rows = append(rows, []string{s.Hook, s.Table, s.Chain, n, s.Text})
		}
	}
	if rows == nil {
		return nil
	}
	fmt.Fprintln(w)
	return Table(w, []string{"HOOK", "TABLE", "CHAIN", "RULE", "TEXT"}, rows)
}

// sights prints what captures show, and says where nothing is to be seen.
func sights(w io.Writer, f *rules.Flow) error {
	var rows [][]string
	for _, p := range f.Parts {
		seen := p.Sights()
		for i := range seen {
			s := &seen[i]
			note := ""
			if s.Torn() {
				note = "half-flows"
			}
			rows = append(rows, []string{s.Interface, s.Request.String(), tupleOrNone(s.Reply), note})
		}
	}
	for _, face := range []string{"eth0", "lo"} {
		if !shows(rows, face) {
			rows = append(rows, []string{face, "nothing", "nothing", ""})
		}
	}
	fmt.Fprintln(w)
	return Table(w, []string{"CAPTURE ON", "SHOWS REQUESTS", "AND REPLIES", ""}, rows)
}

func shows(rows [][]string, face string) bool {
	for _, r := range rows {
		if r[0] == face {
			return true
		}
	}
	return false
}

func tupleOrNone(t capture.Tuple) string {
	if t == (capture.Tuple{}) {
		return "nothing"
	}
	return t.String()
}

// The JSON of explain, version 1.
type (
	flowJSON struct {
		Name  string     `json:"name"`
		Path  string     `json:"path"`
		Parts []partJSON `json:"parts"`
	}
	partJSON struct {
		From      string         `json:"from"`
		To        string         `json:"to"`
		Proto     uint8          `json:"proto"`
		Src       netip.AddrPort `json:"src"`
		Dst       netip.AddrPort `json:"dst"`
		In        string         `json:"in,omitempty"`
		Out       string         `json:"out,omitempty"`
		UID       uint32         `json:"uid"`
		GID       uint32         `json:"gid"`
		Outcome   string         `json:"outcome"`
		Delivered netip.AddrPort `json:"delivered"` // destination after NAT
		Port      uint16         `json:"proxy_port,omitempty"`
		Zone      uint16         `json:"zone"`
		Mark      uint32         `json:"mark"`
		ConnMark  uint32         `json:"connmark"`
		Reason    string         `json:"reason,omitempty"`
		Steps     []stepJSON     `json:"rules"`
		Sights    []sightJSON    `json:"captures"`
	}
	stepJSON struct {
		Hook   string `json:"hook"`
		Table  string `json:"table"`
		Chain  string `json:"chain"`
		Rule   int    `json:"rule"`
		Text   string `json:"text"`
		Target string `json:"target"`
	}
	sightJSON struct {
		Interface string    `json:"interface"`
		Request   *endsJSON `json:"request"`
		Reply     *endsJSON `json:"reply"`
		Torn      bool      `json:"half_flows"`
	}
	endsJSON struct {
		Src netip.AddrPort `json:"src"`
		Dst netip.AddrPort `json:"dst"`
	}
)

// FlowsJSON writes what Flows prints, with the rules, as one object.
func FlowsJSON(w io.Writer, mesh string, list []rules.Flow) error {
	doc := struct {
		Version int        `json:"version"`
		Mesh    string     `json:"mesh"`
		Flows   []flowJSON `json:"flows"`
	}{1, mesh, []flowJSON{}}
	for i := range list {
		f := flowJSON{list[i].Name, list[i].Path(), []partJSON{}}
		for _, p := range list[i].Parts {
			f.Parts = append(f.Parts, partOf(&p))
		}
		doc.Flows = append(doc.Flows, f)
	}
	return json.NewEncoder(w).Encode(doc)
}

func partOf(p *rules.Part) partJSON {
	k := &p.Packet
	out := partJSON{From: p.From, To: p.To, Proto: uint8(k.Proto), Src: k.Src, Dst: k.Dst, In: k.In, Out: k.Out, UID: k.UID, GID: k.GID,
		Outcome: p.Outcome.String(), Delivered: p.Dst, Port: p.Port, Zone: p.Zone, Mark: p.Mark, ConnMark: p.ConnMark, Reason: p.Reason,
		Steps: []stepJSON{}, Sights: []sightJSON{}}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, stepJSON(s))
	}
	for _, s := range p.Sights() {
		out.Sights = append(out.Sights, sightJSON{s.Interface, ends(s.Request), ends(s.Reply), s.Torn()})
	}
	return out
}

func ends(t capture.Tuple) *endsJSON {
	if t == (capture.Tuple{}) {
		return nil
	}
	return &endsJSON{t.Src, t.Dst}
}
