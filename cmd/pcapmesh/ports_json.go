package main

import (
	"encoding/json"
	"io"
	"net/netip"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// A portJSON is one listener of "ports -o json", version 1.
type portJSON struct {
	Port      uint16 `json:"port"`
	Component string `json:"component"`
	Protocol  string `json:"protocol"`
	Purpose   string `json:"purpose"`
	Scope     string `json:"scope"`
	Shows     string `json:"shows"`
	Control   bool   `json:"control"`
}

func newPortJSON(l profile.Port) portJSON {
	return portJSON{l.Number, l.Component, l.Protocol, l.Purpose, l.Scope.String(), l.Shows, l.Control}
}

func printPortsJSON(w io.Writer, p *profile.Profile, list []profile.Port) error {
	doc := struct {
		Version     int          `json:"version"`
		Mesh        string       `json:"mesh"`
		Title       string       `json:"title"`
		Outbound    []uint16     `json:"outbound_ports"`
		Inbound     []uint16     `json:"inbound_ports"`
		Tunnel      []uint16     `json:"tunnel_ports"`
		BindSources []netip.Addr `json:"bind_sources"`
		UIDs        []uint32     `json:"uids"`
		Ports       []portJSON   `json:"ports"`
	}{1, p.Name, p.Title, p.OutboundPorts, p.InboundPorts, orEmpty(p.TunnelPorts), orEmpty(p.BindSources), orEmpty(p.UIDs), []portJSON{}}
	for _, l := range list {
		doc.Ports = append(doc.Ports, newPortJSON(l))
	}
	return json.NewEncoder(w).Encode(doc)
}

// orEmpty makes a nil list one that JSON shows as [].
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
