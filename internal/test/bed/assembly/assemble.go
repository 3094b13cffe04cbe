//go:build linux

package assembly

import (
	"slices"
	"strings"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/mesh"
	"github.com/pcapmesh/pcapmesh/internal/test/truth"
)

// Assemble builds the truth of a finished scenario.
func Assemble(e *Evidence) (*truth.Truth, error) {
	a := &assembly{in: e, byKey: map[wireKey][]*wire{}, nat: map[string]natTable{},
		truth: &truth.Truth{Scenario: e.Name, About: e.About, Args: []string{}}}
	if err := a.read(); err != nil {
		return nil, err
	}
	if err := a.collect(e.Rec.Seal()); err != nil {
		return nil, err
	}
	for _, p := range e.Pods {
		if err := a.follow(p); err != nil {
			return nil, err
		}
	}
	for _, step := range []func() error{a.failed, a.refusals, a.idle, a.within} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	a.count()
	a.legs()
	if err := a.links(); err != nil {
		return nil, err
	}
	a.conversations()
	if err := a.checkAccess(); err != nil {
		return nil, err
	}
	a.truth.Lookups = e.Lookups
	return a.truth, a.describe()
}

// read loads the logs of the proxies and the NAT tables of their pods.
func (a *assembly) read() error {
	for _, p := range a.in.Pods {
		if err := p.ReadLog(); err != nil {
			return err
		}
		nat, err := a.in.natTable(p)
		if err != nil {
			return err
		}
		a.nat[p.Name] = nat
	}
	var err error
	a.masks, err = a.in.masked()
	return err
}

// describe adds pods, files and arguments.
func (a *assembly) describe() error {
	for _, p := range a.in.Pods {
		if a.in.Captured(p.Name) {
			a.truth.Pods = append(a.truth.Pods, truth.Pod{Name: p.Name, IP: p.IP.String(), IPv6: a.in.address6(p),
				ProxyUID: p.Rules.UID, OutboundPort: p.Rules.Out, InboundPort: p.Rules.In})
		}
	}
	files, err := a.in.files()
	if err != nil {
		return err
	}
	a.truth.Files = files
	var places []string
	for _, f := range files {
		if !slices.Contains(places, f.Pod) {
			places = append(places, f.Pod)
		}
	}
	for _, p := range places {
		var names []string
		for _, f := range files {
			if f.Pod == p {
				names = append(names, f.Name)
			}
		}
		if len(places) > 1 {
			a.truth.Args = append(a.truth.Args, "--pod", p+"="+strings.Join(names, ","))
		}
	}
	a.truth.Keys, err = a.in.WriteKeys()
	return err
}

func (e *Evidence) address6(p *mesh.Pod) string {
	if e.V6 {
		return p.IP6.String()
	}
	return ""
}
