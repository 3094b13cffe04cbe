package packets

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
)

// Thin removes records of a pcap, those that lost says, as a capture under load
// misses packets.
func Thin(name string, lost func() bool) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if len(data) < 24 || binary.LittleEndian.Uint32(data) == 0x0A0D0D0A {
		return fmt.Errorf("%s: no pcap", name)
	}
	kept, rest := data[:24:24], data[24:]
	for len(rest) >= 16 {
		n := 16 + int(binary.LittleEndian.Uint32(rest[8:]))
		if !lost() {
			kept = append(kept, rest[:n]...)
		}
		rest = rest[n:]
	}
	return os.WriteFile(name, kept, 0o644)
}

// ThinHalves leaves of each redirected connection in a pcap of lo one
// direction only: of every other one the requests. It returns what is lost, by
// the client's end.
func ThinHalves(name string, proxy uint16) (map[netip.AddrPort]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	lost := map[netip.AddrPort]string{}
	kept, rest := data[:24:24], data[24:]
	err = records(data, func(r record) {
		n := 16 + len(r.data)
		s, err := decode(r)
		if err != nil || !drop(lost, s, proxy) {
			kept = append(kept, rest[:n]...)
		}
		rest = rest[n:]
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return lost, os.WriteFile(name, kept, 0o644)
}

// drop decides by turns what a connection loses, and whether a packet is of
// that.
func drop(lost map[netip.AddrPort]string, s segment, proxy uint16) bool {
	way, client := "reply", s.dst
	if s.dst.Port() == proxy && s.dst.Addr().IsLoopback() {
		way, client = "request", s.src
		if lost[client] == "" {
			lost[client] = [...]string{"reply", "request"}[len(lost)%2]
		}
	}
	return lost[client] == way
}
