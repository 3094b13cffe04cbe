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
	fmt.Println("read by", f)
	// Output:
	// 2022-04-01T03:23:12.736Z 17 10.244.0.26:41616 [UF URX]
	// read by %START_TIME(%s.%3f)% conn=%CONNECTION_ID% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %HOSTNAME% [%RESPONSE_FLAGS%]\n
}

// Where the time of a request went: on its way in, at the server, on its way
// out. Envoy counts from when the request began.
func ExampleFormat() {
	f, err := accesslog.ParseFormat(`%START_TIME% %PROTOCOL% %REQ(:METHOD)% %REQ(:PATH)% %DURATION% %REQUEST_DURATION% %RESPONSE_DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %UPSTREAM_REQUEST_ATTEMPT_COUNT%`)
	if err != nil {
		log.Fatal(err)
	}
	var l accesslog.Line
	if err := f.Parse("2022-04-01T03:23:12.736Z HTTP/2 PUT /photo 250 180 230 45 2", &l); err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Protocol, l.Method, l.Path, "at", l.Start, "to", l.Resolution)
	fmt.Println("sent by the client:", l.RequestDuration)
	fmt.Println("answered by the server:", l.ServiceTime, "after attempts:", l.Attempts)
	fmt.Println("sent to the client:", l.Duration-l.ResponseDuration)
	// Output:
	// HTTP/2 PUT /photo at 2022-04-01T03:23:12.736Z to 1ms
	// sent by the client: 180ms
	// answered by the server: 45ms after attempts: 2
	// sent to the client: 20ms
}

// Who asks, and what for: what a sidecar logs of a request, and of a connection
// that it forwards as bytes.
func ExampleLine() {
	r := accesslog.NewReader(strings.NewReader(egressHTTP+"\n"+refusedTCP+"\n"+outboundJSON), nil)
	count := make(map[accesslog.Kind]int)
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		count[l.Kind]++
		switch l.Kind {
		case accesslog.HTTP:
			fmt.Println(l.Method, l.Authority+l.Path, "for", l.UserAgent, "on", l.ForwardedFor, "id", l.RequestID)
			fmt.Println("asked for by name:", l.SNI)
		case accesslog.TCP:
			fmt.Println(l.DownstreamRemote, "got", l.BytesSent, "bytes:", l.Flags, l.TransportFailure)
		case accesslog.Unknown: // the format does not have what tells
			fmt.Println(l.UpstreamLocal, "to", l.UpstreamHost)
		}
	}
	fmt.Println(count)
	// Output:
	// GET edition.cnn.com/politics for curl/7.64.0 on 10.244.2.10 id ea379962-9b5c-4431-ab66-f01994f5a5a5
	// asked for by name: edition.cnn.com
	// 100.72.9.97:33948 got 0 bytes: [UF URX] delayed_connect_error:_111
	// 10.42.0.84:52930 to 10.42.4.107:34021
	// map[unknown:1 http:1 tcp:1]
}

// What ztunnel logs of a connection: who spoke with whom, by the identities that
// both proved.
func ExampleLine_ztunnel() {
	r := accesslog.NewReader(strings.NewReader(ztunnelInbound+"\n"+
		`2025-04-01T14:01:02.476412Z	error	access	connection complete	src.addr=10.244.3.9:52463 src.workload="sleep" dst.addr=10.244.3.8:15008 direction="outbound" bytes_sent=0 bytes_recv=0 duration="1ms" error="connection refused"`), nil)
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		if l.Kind != accesslog.Ztunnel {
			continue
		}
		fmt.Println(l.Direction, "from", l.DownstreamRemote, "of", l.SrcWorkload)
		if l.Error != "" {
			fmt.Println("  failed:", l.Error)
			continue
		}
		fmt.Println("  in namespace", l.SrcNamespace, "as", l.SrcIdentity)
		fmt.Println("  to", l.HBONEAddr, "of", l.DstWorkload, "for", l.DstService)
		fmt.Println("  in namespace", l.DstNamespace, "as", l.DstIdentity)
	}
	// Output:
	// inbound from 10.244.3.9:52462 of simple-http-waypoint-547d6d7b8b-4xckr
	//   in namespace default as spiffe://cluster.local/ns/default/sa/simple-http-waypoint
	//   to 10.244.3.8:8080 of httpbin-54845dfb75-4tsvd for httpbin.default.svc.cluster.local
	//   in namespace default as spiffe://cluster.local/ns/default/sa/httpbin
	// outbound from 10.244.3.9:52463 of sleep
	//   failed: connection refused
}

