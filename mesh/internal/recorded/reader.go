package recorded

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// checkFiles finds early whether a file cannot be opened.
func checkFiles(given *record.Files) error {
	for _, kind := range record.Kinds() {
		for _, f := range given.Of(kind) {
			if f.Name == "-" {
				continue
			}
			if _, err := os.Stat(f.Name); err != nil {
				return fmt.Errorf("%s %s: %w", kind, f.Name, index.Cause(err))
			}
		}
	}
	return nil
}

// A reader reads records.
type reader struct {
	ctx     context.Context
	given   *record.Files
	records *Records
	touched *touched // nil while rules are read
	// corrected puts right a time of a pod's clock; nil while rules are read.
	corrected func(pod string, nanos int64) int64
	strings   map[string]string // kept once
}

// files opens all files of a kind and has scan take what is in them.
func (rd *reader) files(kind record.Kind, scan func(io.Reader, *record.Info) error) error {
	for _, f := range rd.given.Of(kind) {
		if err := rd.open(kind, f, scan); err != nil {
			return fmt.Errorf("%s %s: %w", kind, f.Name, index.Cause(err))
		}
	}
	return nil
}

// open opens one file, unpacks it and has scan take what is in it.
func (rd *reader) open(kind record.Kind, f record.File, scan func(io.Reader, *record.Info) error) error {
	text, err := index.OpenText(rd.ctx, f.Name)
	if err != nil {
		return err
	}
	defer text.Close()
	rd.records.Files = append(rd.records.Files, record.Info{File: f, Kind: kind})
	return scan(text, &rd.records.Files[rd.file()])
}

// correct puts right a time in a pod's record, which is by the pod's clock. 0 is none.
func (rd *reader) correct(pod string, t capture.Time) capture.Time {
	if t == 0 {
		return 0
	}
	return capture.Time(rd.corrected(pod, int64(t)))
}

// file returns the number of the file at hand.
func (rd *reader) file() int { return len(rd.records.Files) - 1 }

// entries is what a package that reads records offers: one entry after the other.
type entries[E any, M error] interface {
	Next() (E, error)
	text[M]
}

// text is a text that was read: how long it was, and what could not be used.
type text[M error] interface {
	Lines() int
	Malformed() (n int, first []M)
}

// each hands out the entries of r and counts them.
func each[E any, M error](r entries[E, M], info *record.Info, take func(E)) error {
	for {
		e, err := r.Next()
		if err == io.EOF {
			count(r, info)
			return nil
		}
		if err != nil {
			return err
		}
		info.Entries++
		take(e)
	}
}

// count notes what became of the lines of a text.
func count[M error](t text[M], info *record.Info) {
	n, first := t.Malformed()
	info.Lines, info.Malformed = t.Lines(), n
	for _, m := range first {
		info.Faults = append(info.Faults, m.Error())
	}
}

// maxOnce bounds the strings that are kept once.
const maxOnce = 1 << 16

// once returns a string equal to s that does not keep the line it stands in.
func (rd *reader) once(s string) string {
	if k, ok := rd.strings[s]; ok {
		return k
	}
	k := strings.Clone(s)
	if rd.strings == nil {
		rd.strings = make(map[string]string)
	}
	if len(rd.strings) < maxOnce {
		rd.strings[k] = k
	}
	return k
}
