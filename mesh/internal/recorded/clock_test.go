package recorded

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// Times in the records of a pod are by its clock, and put right as its packets are.
// Records of no pod in particular stay as they are.
func TestRecordsOfAPodWithAnotherClock(t *testing.T) {
	const hour = int64(3600e9)
	for _, tt := range []struct {
		pod  string
		want int64 // how much later the record's times become
	}{{"p", hour}, {"", 0}, {"q", 0}} {
		x, from, _ := dialled(t)
		x.Correct(0, "p", func(t int64) int64 { return t + hour }) // its clock, and this capture, is an hour behind
		line := "%START_TIME(%s.%9f)% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS%\n"
		files := new(record.Files)
		files.AccessLogFormat = line
		written, _ := given(t, record.AccessLog, fmt.Sprintf("%d.%09d %s\n", (from+hour-tt.want)/1e9, (from+hour-tt.want)%1e9, client))
		for _, f := range written.Of(record.AccessLog) {
			f.Pod = tt.pod
			files.Add(record.AccessLog, f)
		}
		rs := readBeside(t, files, x)
		if len(rs.Lines) != 1 || rs.Lines[0].Start != from+hour {
			t.Errorf("pod %q: %d lines, %+v", tt.pod, len(rs.Lines), rs.Lines)
		}
	}
}
