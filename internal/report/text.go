package report

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// OneLine shows text that came from outside on one line.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// size prints a number of bytes with three digits and an SI unit.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), ""
	for _, u := range []string{"kB", "MB", "GB", "TB"} {
		f, unit = f/1000, u
		if f < 999.5 {
			break
		}
	}
	if f < 99.95 {
		return fmt.Sprintf("%.1f %s", f, unit)
	}
	return fmt.Sprintf("%.0f %s", f, unit)
}

// duration prints nanoseconds in seconds.
func duration(nanos int64) string {
	return fmt.Sprintf("%.3f s", float64(nanos)/1e9)
}

// clock prints the time of day of a time, UTC.
func clock(nanos int64) string { return time.Unix(0, nanos).UTC().Format("15:04:05.000") }

// port prints the port of an endpoint as in ":8080".
func port(a netip.AddrPort) string { return ":" + strconv.Itoa(int(a.Port())) }

// endText prints an endpoint, or unknown for one that is not valid.
func endText(a netip.AddrPort, unknown string) string {
	if !a.IsValid() {
		return unknown
	}
	return a.String()
}

// place names an interface, with its pod if that has a name.
func place(pod, iface string) string {
	if pod == "" {
		return iface
	}
	return pod + "/" + iface
}

// counted prints a number with its noun.
func counted(n int, noun string) string {
	switch {
	case n == 1:
		return "1 " + noun
	case noun == "entry":
		return fmt.Sprintf("%d entries", n)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
