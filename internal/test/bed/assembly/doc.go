// Package assembly puts the truth of a played scenario together: from the records
// of its applications, the logs of its proxies and what conntrack says (Evidence).
//
// It never looks into a capture: those are held against the truth afterwards.
// It plays nothing and changes nothing.
package assembly
