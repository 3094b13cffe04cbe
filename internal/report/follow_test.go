package report_test

import (
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
)

func TestFollower(t *testing.T) {
	chunks := []mesh.Chunk{
		{Data: []byte("GET /\r\n"), Time: capture.Time(at(0)), Ref: capture.Ref{Packet: 4}},
		{Data: []byte("\x00\x1f ~\x7f\xff\tx\n"), Time: capture.Time(at(1)), Ref: capture.Ref{Packet: 5}},
		{Reply: true, Missing: 1, Time: capture.Time(at(2)), Ref: capture.Ref{Input: 1, Packet: 6}},
		{Reply: true, Data: []byte("ok"), Time: capture.Time(at(2)), Ref: capture.Ref{Input: 1, Packet: 6}},
	}
	for _, test := range []struct{ as, want string }{
		{"raw", "GET /\r\n\x00\x1f ~\x7f\xff\tx\nok"},
		{"ascii", `──> client
GET /
.. ~..	x

<── server

[1 bytes missing in capture]
ok
`},
		{"hex", `──> client
00000000  47 45 54 20 2f 0d 0a                              |GET /..|
00000000  00 1f 20 7e 7f ff 09 78  0a                       |.. ~...x.|

<── server

[1 bytes missing in capture]
00000000  6f 6b                                             |ok|

`},
		{"json", `{"reply":false,"time":"2026-11-30T12:00:00.000000000Z","packet":{"input":0,"number":4},"data":"R0VUIC8NCg=="}
{"reply":false,"time":"2026-11-30T12:00:00.001000000Z","packet":{"input":0,"number":5},"data":"AB8gfn//CXgK"}
{"reply":true,"time":"2026-11-30T12:00:00.002000000Z","packet":{"input":1,"number":6},"missing":1}
{"reply":true,"time":"2026-11-30T12:00:00.002000000Z","packet":{"input":1,"number":6},"data":"b2s="}
`},
	} {
		t.Run(test.as, func(t *testing.T) {
			check(t, test.want, func(w io.Writer) error {
				f := report.NewFollower(w, test.as)
				all := func(yield func(mesh.Chunk, error) bool) {
					for _, c := range chunks {
						if !yield(c, nil) {
							return
						}
					}
				}
				if err := f.All(all); err != nil {
					return err
				}
				return f.Close()
			})
		})
	}
}