// What TLS and heads add to bodies. Ids of connections tie the lines of one run
// of the proxy.
func ExampleFormat_Parse() {
	f, err := accesslog.ParseFormat(`{
		"down": "%CONNECTION_ID%", "up": "%UPSTREAM_CONNECTION_ID%", "in": "%BYTES_RECEIVED%", "out": "%BYTES_SENT%",
		"down_in": "%DOWNSTREAM_WIRE_BYTES_RECEIVED%", "down_out": "%DOWNSTREAM_WIRE_BYTES_SENT%",
		"up_in": "%UPSTREAM_WIRE_BYTES_RECEIVED%", "up_out": "%UPSTREAM_WIRE_BYTES_SENT%"}`)
	if err != nil {
		log.Fatal(err)
	}
	var l accesslog.Line
	if err := f.Parse(`{"down":17,"up":40,"in":1000,"out":20000,"down_in":1230,"down_out":20180,"up_out":1310,"up_in":20310}`, &l); err != nil {
		log.Fatal(err)
	}
	fmt.Println("connection", l.ConnectionID, "adds", l.DownstreamWireReceived-l.BytesReceived, "and", l.DownstreamWireSent-l.BytesSent)
	fmt.Println("connection", l.UpstreamConnectionID, "adds", l.UpstreamWireSent-l.BytesReceived, "and", l.UpstreamWireReceived-l.BytesSent)
	// Output:
	// connection 17 adds 230 and 180
	// connection 40 adds 310 and 310
}

// How often each cluster was chosen. Its name says where to, and what was dialled.
func ExampleParseCluster() {
	r := accesslog.NewReader(strings.NewReader(strings.Join([]string{outboundHTTP, outboundHTTP, outboundJSON, passthroughTCP}, "\n")), nil)
	var order []accesslog.Cluster
	count := make(map[accesslog.Cluster]int)
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		c, ok := accesslog.ParseCluster(l.Cluster)
		if !ok {
			continue
		}
		if count[c]++; count[c] == 1 {
			order = append(order, c)
		}
	}
	for _, c := range order {
		if c.Fixed != "" {
			fmt.Println(count[c], "by no service:", c.Fixed)
			continue
		}
		fmt.Printf("%d %s: port %d of %s, subset %q\n", count[c], c.Direction, c.Port, c.Host, c.Subset)
	}
	// Output:
	// 2 outbound: port 8000 of httpbin.default.svc.cluster.local, subset ""
	// 1 outbound: port 34021 of sapi-tenant-part.sopei-biz.svc.cluster.local, subset "release-brand"
	// 1 by no service: PassthroughCluster
}

// What cannot be read is counted, and the first three such lines are kept; what
// is of another log is passed over.
func ExampleReader() {
	r := accesslog.NewReader(strings.NewReader(strings.Join([]string{
		outboundHTTP,
		"2022-04-01T03:23:13.000000Z\tinfo\tready",
		outboundHTTP[:60],
		`{"start_time":"yesterday"}`,
	}, "\n")), nil)
	for {
		l, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("line", l.Number, l.Kind, l.Method, l.Path)
	}
	show := func(m accesslog.Malformed) { fmt.Printf("line %d: %s\n  %s\n", m.Line, m.Why, m.Text) }
	n, first := r.Malformed()
	fmt.Println(n, "of", r.Lines(), "lines cannot be read,", r.Skipped(), "is of another log")
	for _, m := range first {
		show(m)
	}
	// Output:
	// line 1 http GET /get
	// 2 of 4 lines cannot be read, 1 is of another log
	// line 3: no known access log format; give its format string
	//   [2022-04-01T03:23:12.736Z] "GET /get HTTP/1.1" 200 - via_ups
	// line 4: cannot read "yesterday" of key "start_time"
	//   {"start_time":"yesterday"}
}
