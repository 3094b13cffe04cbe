package read

import (
	"bytes"

	"github.com/pcapmesh/pcapmesh/mesh/rules/internal/syntax"
)

// afterPrefix returns what a log line holds behind what logs put before it: the
// times of kubectl logs and CRI ("2019-12-13T21:38:18.370036467Z stdout F "),
// the program of a journal ("host istio-start.sh[6717]: "), the level of
// Istio's own log, logfmt, quotes of issue trackers.
func afterPrefix(line []byte) []byte {
	line = bytes.TrimLeft(line, "> \t")
	if len(line) > 20 && line[4] == '-' && line[7] == '-' && line[10] == 'T' {
		line = bytes.TrimSpace(line[max(bytes.IndexAny(line, " \t"), 0):])
		for _, stream := range []string{"stdout F ", "stderr F "} {
			line = bytes.TrimPrefix(line, []byte(stream))
		}
		line = bytes.TrimSpace(line)
		for _, level := range []string{"info", "debug", "warn", "error"} {
			if rest, ok := bytes.CutPrefix(line, []byte(level)); ok && len(rest) > 0 && syntax.IsBlank(rest[0]) {
				line = bytes.TrimSpace(rest)
			}
		}
	}
	if _, msg, ok := bytes.Cut(line, []byte(` msg="`)); ok { // logfmt, of Linkerd's init container
		return bytes.TrimSuffix(msg, []byte(`"`))
	}
	if at := bytes.Index(line, []byte("]: ")); at > 0 && at < 100 {
		line = bytes.TrimSpace(line[at+3:])
	}
	return line
}
