package main

import (
	"encoding/json"
	"io"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// A processJSON is one process of a listener; the descriptor is null if unknown.
type processJSON struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	FD   *int   `json:"fd"`
}

// A listenerJSON is one listener of "ports --sockets -o json", version 1. The uid
// is null if it is not known.
type listenerJSON struct {
	portJSON
	Address   string        `json:"address"`
	Owner     string        `json:"owner"`
	Processes []processJSON `json:"processes"`
	UID       *int64        `json:"uid"`
	ToldBy    []string      `json:"told_by"`
}

func printListenersJSON(w io.Writer, p *profile.Profile, list []listener) error {
	doc := struct {
		Version   int            `json:"version"`
		Mesh      string         `json:"mesh"`
		Title     string         `json:"title"`
		Listeners []listenerJSON `json:"listeners"`
	}{1, p.Name, p.Title, []listenerJSON{}}
	for i := range list {
		l := &list[i]
		j := listenerJSON{newPortJSON(l.Port), l.Local.Addr().String(), l.owner(), []processJSON{}, known(l.UID), orEmpty(l.Signs)}
		for _, p := range l.Processes {
			j.Processes = append(j.Processes, processJSON{p.Name, p.PID, known(p.FD)})
		}
		doc.Listeners = append(doc.Listeners, j)
	}
	return json.NewEncoder(w).Encode(doc)
}

// known makes a negative number one that JSON shows as null.
func known[T int | int64](n T) *T {
	if n < 0 {
		return nil
	}
	return &n
}
