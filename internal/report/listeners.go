package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

// A Listener is a listening socket and what it is to the mesh.
type Listener struct {
	sockets.Socket
	profile.Listener
}

// listenersHeader is the header of the table of listeners.
var listenersHeader = []string{"PORT", "ADDRESS", "OWNER", "COMPONENT", "PURPOSE", "PROCESS", "PID", "UID", "TOLD BY", "IN A CAPTURE"}

// pidColumn is the place of the column of process numbers.
const pidColumn = 6

// maxPIDs is how many processes a cell of the table names.
const maxPIDs = 3

// Listeners prints the table of who listens in a pod.
func Listeners(w io.Writer, list []Listener) error {
	var rows [][]string
	for i := range list {
		row := list[i].row()
		if all := list[i].pids(); len(all) > maxPIDs {
			row[pidColumn] = fmt.Sprintf("%s and %d more", strings.Join(all[:maxPIDs], ", "), len(all)-maxPIDs)
		}
		for j := range row {
			if row[j] == "" {
				row[j] = "-"
			}
		}
		rows = append(rows, row)
	}
	return Table(w, listenersHeader, rows)
}

// ListenersCSV prints the table of listeners as RFC 4180 CSV.
func ListenersCSV(w io.Writer, list []Listener) error {
	rows := [][]string{listenersHeader}
	for i := range list {
		rows = append(rows, list[i].row())
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// row returns the cells of a listener. What is not known is empty.
func (l *Listener) row() []string {
	uid := ""
	if l.UID >= 0 {
		uid = strconv.FormatInt(l.UID, 10)
	}
	return []string{
		fmt.Sprint(l.Number), l.Local.Addr().String(), l.owner(), l.Component, l.Purpose, strings.Join(ProcessNames(l.Processes), ", "),
		strings.Join(l.pids(), ", "), uid, strings.Join(l.Signs, ", "), l.Shows,
	}
}

// owner says whose the listener is.
func (l *Listener) owner() string {
	if l.Mesh {
		return "mesh"
	}
	return "app"
}

// pids returns the numbers of the processes, each once.
func (l *Listener) pids() []string {
	return distinct(l.Processes, func(p sockets.Process) string { return strconv.Itoa(p.PID) })
}

// ProcessNames returns the names of processes, each once.
func ProcessNames(list []sockets.Process) []string {
	return distinct(list, func(p sockets.Process) string { return p.Name })
}

// distinct returns the texts of a list, each once, in order of appearance.
func distinct[T any](list []T, text func(T) string) []string {
	var out []string
	for _, e := range list {
		if s := text(e); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// A listenersJSON is the object that "ports --sockets -o json" prints, version 1.
type listenersJSON struct {
	Version   int            `json:"version"`
	Mesh      string         `json:"mesh"`
	Title     string         `json:"title"`
	Listeners []listenerJSON `json:"listeners"`
}

// A listenerJSON is an element of the member "listeners": a listening socket. The
// uid is null if it is not known.
type listenerJSON struct {
	portJSON
	Address   string       `json:"address"`
	Owner     string       `json:"owner"` // mesh or app
	Processes []holderJSON `json:"processes"`
	UID       *int64       `json:"uid"`
	ToldBy    []string     `json:"told_by"`
}

// A holderJSON is a process that has a listener open. The descriptor is null if it
// is not known.
type holderJSON struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	FD   *int   `json:"fd"`
}

// ListenersJSON writes who listens in a pod of a mesh as one object.
func ListenersJSON(w io.Writer, p *profile.Profile, list []Listener) error {
	doc := listenersJSON{1, p.Name, p.Title, []listenerJSON{}}
	for i := range list {
		l := &list[i]
		j := listenerJSON{newPort(l.Port), l.Local.Addr().String(), l.owner(), []holderJSON{}, known(l.UID), orEmpty(l.Signs)}
		for _, p := range l.Processes {
			j.Processes = append(j.Processes, holderJSON{p.Name, p.PID, known(p.FD)})
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
