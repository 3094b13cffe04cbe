package names

import (
	"fmt"
	"net/netip"
)

// A Source says where the name of an address was learned.
type Source uint8

// The sources of names.
const (
	FromDNS  Source = iota // an answer that holds the address
	FromSNI                // the server name of a TLS connection to it
	FromHost               // Host or :authority of a request to it
	FromLog                // a cluster in an access log
)

// String returns the source in words.
func (s Source) String() string {
	names := [...]string{"dns", "sni", "host", "access-log"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprint(uint8(s))
}

// A Learned is the name that an address is asked for by.
type Learned struct {
	Addr   netip.Addr
	Name   string
	Source Source // of several, the first in the order of the constants
}
