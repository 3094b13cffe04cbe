package mesh

import (
	"slices"

	"github.com/pcapmesh/pcapmesh/internal/assign"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index/scan"
)

// probes moves the agent's own health checks out of the crossings: on behalf
// of a request to its port 15020 the agent dials the application from
// 127.0.0.6 (Istio's pilot/cmd/pilot-agent/status/server.go). They are matched
// with the control legs, never with proxied ones.
func probes(control *crossing, all []*crossing) {
	for _, c := range all {
		var up []*workLeg
		for _, l := range c.up {
			if c != control && l.probe() && probed(control.down, l) {
				l.views = markControl(l.views)
				control.up = append(control.up, l)
				continue
			}
			up = append(up, l)
		}
		if c != control {
			c.up = up
		}
	}
}

func markControl(views []view) []view {
	for i := range views {
		views[i].role = flow.RoleControl
	}
	return views
}

// probe tells whether all requests of l name kubelet as their sender.
func (l *workLeg) probe() bool {
	for i := range l.exchanges {
		if !l.exchanges[i].probe() {
			return false
		}
	}
	return len(l.exchanges) > 0
}

// probe tells whether kubelet, or the agent in its name, sent the request.
func (e *exchange) probe() bool { return e.req != nil && e.req.Is(scan.MsgProbe) }

// probed tells whether each exchange of l stands within a probe request on a
// control leg.
func probed(control []*workLeg, l *workLeg) bool {
	for i := range l.exchanges {
		u := &l.exchanges[i]
		found := false
		for _, d := range exchangesOf(control) {
			found = found || d.probe() && nests(d, u)
		}
		if !found {
			return false
		}
	}
	return true
}

// joinProbes ties the agent's probes of the application to the requests that
// asked for them. Their request lines differ: only time ties them.
func (c *crossing) joinProbes() {
	ds, us := probesOf(c.down), probesOf(c.up)
	if len(ds) == 0 || len(us) == 0 || ds[0].leg.Role != flow.RoleControl {
		return
	}
	edges := make([][]int, len(us))
	for u := range us {
		for d := range ds {
			if nests(ds[d], us[u]) {
				edges[u] = append(edges[u], d)
			}
		}
	}
	a := assign.Match(len(ds), edges)
	for u := range us {
		if a.Forced[u] {
			d := ds[a.OfUp[u]]
			c.add(&link{from: d.leg, to: us[u].leg, down: d, up: us[u], attempt: 1, confidence: sureElimined,
				evidence: []flow.Evidence{c.onlyInTime(d.leg, us[u].leg, us[u])}})
		}
	}
}

// probesOf lists the exchanges of legs that kubelet asked for.
func probesOf(legs []*workLeg) []*exchange {
	return slices.DeleteFunc(exchangesOf(legs), func(e *exchange) bool { return !e.probe() })
}
