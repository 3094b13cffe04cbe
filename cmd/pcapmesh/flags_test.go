package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// described writes inputs as pod/interface=file.
func described(ins []mesh.Input) string {
	var out []string
	for _, in := range ins {
		out = append(out, in.Pod+"/"+in.Interface+"="+in.Name)
	}
	return strings.Join(out, " ")
}

// Files, groups and interface names make inputs.
func TestInputs(t *testing.T) {
	for _, tc := range []struct {
		name       string
		files      []string
		pods       []string
		interfaces []string
		want       string // "": refused
	}{
		{"files", []string{"a.pcap", "b.pcap"}, nil, nil, "/=a.pcap /=b.pcap"}, {"pods", nil, []string{"a=x.pcap,y.pcap", "b=z.pcap"}, nil, "a/=x.pcap a/=y.pcap b/=z.pcap"}, {"both", []string{"a.pcap"}, []string{"b=z.pcap"}, nil, "/=a.pcap b/=z.pcap"},
		{"interfaces", []string{"dir/a.pcap", "b.pcap"}, nil, []string{"eth0=a.pcap", "lo=b.pcap"}, "/eth0=dir/a.pcap /lo=b.pcap"}, {"an interface by path", []string{"dir/a.pcap"}, nil, []string{"eth0=dir/a.pcap"}, "/eth0=dir/a.pcap"}, {"an interface of two", []string{"x/a.pcap", "y/a.pcap"}, nil, []string{"eth0=a.pcap"}, "/eth0=x/a.pcap /eth0=y/a.pcap"},
		{"none", nil, nil, nil, ""}, {"a pod without files", nil, []string{"a="}, nil, ""}, {"files without a pod", nil, []string{"=a.pcap"}, nil, ""}, {"no pod", nil, []string{"a.pcap"}, nil, ""},
		{"an interface of no input", []string{"a.pcap"}, nil, []string{"eth0=b.pcap"}, ""}, {"no interface", []string{"a.pcap"}, nil, []string{"=a.pcap"}, ""}, {"an interface alone", []string{"eth0"}, nil, []string{"eth0"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := &inputFlags{pods: tc.pods, interfaces: tc.interfaces}
			ins, err := f.inputs(tc.files)
			if got := described(ins); got != tc.want || (err != nil) != (tc.want == "") || err != nil && exitStatus(err) != 2 {
				t.Errorf("%s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestKnownPods(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"10.0.0.1", "[{ [10.0.0.1]}]"}, {"web=10.0.0.1", "[{web [10.0.0.1]}]"}, {"::ffff:10.0.0.1", "[{ [10.0.0.1]}]"}, {"web=fd00::1", "[{web [fd00::1]}]"}, {"", ""}, {"web=", ""}, {"web", ""}, {"10.0.0.1=web", ""},
	} {
		pods, err := (&inputFlags{podIPs: []string{tc.in}}).knownPods()
		if got := fmt.Sprint(pods); (err != nil) != (tc.want == "") || err == nil && got != tc.want {
			t.Errorf("%q: %s, %v; want %s", tc.in, got, err, tc.want)
		}
	}
	if pods, err := new(inputFlags).knownPods(); pods != nil || err != nil {
		t.Errorf("of none: %v, %v", pods, err)
	}
}

// The networks of a cluster are given as such, or as the command line of what
// knows them.
func TestNetworks(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"10.244.0.0/16", "[10.244.0.0/16]"}, {"192.168.0.0/12,fd00::/48", "[192.160.0.0/12 fd00::/48]"}, {"kube-controller-manager --cluster-cidr=10.244.0.0/16 --service-cluster-ip-range=10.96.0.0/12", "[10.244.0.0/16]"}, {`- "--cluster-cidr=10.244.0.0/16"`, "[10.244.0.0/16]"},
		{"--cluster-cidr 10.244.0.0/16", "[10.244.0.0/16]"}, {"--cluster-cidr=", ""}, {"x", ""}, {"10.0.0.0/33", ""}, {"--cluster-cidr=10.0.0.0/33", ""},
	} {
		n, err := (&networkFlags{pods: []string{tc.in}}).networks()
		if got := fmt.Sprint(n.Pods); (err != nil) != (tc.want == "") || err == nil && (got != tc.want || n.Services != nil) {
			t.Errorf("%q: %s, %v; want %s", tc.in, got, err, tc.want)
		}
	}
	n, err := (&networkFlags{services: []string{"kube-apiserver --service-cluster-ip-range=10.96.0.0/12"}}).networks()
	if err != nil || fmt.Sprint(n.Services, n.Pods == nil) != "[10.96.0.0/12] true" {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := (&networkFlags{services: []string{"x"}}).networks(); err == nil || !strings.HasPrefix(err.Error(), "--service-cidr") {
		t.Errorf("error %v", err)
	}
}

// A file of records may be of a pod, if there is one of that name.
func TestRecordFlags(t *testing.T) {
	var f recordFlags
	f.files[record.Conntrack] = []string{"web=ct.txt", "db=ct.txt", "ct.txt", "=x"}
	f.files[record.Rules] = []string{"web=rules.txt"}
	got, err := f.records([]string{"web", "other"})
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(got.Of(record.Conntrack), got.Of(record.Rules), got.Of(record.Sockets)); s != "[{ct.txt web} {db=ct.txt } {ct.txt } {=x }] [{rules.txt web}] []" {
		t.Error(s)
	}
	if got, want := f.args(), " --conntrack web=ct.txt --conntrack db=ct.txt --conntrack ct.txt --conntrack =x --rules web=rules.txt"; got != want {
		t.Errorf("as arguments: %s, want %s", got, want)
	}
	f = recordFlags{logFormat: "%START_TIME% x"}
	f.files[record.AccessLog] = []string{"my log"}
	if got, want := f.args(), " --access-log 'my log' --access-log-format '%START_TIME% x'"; got != want {
		t.Errorf("as arguments: %s, want %s", got, want)
	}
	if _, err := f.records(nil); err != nil {
		t.Error(err)
	}
	f.logFormat = "no operator"
	if _, err := f.records(nil); err == nil || exitStatus(err) != 2 {
		t.Errorf("a format that is none: %v", err)
	}
}

func TestTableFlags(t *testing.T) {
	for _, tc := range []struct {
		f    tableFlags
		want string
	}{
		{tableFlags{limit: 50}, "{50 false true}"}, {tableFlags{limit: 50, all: true}, "{0 false true}"}, {tableFlags{limit: 1, noNames: true}, "{1 false false}"},
	} {
		if got := fmt.Sprint(*tc.f.options()); got != tc.want {
			t.Errorf("%+v: %s, want %s", tc.f, got, tc.want)
		}
	}
}

func TestChoice(t *testing.T) {
	var value string
	c := oneOf(&value, "text", "json")
	if value != "text" || c.String() != "text" || c.Type() != "text|json" {
		t.Errorf("%q, %s, %s", value, c, c.Type())
	}
	if err := c.Set("xml"); err == nil || value != "text" {
		t.Errorf("%v, %q", err, value)
	}
	if err := c.Set("json"); err != nil || value != "json" {
		t.Errorf("%v, %q", err, value)
	}
}
