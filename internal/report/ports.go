package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// portsHeader is the header of the table of ports.
var portsHeader = []string{"PORT", "COMPONENT", "PROTOCOL", "PURPOSE", "SCOPE", "IN A CAPTURE"}

// Ports prints the table of the ports of a mesh.
func Ports(w io.Writer, list []profile.Port) error {
	return Table(w, portsHeader, portRows(list))
}

// PortsCSV prints the table of ports as RFC 4180 CSV.
func PortsCSV(w io.Writer, list []profile.Port) error {
	return csv.NewWriter(w).WriteAll(append([][]string{portsHeader}, portRows(list)...))
}

func portRows(list []profile.Port) [][]string {
	var out [][]string
	for _, l := range list {
		out = append(out, []string{fmt.Sprint(l.Number), l.Component, l.Protocol, l.Purpose, l.Scope.String(), l.Shows})
	}
	return out
}

// A portsJSON is the object that "ports -o json" prints, version 1: a mesh, and
// those of its ports that were asked for.
type portsJSON struct {
	Version     int          `json:"version"`
	Mesh        string       `json:"mesh"`
	Title       string       `json:"title"`
	Outbound    []uint16     `json:"outbound_ports"`
	Inbound     []uint16     `json:"inbound_ports"`
	Tunnel      []uint16     `json:"tunnel_ports"`
	BindSources []netip.Addr `json:"bind_sources"`
	UIDs        []uint32     `json:"uids"`
	Ports       []portJSON   `json:"ports"`
}

// A portJSON is an element of the member "ports": a port, and who listens there.
type portJSON struct {
	Port      uint16 `json:"port"`
	Component string `json:"component"`
	Protocol  string `json:"protocol"`
	Purpose   string `json:"purpose"`
	Scope     string `json:"scope"`
	Shows     string `json:"shows"`
	Control   bool   `json:"control"`
}

// PortsJSON writes ports of a mesh, and what else its profile says, as one object.
func PortsJSON(w io.Writer, p *profile.Profile, list []profile.Port) error {
	doc := portsJSON{1, p.Name, p.Title, p.OutboundPorts, p.InboundPorts, orEmpty(p.TunnelPorts), orEmpty(p.BindSources), orEmpty(p.UIDs), []portJSON{}}
	for _, l := range list {
		doc.Ports = append(doc.Ports, newPort(l))
	}
	return json.NewEncoder(w).Encode(doc)
}

func newPort(l profile.Port) portJSON {
	return portJSON{l.Number, l.Component, l.Protocol, l.Purpose, l.Scope.String(), l.Shows, l.Control}
}

// orEmpty makes a nil list one that JSON shows as [].
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
