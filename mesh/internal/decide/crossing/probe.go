package crossing

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/decide/graph"
)

// Probes moves the agent's own health checks out of the crossings: on behalf
// of a request to its port 15020 the agent dials the application from
// 127.0.0.6 (Istio's pilot/cmd/pilot-agent/status/server.go). They are matched
// with the control legs, never with proxied ones.
func Probes(control *Crossing, all []*Crossing) {
	for _, c := range all {
		var up []*graph.Leg
		for _, l := range c.Up {
			if c != control && l.Probe() && probed(control.Down, l) {
				l.Views = markControl(l.Views)
				control.Up = append(control.Up, l)
				continue
			}
			up = append(up, l)
		}
		if c != control {
			c.Up = up
		}
	}
}

func markControl(views []graph.View) []graph.View {
	for i := range views {
		views[i].Role = flow.RoleControl
	}
	return views
}

// probed reports whether each exchange of l stands within a probe request on a
// control leg.
func probed(control []*graph.Leg, l *graph.Leg) bool {
	for i := range l.Exchanges {
		u := &l.Exchanges[i]
		found := false
		for _, d := range graph.ExchangesOf(control) {
			found = found || d.Probe() && Nests(d, u)
		}
		if !found {
			return false
		}
	}
	return true
}

// JoinProbes ties the agent's probes of the application to the requests that
// asked for them. Their request lines differ: only time ties them.
func (c *Crossing) JoinProbes() {
	ds, us := probesOf(c.Down), probesOf(c.Up)
	if len(ds) == 0 || len(us) == 0 || ds[0].Leg.Role != flow.RoleControl {
		return
	}
	edges := make([][]int, len(us))
	for u := range us {
		for d := range ds {
			if Nests(ds[d], us[u]) {
				edges[u] = append(edges[u], d)
			}
		}
	}
	a := assign.Match(len(ds), edges)
	for u := range us {
		if a.Forced[u] {
			d := ds[a.OfUp[u]]
			c.Add(&graph.Link{From: d.Leg, To: us[u].Leg, Down: d, Up: us[u], Attempt: 1, Confidence: graph.SureByContents,
				Evidence: []flow.Evidence{c.onlyInTime(d.Leg, us[u].Leg, us[u])}})
		}
	}
}

// probesOf lists the exchanges of legs that kubelet asked for.
func probesOf(legs []*graph.Leg) []*graph.Exchange {
	return slices.DeleteFunc(graph.ExchangesOf(legs), func(e *graph.Exchange) bool { return !e.Probe() })
}
