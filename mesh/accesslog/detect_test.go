package accesslog_test

import (
	"fmt"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// What becomes of a line that looks like one of an access log at first sight, or
// like one of the proxy's own; with a format that is given and without.
func TestOtherLines(t *testing.T) {
	const custom = "%CONNECTION_ID%|%UPSTREAM_LOCAL_ADDRESS%"
	const (
		nothing = "nothing"
		read    = "read"
		other   = "other"
		broken  = "broken"
	)
	const access = "2024-01-01T00:00:00.1Z\tinfo\taccess\tconnection complete\t"
	for _, tc := range []struct{ in, plain, custom string }{
		{"[", other, broken}, {"[x", other, broken}, {"[2022-04-01", other, broken}, {"[2022-04-01T", other, broken}, {"[2022-04-01 ", other, broken},
		{"[2022-04-01T03:23:12.736Z] started", other, broken}, {`[2022-04-01T03:23:12.736Z] "`, broken, broken}, {`[2022-04-01T03:23:12.736Z "`, other, broken}, {`(2022-04-01T03:23:12.736Z] "GET / HTTP/1.1"`, other, broken},
		{"[2024-05-28 18:42:53.929][15][critical][main] x", other, other}, {"(2024-05-28 18:42:53.929][15] x", other, broken}, {"[2024/05/28 18:42:53.929][15] x", other, broken},
		{"[2024-05-28_18:42:53.929][15] x", other, broken}, {"[2024-05-28 18:42:53.929] x", other, broken}, {"[2024-05-28 ][", other, other}, {"[2024-05-28 ]", other, broken},
		{"2024-01-01T00:00:00.1Z\tinfo\tx", other, other}, {"2024-01-01T00:00:00.1Z  INFO x", other, other}, {"2024-01-01T00:00:00.1Z\tcritical\tx", other, other}, {"2024-01-01T00:00:00.1Z\tcriticals\tx", other, broken},
		{"2024-01-01T00:00:00.1Z\tnotice\tx", other, broken}, {"2024-01-01T00:00:00.1Z", other, broken}, {"2024-01-01T00:00:00.1Z\t", other, broken}, {"2024-01-01T00:00:00.1Z ", nothing, nothing},
		{access + "src.addr=10.0.0.1:5", read, read}, {access + "dst.addr=10.0.0.1:5", other, other}, {access + "src.addr=10.0.0.1:5 word", broken, broken}, {access + "src.addr=10.0.0.1:5 two words=x", broken, broken},
		{access + "src.addr=10.0.0.1:5 duration=x", broken, broken}, {access + "src.addr=10.0.0.1:5 error=\"x", broken, broken}, {access + "src.addr=10.0.0.1:5 new=\"x y\" error=\"x\"", read, read},
		{"2024-01-01T00:00:00.1Z\tinfo\taccess\tconnection opened\tsrc.addr=10.0.0.1:5", other, other}, {"2024-01-01T00:00:00.1Zinfo connection complete\tsrc.addr=10.0.0.1:5", other, other},
		{"x connection complete\tsrc.addr=10.0.0.1:5", other, broken},
		{"17|10.0.0.1:80", other, read}, {"17|10.0.0.1:80 ", other, broken}, {"", nothing, nothing}, {" ", nothing, nothing},
		{"[pod/a/b] ", nothing, nothing}, {"[pod/a/b", other, broken}, {"[pod/a/b] 17|10.0.0.1:80", other, read},
		{"stdout F 17|10.0.0.1:80", other, read}, {"stderr F 17|10.0.0.1:80", other, read}, {"stdout X 17|10.0.0.1:80", other, broken}, {"stdout F", nothing, nothing}, {"stdout F:x 17|10.0.0.1:80", other, read},
		{"{}", other, other}, {"{", broken, broken}, {`{"a":1}`, other, other}, {`{"upstream_host":"x"}`, read, read}, {`{"src.addr":null}`, read, read},
	} {
		for _, by := range []struct{ format, want string }{{"", tc.plain}, {custom, tc.custom}} {
			t.Run(fmt.Sprintf("%q %s", tc.in, by.format), func(t *testing.T) {
				var f *accesslog.Format
				if by.format != "" {
					f = format(t, by.format)
				}
				lines, r := readAll(t, tc.in+"\n", f)
				n, first := r.Malformed()
				got := map[[3]int]string{{0, 0, 0}: nothing, {1, 0, 0}: read, {0, 1, 0}: other, {0, 0, 1}: broken}[[3]int{len(lines), r.Skipped(), n}]
				if got != by.want {
					t.Errorf("%s, want %s: %v", got, by.want, first)
				}
			})
		}
	}
}
