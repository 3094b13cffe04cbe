package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// A Build is what is known of a program: what it was built from, with what, and
// for which system.
type Build struct {
	Version  string // of its module, "(devel)" if it has none
	Revision string // of the repository, may be unknown, ""
	Modified bool   // the repository had changes beside
	Go       string // version, "go1.26.0"
	OS, Arch string // as Go names them
}

// Version prints a build on one line.
func Version(w io.Writer, b *Build) error {
	var parts []string
	if b.Revision != "" {
		parts = append(parts, "revision "+b.Revision)
	}
	if b.Modified {
		parts = append(parts, "modified")
	}
	parts = append(parts, b.Go, b.OS+"/"+b.Arch)
	_, err := fmt.Fprintf(w, "pcapmesh version %s (%s)\n", b.Version, strings.Join(parts, ", "))
	return err
}

// A buildJSON is the object that "version -o json" prints, version 1.
type buildJSON struct {
	Version  int    `json:"version"`
	Pcapmesh string `json:"pcapmesh"` // version of the module
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

// VersionJSON writes a build as one object.
func VersionJSON(w io.Writer, b *Build) error {
	return json.NewEncoder(w).Encode(buildJSON{1, b.Version, b.Revision, b.Modified, b.Go, b.OS, b.Arch})
}
