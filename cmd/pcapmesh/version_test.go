package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/internal/report"
)

func TestBuildOf(t *testing.T) {
	tests := []struct {
		name string
		info *debug.BuildInfo
		want report.Build
	}{
		{name: "nothing stamped", want: report.Build{Version: "(devel)"}},
		{name: "no version", info: &debug.BuildInfo{}, want: report.Build{Version: "(devel)"}},
		{
			name: "module", info: &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}},
			want: report.Build{Version: "v1.2.3"},
		},
		{
			name: "clone",
			info: &debug.BuildInfo{
				Main:     debug.Module{Version: "v1.2.4-0.20261130000000-0123456789ab"},
				Settings: []debug.BuildSetting{{Key: "CGO_ENABLED", Value: "0"}, {Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "false"}},
			},
			want: report.Build{Version: "v1.2.4-0.20261130000000-0123456789ab", Revision: "0123456789abcdef"},
		},
		{
			name: "clone with changes",
			info: &debug.BuildInfo{
				Main:     debug.Module{Version: "(devel)"},
				Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}},
			},
			want: report.Build{Version: "(devel)", Revision: "0123456789abcdef", Modified: true},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.want.Go, test.want.OS, test.want.Arch = runtime.Version(), runtime.GOOS, runtime.GOARCH
			if diff := cmp.Diff(buildOf(test.info), &test.want); diff != "" {
				t.Errorf("- got, + want:\n%s", diff)
			}
		})
	}
}
