package accesslog_test

// Lines that real proxies wrote; where each is from is said beside it.
const (
	// istio/istio#38213, both ends of one request.
	outboundHTTP = `[2022-04-01T03:23:12.736Z] "GET /get HTTP/1.1" 200 - via_upstream - "-" 0 605 4 3 "-" "curl/7.82.0-DEV" "200efb6c-82be-4760-8ab6-7b6af588d4fb" "httpbin:8000" "10.244.0.31:80" outbound|8000||httpbin.default.svc.cluster.local 10.244.0.26:35086 10.96.71.143:8000 10.244.0.26:41616 - default`
	inboundHTTP  = `[2022-04-01T03:23:12.738Z] "GET /get HTTP/1.1" 200 - via_upstream - "-" 0 605 2 2 "-" "curl/7.82.0-DEV" "200efb6c-82be-4760-8ab6-7b6af588d4fb" "httpbin:8000" "10.244.0.31:80" inbound|80|| 127.0.0.6:52027 10.244.0.31:80 10.244.0.26:35086 outbound_.8000_._.httpbin.default.svc.cluster.local default`

	// istio.io, task "Envoy Access Logs", before Istio 1.10.
	outbound19 = `[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 4 4 "-" "curl/7.73.0-DEV" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "10.44.1.27:80" outbound|8000||httpbin.foo.svc.cluster.local 10.44.1.23:37652 10.0.45.184:8000 10.44.1.23:46520 - default`
	inbound19  = `[2020-11-25T21:26:18.409Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 3 1 "-" "curl/7.73.0-DEV" "84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000|| 127.0.0.1:41854 10.44.1.27:80 10.44.1.23:37652 outbound_.8000_._.httpbin.foo.svc.cluster.local default`

	// nitishm/engarde, pull request 8: Istio 1.3 to 1.7.
	passthroughTCP = `[2020-05-19T19:53:38.151Z] "- - -" 0 - "-" "-" 2279 3059 63 - "-" "-" "-" "-" "1.2.3.4:443" PassthroughCluster 10.0.0.93:37018 1.2.3.4:443 10.0.0.93:39849 - -`
	// istio/istio#13551: Istio 1.1.
	inboundTCP11 = `[2019-04-23T11:02:56.481Z] "- - -" 0 - "-" 129 200 81 - "-" "-" "-" "-" "127.0.0.1:8081" inbound|8081|mgmt-8081|mgmtCluster 127.0.0.1:43756 10.16.118.7:8081 10.16.118.1:60630 -`
	// istio/istio#17850: REGISTRY_ONLY.
	blackHole = `[2020-04-15T00:02:27.874Z] "- - -" 0 UH "-" "-" 0 0 0 - "-" "-" "-" "-" "-" - - 35.170.216.115:443 10.28.1.90:59692 - -`
	// istio/istio#33281: the same as JSON, Istio 1.9.5.
	blackHoleJSON = `{"response_code":0,"upstream_service_time":null,"upstream_host":null,"upstream_local_address":null,"request_id":null,"downstream_remote_address":"172.17.3.28:35070","bytes_sent":0,"upstream_cluster":null,"upstream_transport_failure_reason":null,"authority":null,"duration":8,"response_code_details":null,"response_flags":"UH","protocol":null,"user_agent":null,"path":null,"connection_termination_details":null,"method":null,"downstream_local_address":"13.249.75.75:443","route_name":null,"x_forwarded_for":null,"requested_server_name":null,"start_time":"2021-06-04T14:35:50.462Z","bytes_received":0}`
	// istio/istio#51267: the application refuses the connection.
	refusedTCP  = `[2024-05-28T18:42:53.929Z] "- - -" 0 UF,URX - - "delayed_connect_error:_111" 0 0 0 - "-" "-" "-" "-" "100.72.2.95:7801" InboundPassthroughClusterIpv4 - 100.72.2.95:7801 100.72.9.97:33948 - -`
	refusedHTTP = `[2024-05-28T15:12:57.143Z] "POST /plugins/high-availability/event/ref-updated HTTP/1.1" 503 UF upstream_reset_before_response_started{remote_connection_failure,delayed_connect_error:_111} - "delayed_connect_error:_111" 398 152 0 - "-" "Apache-HttpClient/4.5.14 (Java/17.0.10)" "87383523-4754-4ac6-9acd-5e63d4cebb65" "redacted.svc.cluster.local:8080" "100.72.2.83:8080" inbound|8080|| - 100.72.2.83:8080 100.72.9.85:44759 - default`
	// istio.io, task "Egress Gateways": Istio 1.3, and 1.0.
	egressHTTP = `[2019-09-03T20:57:49.103Z] "GET /politics HTTP/2" 301 - "-" "-" 0 0 90 89 "10.244.2.10" "curl/7.64.0" "ea379962-9b5c-4431-ab66-f01994f5a5a5" "edition.cnn.com" "151.101.65.67:80" outbound|80||edition.cnn.com - 10.244.1.5:80 10.244.2.10:50482 edition.cnn.com -`
	egressTLS  = `[2019-01-02T11:46:46.981Z] "- - -" 0 - 627 1879689 44 - "-" "-" "-" "-" "151.101.129.67:443" outbound|443||edition.cnn.com 172.30.109.80:41122 172.30.109.80:443 172.30.109.112:59970 edition.cnn.com`
	// istio/istio#48018: the fields that were given.
	outboundJSON = `{"upstream_host":"10.42.4.107:34021","downstream_remote_address":"10.42.0.84:47918","downstream_local_address":"10.43.171.192:34021","upstream_local_address":"10.42.0.84:52930","upstream_cluster":"outbound|34021|release-brand|sapi-tenant-part.sopei-biz.svc.cluster.local"}`

	// istio/ztunnel: README.md, with a time.
	ztunnelReadme = `2024-04-19T16:31:53.568836Z  INFO access: connection complete src.addr=10.244.0.24:46238 src.workload="sleep-7656cf8794-s4wwq" src.namespace="default" src.identity="spiffe://cluster.local/ns/default/sa/sleep" dst.addr=10.244.0.42:15008 dst.hbone_addr=10.96.108.116:80 dst.service="echo.default.svc.cluster.local" direction="outbound" bytes_sent=67 bytes_recv=490 duration="13ms"`
	// istio/ztunnel#1500.
	ztunnelInbound = "2025-04-01T14:01:02.476412Z\tinfo\taccess\tconnection complete\tsrc.addr=10.244.3.9:52462 src.workload=\"simple-http-waypoint-547d6d7b8b-4xckr\" src.protocol=TCP src.namespace=\"default\" src.identity=\"spiffe://cluster.local/ns/default/sa/simple-http-waypoint\" dst.addr=10.244.3.8:15008 dst.hbone_addr=10.244.3.8:8080 dst.service=\"httpbin.default.svc.cluster.local\" dst.workload=\"httpbin-54845dfb75-4tsvd\" dst.protocol=HBONE dst.namespace=\"default\" dst.identity=\"spiffe://cluster.local/ns/default/sa/httpbin\" direction=\"inbound\" bytes_sent=564 bytes_recv=156 duration=\"5013ms\""
	// LOG_FORMAT=json.
	ztunnelJSON = `{"level":"info","time":"2026-08-10T08:19:58.950669Z","scope":"access","message":"connection complete","src.addr":"10.244.0.6:57866","src.workload":"http-client-7fc85576c4-h95l5","src.namespace":"default","src.identity":"spiffe://cluster.local/ns/default/sa/http-client-sa","dst.addr":"10.244.0.7:15008","dst.hbone_addr":"10.244.0.7:18080","dst.service":"http-service.default.svc.cluster.local","dst.workload":"http-server-7bbf596dd9-4rgdc","dst.namespace":"default","dst.identity":"spiffe://cluster.local/ns/default/sa/http-server-sa","direction":"outbound","bytes_sent":16,"bytes_recv":16,"duration":"1006ms"}`
)

// realLines are all of them.
func realLines() []string {
	return []string{
		outboundHTTP, inboundHTTP, outbound19, inbound19, passthroughTCP, inboundTCP11, blackHole, blackHoleJSON,
		refusedTCP, refusedHTTP, egressHTTP, egressTLS, outboundJSON, ztunnelReadme, ztunnelInbound, ztunnelJSON,
	}
}
