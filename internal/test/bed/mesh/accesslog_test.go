//go:build linux

package mesh

import "testing"

// The lines are those that Envoy writes (istio/istio#38213, #51267).
func TestAccess(t *testing.T) {
	total := int64(12)
	http := LogLine{Kind: "http", Dir: "in", CI: "10.244.0.26", CP: 35086, FI: "10.244.0.31", FP: 80, BI: "127.0.0.6", BP: "52027", SI: "10.244.0.31", SP: "80",
		Backend: "app", Retries: "0", State: "----", T: 1648783392728, Shake: 1, Idle: 8, Active: 2, Total: &total, Start: "1648783392738", Spent: "2",
		Method: "GET", Target: "/get", Version: "HTTP/1.1", Status: 200, Host: "httpbin:8000", Agent: "curl/7.82.0-DEV", XFF: "-", ID: "200efb6c",
		Up: 83, Down: 239 + 482, Asked: "33 63 3 0 0 0 1.1", Answered: "33 96 3 0 1 0 1.1", SNI: "outbound_.8000_._.httpbin.default.svc.cluster.local"}
	refused := http
	refused.State, refused.Status, refused.Answered, refused.Length, refused.Down, refused.SNI, refused.Spent = "SC--", 503, "-", "107", 217, "-", "-"
	retried := refused
	retried.Retries, retried.Dir, retried.Backend = "2", "out", "route1"
	aborted := http
	aborted.State, aborted.Active, aborted.Status = "CH--", -1, -1
	raw := LogLine{Kind: "tcp", Dir: "out", CI: "10.0.0.93", CP: 39849, FI: "1.2.3.4", FP: 443, BI: "10.0.0.93", BP: "37018", SI: "1.2.3.4", SP: "443",
		Backend: "passthrough", Retries: "0", State: "--", T: 1589917993151, Total: &total, Up: 2279, Down: 3059}
	for _, test := range []struct {
		name string
		line LogLine
		want string
	}{
		{"served", http, `[2022-04-01T03:23:12.738Z] "GET /get HTTP/1.1" 200 - via_upstream - "-" 0 605 2 2 "-" "curl/7.82.0-DEV" "200efb6c" "httpbin:8000" "10.244.0.31:80" inbound|80|| 127.0.0.6:52027 10.244.0.31:80 10.244.0.26:35086 outbound_.8000_._.httpbin.default.svc.cluster.local default`},
		{"refused", refused, `[2022-04-01T03:23:12.738Z] "GET /get HTTP/1.1" 503 UF upstream_reset_before_response_started{remote_connection_failure,delayed_connect_error:_111} - "delayed_connect_error:_111" 0 107 2 - "-" "curl/7.82.0-DEV" "200efb6c" "httpbin:8000" "10.244.0.31:80" inbound|80|| - 10.244.0.31:80 10.244.0.26:35086 - default`},
		{"refused thrice", retried, `[2022-04-01T03:23:12.738Z] "GET /get HTTP/1.1" 503 UF,URX upstream_reset_before_response_started{remote_connection_failure,delayed_connect_error:_111} - "delayed_connect_error:_111" 0 107 2 - "-" "curl/7.82.0-DEV" "200efb6c" "httpbin:8000" "10.244.0.31:80" outbound|80||svc-2.default.svc.cluster.local - 10.244.0.31:80 10.244.0.26:35086 - default`},
		{"called off", aborted, `[2022-04-01T03:23:12.738Z] "GET /get HTTP/1.1" 0 DC downstream_remote_disconnect - "-" 0 605 3 2 "-" "curl/7.82.0-DEV" "200efb6c" "httpbin:8000" "10.244.0.31:80" inbound|80|| 127.0.0.6:52027 10.244.0.31:80 10.244.0.26:35086 outbound_.8000_._.httpbin.default.svc.cluster.local default`},
		{"raw TCP", raw, `[2020-05-19T19:53:13.151Z] "- - -" 0 - - - "-" 2279 3059 12 - "-" "-" "-" "-" "1.2.3.4:443" PassthroughCluster 10.0.0.93:37018 1.2.3.4:443 10.0.0.93:39849 - -`},
	} {
		a, ok := test.line.Access()
		if got := a.text(); !ok || got != test.want+"\n" {
			t.Errorf("%s: got\n%swant\n%s", test.name, got, test.want)
		}
	}
	if _, ok := (LogLine{Kind: "tcp"}).Access(); ok {
		t.Error("a line without times became an access log's")
	}
}

// The sizes are HAProxy's for messages of known bodies.
func TestBody(t *testing.T) {
	for _, test := range []struct {
		name  string
		bytes int64
		head  string
		want  int64
		open  bool
	}{
		{"GET", 83, "33 63 3 0 0 0 1.1", 0, false},
		{"POST", 151, "34 131 5 0 1 0 1.1", 7, false},
		{"chunked", 165, "38 140 5 1 0 0 1.1", 7, false},
		{"chunked response", 247, "33 103 3 1 0 0 1.1", 123, false},
		{"HEAD", 116, "33 96 3 0 1 0 1.1", 0, false},
		{"HTTP/2 of unknown length", 310, "31 71 2 0 0 0 2.0", 217, true},
		{"no head", 42, "-", 42, false},
	} {
		if got, open := body(test.bytes, test.head); got != test.want || open != test.open {
			t.Errorf("%s: %d bytes, open %v; want %d, %v", test.name, got, open, test.want, test.open)
		}
	}
}
