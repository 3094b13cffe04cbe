package report

import (
	"encoding/json"
	"io"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/capture/tcpip"
	"github.com/pcapmesh/pcapmesh/mesh/rules"
)

// ExplanationJSON writes what Explanation prints, with the rules, as one object.
func ExplanationJSON(w io.Writer, mesh string, list []rules.Flow) error {
	doc := struct {
		Version int        `json:"version"`
		Mesh    string     `json:"mesh"`
		Flows   []flowJSON `json:"flows"`
	}{1, mesh, []flowJSON{}}
	for i := range list {
		f := flowJSON{list[i].Name, list[i].Path(), []partJSON{}}
		for _, p := range list[i].Parts {
			f.Parts = append(f.Parts, newPart(&p))
		}
		doc.Flows = append(doc.Flows, f)
	}
	return json.NewEncoder(w).Encode(doc)
}

// A flowJSON is an element of the member "flows": one conversation.
type flowJSON struct {
	Name  string     `json:"name"`
	Path  string     `json:"path"`
	Parts []partJSON `json:"parts"`
}

// A partJSON is one connection of a flow on its way through the rules. Where there
// is NAT, its ends are those before.
type partJSON struct {
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

func newPart(p *rules.Part) partJSON {
	k := &p.Packet
	out := partJSON{From: p.From, To: p.To, Proto: uint8(k.Proto), Src: k.Src, Dst: k.Dst, In: k.In, Out: k.Out, UID: k.UID, GID: k.GID,
		Outcome: p.Outcome.String(), Delivered: p.Dst, Port: p.Port, Zone: p.Zone, Mark: p.Mark, ConnMark: p.ConnMark, Reason: p.Reason,
		Steps: []stepJSON{}, Sights: []sightJSON{}}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, stepJSON(s))
	}
	for _, s := range p.Sights() {
		out.Sights = append(out.Sights, sightJSON{s.Interface, newEnds(s.Request), newEnds(s.Reply), s.Torn()})
	}
	return out
}

// A stepJSON is a rule, or the policy of a chain, that applied. The rule is counted
// from 1; 0 is the policy.
type stepJSON struct {
	Hook   string `json:"hook"`
	Table  string `json:"table"`
	Chain  string `json:"chain"`
	Rule   int    `json:"rule"`
	Text   string `json:"text"`
	Target string `json:"target"`
}

// A sightJSON is what a capture on one interface shows. A direction that it does
// not show is null.
type sightJSON struct {
	Interface string    `json:"interface"`
	Request   *endsJSON `json:"request"`
	Reply     *endsJSON `json:"reply"`
	Torn      bool      `json:"half_flows"`
}

// An endsJSON is a directed pair of endpoints.
type endsJSON struct {
	Src netip.AddrPort `json:"src"`
	Dst netip.AddrPort `json:"dst"`
}

// newEnds returns nil, which JSON prints as null, for no tuple.
func newEnds(t tcpip.Tuple) *endsJSON {
	if t == (tcpip.Tuple{}) {
		return nil
	}
	return &endsJSON{t.Src, t.Dst}
}
