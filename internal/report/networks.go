package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture/filter"
)

// Networks prints networks as tcpdump takes them, one a line.
func Networks(w io.Writer, list []filter.Network) error {
	return printNetworks(w, list, func(io.Writer, filter.Network) {})
}

// NetworksInFull prints below each network what it means.
func NetworksInFull(w io.Writer, list []filter.Network) error {
	return printNetworks(w, list, meaning)
}

// printNetworks prints networks, and below each what below has to say of it.
func printNetworks(w io.Writer, list []filter.Network, below func(io.Writer, filter.Network)) error {
	out := bufio.NewWriter(w)
	for _, n := range list {
		fmt.Fprintln(out, n.Prefix)
		below(out, n)
	}
	return out.Flush()
}

// meaning prints what a network means, indented.
func meaning(out io.Writer, n filter.Network) {
	first, last := n.Hosts()
	fmt.Fprintf(out, "  given       %s\n", n.Given)
	if n.Changed() {
		fmt.Fprintf(out, "  host bits   %s (%s): set behind /%d, where tcpdump allows none\n",
			n.HostBits(), bitNumbers(n.HostBits()), n.Prefix.Bits())
	} else {
		fmt.Fprintf(out, "  host bits   none set: valid\n")
	}
	fmt.Fprintf(out, "  network     %s\n", n.Prefix.Addr())
	fmt.Fprintf(out, "  netmask     %s\n", n.Netmask())
	fmt.Fprintf(out, "  first host  %s\n", first)
	fmt.Fprintf(out, "  last host   %s\n", last)
	fmt.Fprintf(out, "  last        %s\n", n.Last())
	fmt.Fprintf(out, "  addresses   %s\n", addresses(n.Size()))
}

// addresses returns 2^size in full.
func addresses(size int) string { return new(big.Int).Lsh(big.NewInt(1), uint(size)).String() }

// bitNumbers names the bits that are set, counted from 1 at the front as prefix
// lengths count them.
func bitNumbers(a netip.Addr) string {
	const shown = 8
	var set []string
	for i, b := range a.AsSlice() {
		for j := range 8 {
			if b&(0x80>>j) != 0 {
				set = append(set, strconv.Itoa(8*i+j+1))
			}
		}
	}
	switch {
	case len(set) == 1:
		return "bit " + set[0]
	case len(set) > shown:
		return fmt.Sprintf("%d bits from %s on", len(set), set[0])
	}
	return "bits " + strings.Join(set, ", ")
}

// A networksJSON is the object that "cidr -o json" prints, version 1.
type networksJSON struct {
	Version  int           `json:"version"`
	Networks []networkJSON `json:"networks"`
}

// A networkJSON is an element of the member "networks": a network as it was given,
// and as it is.
type networkJSON struct {
	Given     string     `json:"given"`
	CIDR      string     `json:"cidr"`
	Changed   bool       `json:"changed"`
	HostBits  netip.Addr `json:"host_bits"` // bits that were set behind the prefix
	Network   netip.Addr `json:"network"`
	Netmask   netip.Addr `json:"netmask"`
	FirstHost netip.Addr `json:"first_host"`
	LastHost  netip.Addr `json:"last_host"`
	Last      netip.Addr `json:"last"`
	Addresses string     `json:"addresses"` // decimal, up to 2^128
}

// NetworksJSON writes networks as one object.
func NetworksJSON(w io.Writer, list []filter.Network) error {
	doc := networksJSON{1, make([]networkJSON, len(list))}
	for i, n := range list {
		first, last := n.Hosts()
		doc.Networks[i] = networkJSON{
			Given: n.Given, CIDR: n.Prefix.String(), Changed: n.Changed(), HostBits: n.HostBits(),
			Network: n.Prefix.Addr(), Netmask: n.Netmask(), FirstHost: first, LastHost: last, Last: n.Last(),
			Addresses: addresses(n.Size()),
		}
	}
	return json.NewEncoder(w).Encode(doc)
}
