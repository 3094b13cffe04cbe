package profile_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/profile"
)

func TestRecognise(t *testing.T) {
	set := func(ports ...uint16) map[uint16]bool {
		m := make(map[uint16]bool)
		for _, p := range ports {
			m[p] = true
		}
		return m
	}
	for _, tt := range []struct {
		name string
		s    profile.Signs
		want string
	}{
		{"nothing", profile.Signs{}, "istio"},
		{"Istio", profile.Signs{Listeners: set(15001), Dialled: set(15008), Bound: true}, "istio"},
		{"Istio before 1.10", profile.Signs{Listeners: set(15001), Loop: true}, "istio"},
		{"Istio with TPROXY, a tunnel elsewhere", profile.Signs{Listeners: set(15001), Spoofed: true, Loop: true}, "istio"},
		{"ambient", profile.Signs{Listeners: set(15001), Spoofed: true}, "istio-ambient"},
		{"ambient, an application on loopback", profile.Signs{Listeners: set(15001), Dialled: set(15008), Spoofed: true, Loop: true}, "istio-ambient"},
		{"Linkerd, outbound", profile.Signs{Listeners: set(4140)}, "linkerd"},
		{"Linkerd, from its peers", profile.Signs{Dialled: set(4143)}, "linkerd"},
		{"Istio, and an application at 4143", profile.Signs{Listeners: set(15001), Dialled: set(4143)}, "istio"},
		{"Consul", profile.Signs{Listeners: set(15001), Dialled: set(20000), Loop: true}, "consul"},
		{"Consul, a stranger beside it", profile.Signs{Listeners: set(15001), Dialled: set(20000, 15008), Loop: true, Spoofed: true}, "consul"},
		{"Istio, and an application at 20000", profile.Signs{Listeners: set(15001), Dialled: set(20000), Loop: true, Bound: true}, "istio"},
		{"OSM", profile.Signs{Listeners: set(15001), Dialled: set(15902), Loop: true}, "osm"},
	} {
		if got := profile.Recognise(tt.s).Name; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
