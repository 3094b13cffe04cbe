package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

func listenersHeader() []string {
	return []string{"PORT", "ADDRESS", "OWNER", "COMPONENT", "PURPOSE", "PROCESS", "PID", "UID", "TOLD BY", "IN A CAPTURE"}
}

// row returns the cells of a listener. What is not known is empty.
func (l *listener) row() []string {
	uid := ""
	if l.UID >= 0 {
		uid = strconv.FormatInt(l.UID, 10)
	}
	return []string{
		fmt.Sprint(l.Number), l.Local.Addr().String(), l.owner(), l.Component, l.Purpose, strings.Join(names(l.Processes), ", "),
		strings.Join(pids(l.Processes), ", "), uid, strings.Join(l.Signs, ", "), l.Shows,
	}
}

func (l *listener) owner() string {
	if l.Mesh {
		return "mesh"
	}
	return "app"
}

// pids returns the numbers of processes, each once.
func pids(list []sockets.Process) []string {
	var out []string
	for _, p := range list {
		if n := strconv.Itoa(p.PID); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// maxPIDs is how many processes a cell of the table names.
const maxPIDs = 3

func printListenersTable(w io.Writer, list []listener) error {
	var rows [][]string
	for i := range list {
		row := list[i].row()
		if all := pids(list[i].Processes); len(all) > maxPIDs {
			row[6] = fmt.Sprintf("%s and %d more", strings.Join(all[:maxPIDs], ", "), len(all)-maxPIDs)
		}
		for j := range row {
			if row[j] == "" {
				row[j] = "-"
			}
		}
		rows = append(rows, row)
	}
	return report.Table(w, listenersHeader(), rows)
}

func printListenersCSV(w io.Writer, list []listener) error {
	rows := [][]string{listenersHeader()}
	for i := range list {
		rows = append(rows, list[i].row())
	}
	return csv.NewWriter(w).WriteAll(rows)
}
