package accesslog_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
)

func TestParseCluster(t *testing.T) {
	for name, want := range map[string]accesslog.Cluster{
		"outbound|8000||httpbin.foo.svc.cluster.local": {Direction: "outbound", Port: 8000, Host: "httpbin.foo.svc.cluster.local"},
		"outbound|34021|release-brand|x.svc":           {Direction: "outbound", Port: 34021, Subset: "release-brand", Host: "x.svc"},
		"inbound|8080||":                               {Direction: "inbound", Port: 8080},
		"inbound|8081|mgmt-8081|mgmtCluster":           {Direction: "inbound", Port: 8081, Subset: "mgmt-8081", Host: "mgmtCluster"},
		"inbound-vip|8000|http|barista.caffeine.svc":   {Direction: "inbound-vip", Port: 8000, Subset: "http", Host: "barista.caffeine.svc"},
		"PassthroughCluster":                           {Fixed: "PassthroughCluster"},
		"BlackHoleCluster":                             {Fixed: "BlackHoleCluster"},
		"InboundPassthroughCluster":                    {Fixed: "InboundPassthroughCluster"},
		"InboundPassthroughClusterIpv4":                {Fixed: "InboundPassthroughClusterIpv4"},
		"InboundPassthroughClusterIpv6":                {Fixed: "InboundPassthroughClusterIpv6"},
	} {
		for _, end := range []string{"", ";"} {
			got, ok := accesslog.ParseCluster(name + end)
			if !ok || got != want || got.String() != name {
				t.Errorf("%s: %+v, %v, printed as %s", name+end, got, ok, got)
			}
		}
	}
	for _, name := range []string{"", "xds-grpc", "outbound|8000|", "outbound|x||h", "outbound|65536||h", "outbound|+1||h", "outbound|-1||h", "|80||h", "outbound|||"} {
		if c, ok := accesslog.ParseCluster(name); ok || c != (accesslog.Cluster{}) {
			t.Errorf("%q is read as %+v", name, c)
		}
	}
}
