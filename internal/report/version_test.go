package report_test

import (
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
)

func TestVersion(t *testing.T) {
	tests := []struct {
		name       string
		build      report.Build
		text, json string
	}{
		{
			name:  "release",
			build: report.Build{Version: "v1.2.3", Revision: "0123456789abcdef", Go: "go1.26.0", OS: "linux", Arch: "amd64"},
			text:  "pcapmesh version v1.2.3 (revision 0123456789abcdef, go1.26.0, linux/amd64)\n",
			json:  `{"version":1,"pcapmesh":"v1.2.3","revision":"0123456789abcdef","modified":false,"go":"go1.26.0","os":"linux","arch":"amd64"}` + "\n",
		},
		{
			name:  "clone with changes",
			build: report.Build{Version: "(devel)", Revision: "0123456789abcdef", Modified: true, Go: "go1.26.0", OS: "darwin", Arch: "arm64"},
			text:  "pcapmesh version (devel) (revision 0123456789abcdef, modified, go1.26.0, darwin/arm64)\n",
			json:  `{"version":1,"pcapmesh":"(devel)","revision":"0123456789abcdef","modified":true,"go":"go1.26.0","os":"darwin","arch":"arm64"}` + "\n",
		},
		{
			name:  "no repository",
			build: report.Build{Version: "v1.2.3", Go: "go1.26.0", OS: "windows", Arch: "amd64"},
			text:  "pcapmesh version v1.2.3 (go1.26.0, windows/amd64)\n",
			json:  `{"version":1,"pcapmesh":"v1.2.3","modified":false,"go":"go1.26.0","os":"windows","arch":"amd64"}` + "\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			check(t, test.text, func(w io.Writer) error { return report.Version(w, &test.build) })
			check(t, test.json, func(w io.Writer) error { return report.VersionJSON(w, &test.build) })
		})
	}
}
