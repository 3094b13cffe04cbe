//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/scene"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// readme describes the captures in dir, from the truth files beside them, as
// the README.md of the directory.
func readme(dir string) (string, error) {
	var w strings.Builder
	w.WriteString(`# Captures with known truth

Made by the testbed of this repository (internal/test/bed): Istio's iptables rules,
HAProxy (twice a proxy written in Go) in Envoy's place, one in ztunnel's, real TCP; in
those whose names begin with envoy, a real Envoy. Each was recorded as root on Linux by

    go run ./internal/test/bed/run -o testdata/pcaps -seed 1 SCENARIO

and this page by ` + "`go run ./internal/test/bed/run -readme testdata/pcaps`" + `. SCENARIO-truth.json says
what really happened (internal/test/truth/truth.go). Where present, -conntrack.txt is
` + "`conntrack -L`" + ` at the end, -conntrack-events.txt ` + "`conntrack -E -o timestamp`" + `, -iptables.txt
` + "`iptables-save`" + `, -ss.txt ` + "`ss -tnp`" + `, -haproxy.log the proxy's log, -access.log (in two
scenarios -access.json too) the log that Envoy would have written in its place, or did, in Istio's
default format, -envoy.log what it was made to write for the truth, and -keys.txt the TLS key log. Large ones are gzipped. Licence: that of the repository.

| scenario | shows | captures (packets, sha256) | truth |
|---|---|---|---|
`)
	for _, s := range scene.Shipped() {
		name := truth.Path(dir, s.Name)
		t, err := truth.Read(name)
		if err != nil {
			return "", err
		}
		var files []string
		for _, f := range t.Files {
			files = append(files, fmt.Sprintf("%s: %s of pod %s, %d packets, `%s`", f.Name, f.Interface, f.Pod, f.Packets, f.SHA256))
		}
		shows := strings.ReplaceAll(t.About, "|", "\\|")
		if len(t.Args) > 0 {
			shows += " Needs `" + strings.Join(t.Args, " ") + "`."
		}
		fmt.Fprintf(&w, "| %s | %s %d legs, %d links, %d conversations. | %s | %s |\n", t.Scenario, shows,
			len(t.Legs), len(t.Links), len(t.Conversations), strings.Join(files, "<br>"), filepath.Base(name))
	}
	return w.String(), nil
}
