package role

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
	"github.com/pcapmesh/pcapmesh/mesh/internal/testindex"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

// Each shape is one sign.
func TestSee(t *testing.T) {
	for _, tt := range []struct {
		name string
		d    dialled
		want profile.Signs
	}{
		{"on the wire", dialled{"eth0", client, app, "", ""}, profile.Signs{Dialled: map[uint16]bool{8080: true}}},
		{"a redirect", dialled{"lo", out, vip, "127.0.0.1:4140", ""}, profile.Signs{Listeners: map[uint16]bool{4140: true}}},
		{"DNAT to the pod", dialled{"lo", "127.0.0.1:40000", "127.0.0.1:8080", app, ""}, profile.Signs{Loop: true}},
		{"127.0.0.6", dialled{"lo", "127.0.0.6:40000", app, "", ""}, profile.Signs{Bound: true}},
		{"within loopback", dialled{"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", ""}, profile.Signs{Loop: true}},
		{"from loopback to the pod", dialled{"lo", "127.0.0.1:40000", app, "", ""}, profile.Signs{}},
		{"from the pod to loopback", dialled{"lo", out, "127.0.0.1:8080", "", ""}, profile.Signs{}},
		{"the pod to itself", dialled{"lo", out, app, "", ""}, profile.Signs{}},
		{"a client's address", dialled{"lo", client, app, "", ""}, profile.Signs{Spoofed: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, legs := legsOf(t, testindex.Of(play([]dialled{tt.d})))
			s := profile.Signs{Listeners: map[uint16]bool{}, Dialled: map[uint16]bool{}}
			see(&s, legs[0])
			if tt.want.Listeners == nil {
				tt.want.Listeners = map[uint16]bool{}
			}
			if tt.want.Dialled == nil {
				tt.want.Dialled = map[uint16]bool{}
			}
			if diff := cmp.Diff(tt.want, s); diff != "" {
				t.Errorf("signs, -want +got:\n%s", diff)
			}
		})
	}
}

// All connections together show a mesh.
func TestRecognise(t *testing.T) {
	for _, tt := range []struct {
		name string
		ds   []dialled
		want string
	}{
		{"nothing", nil, "istio"},
		{"a client", []dialled{{"eth0", client, app, "", ""}}, "istio"},
		{"its listener", []dialled{{"lo", out, vip, "127.0.0.1:4140", ""}}, "linkerd"},
		{"peers and a call within loopback", []dialled{{"eth0", client, pod + ":20000", "", ""}, {"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", ""}}, "consul"},
		{"the same beside 127.0.0.6", []dialled{{"eth0", client, pod + ":20000", "", ""}, {"lo", "127.0.0.1:40000", "127.0.0.1:8080", "", ""}, {"lo", "127.0.0.6:40000", app, "", ""}}, "istio"},
		{"a client's address", []dialled{{"lo", out, vip, proxy, ""}, {"lo", client, app, "", ""}}, "istio-ambient"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var legs []*graph.Leg
			if len(tt.ds) > 0 {
				_, legs = legsOf(t, testindex.Of(play(tt.ds)))
			}
			if got := Recognise(legs).Name; got != tt.want {
				t.Errorf("recognised %s, want %s", got, tt.want)
			}
		})
	}
}
