package accesslog_test

import (
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

// A request at both ends: the sidecar of the client logs one line, that of the
// server another. What is in no access log is passed over.
func Example() {
	r := accesslog.NewReader(strings.NewReader(outboundHTTP+"\n"+"2022-04-01T03:23:13.000000Z\tinfo\tready\n"+inboundHTTP), nil)
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		c, _ := accesslog.ParseCluster(l.Cluster)
		fmt.Printf("%-8s %s > %s | %s > %s  %d\n", c.Direction, l.DownstreamRemote, l.DownstreamLocal, l.UpstreamLocal, l.UpstreamHost, l.Status)
	}
	fmt.Println(r.Lines(), "lines,", r.Skipped(), "of other logs")
	// Output:
	// outbound 10.244.0.26:41616 > 10.96.71.143:8000 | 10.244.0.26:35086 > 10.244.0.31:80  200
	// inbound  10.244.0.26:35086 > 10.244.0.31:80 | 127.0.0.6:52027 > 10.244.0.31:80  200
	// 3 lines, 1 of other logs
}

// A log of a format of its own is read with the format string that Envoy was
// given. What a Line has no place for may stand in it.
func ExampleParseFormat() {
	f, err := accesslog.ParseFormat(`%START_TIME(%s.%3f)% conn=%CONNECTION_ID% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %HOSTNAME% [%RESPONSE_FLAGS%]\n`)
	if err != nil {
		log.Fatal(err)
	}
	var l accesslog.Line
	if err := f.Parse("1648783392.736 conn=17 10.244.0.26:41616 httpbin-7f [UF,URX]", &l); err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Start, l.ConnectionID, l.DownstreamDirect, l.Flags)
	// Output: 1648783392736000000 17 10.244.0.26:41616 [UF URX]
}
