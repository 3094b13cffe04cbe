package report_test

import (
	"io"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh/profile"
	"github.com/pcapmesh/pcapmesh/mesh/sockets"
)

var (
	envoyPort = profile.Port{Number: 15006, Component: "envoy", Protocol: "TCP", Purpose: "inbound", Scope: profile.ScopeRedirected, Shows: "a, b", Control: true}
	appPort   = profile.Port{Number: 8080, Scope: profile.ScopeWire}
	small     = &profile.Profile{Name: "small", Title: "Small mesh", InboundPorts: []uint16{15006}, OutboundPorts: []uint16{15001}}
)

func TestPorts(t *testing.T) {
	list := []profile.Port{envoyPort, appPort}
	check(t, `PORT   COMPONENT  PROTOCOL  PURPOSE  SCOPE            IN A CAPTURE
15006  envoy      TCP       inbound  redirected only  a, b
8080                                 on the wire
`, func(w io.Writer) error { return report.Ports(w, list) })
	check(t, `PORT,COMPONENT,PROTOCOL,PURPOSE,SCOPE,IN A CAPTURE
15006,envoy,TCP,inbound,redirected only,"a, b"
8080,,,,on the wire,
`, func(w io.Writer) error { return report.PortsCSV(w, list) })
	check(t, `{"version":1,"mesh":"small","title":"Small mesh","outbound_ports":[15001],"inbound_ports":[15006],"tunnel_ports":[],"bind_sources":[],"uids":[],"ports":[{"port":15006,"component":"envoy","protocol":"TCP","purpose":"inbound","scope":"redirected only","shows":"a, b","control":true}]}
`, func(w io.Writer) error { return report.PortsJSON(w, small, list[:1]) })
}

func TestListeners(t *testing.T) {
	var workers []sockets.Process
	for pid := range 5 {
		workers = append(workers, sockets.Process{Name: "nginx", PID: 30 + pid, FD: 6})
	}
	list := []report.Listener{
		{Socket: sockets.Socket{Local: end("0.0.0.0:15006"), UID: 1337, Processes: []sockets.Process{{Name: "envoy", PID: 20, FD: -1}, {Name: "envoy", PID: 20, FD: 7}}},
			Listener: profile.Listener{Port: envoyPort, Mesh: true, Signs: []string{"process", "uid"}}},
		{Socket: sockets.Socket{Local: end("[::]:8080"), UID: -1, Processes: workers}, Listener: profile.Listener{Port: appPort}},
	}
	check(t, `PORT   ADDRESS  OWNER  COMPONENT  PURPOSE  PROCESS  PID                    UID   TOLD BY       IN A CAPTURE
15006  0.0.0.0  mesh   envoy      inbound  envoy    20                     1337  process, uid  a, b
8080   ::       app    -          -        nginx    30, 31, 32 and 2 more  -     -             -
`, func(w io.Writer) error { return report.Listeners(w, list) })
	check(t, `PORT,ADDRESS,OWNER,COMPONENT,PURPOSE,PROCESS,PID,UID,TOLD BY,IN A CAPTURE
15006,0.0.0.0,mesh,envoy,inbound,envoy,20,1337,"process, uid","a, b"
8080,::,app,,,nginx,"30, 31, 32, 33, 34",,,
`, func(w io.Writer) error { return report.ListenersCSV(w, list) })
	list[1].Processes = nil
	check(t, `{"version":1,"mesh":"small","title":"Small mesh","listeners":[{"port":15006,"component":"envoy","protocol":"TCP","purpose":"inbound","scope":"redirected only","shows":"a, b","control":true,"address":"0.0.0.0","owner":"mesh","processes":[{"name":"envoy","pid":20,"fd":null},{"name":"envoy","pid":20,"fd":7}],"uid":1337,"told_by":["process","uid"]},{"port":8080,"component":"","protocol":"","purpose":"","scope":"on the wire","shows":"","control":false,"address":"::","owner":"app","processes":[],"uid":null,"told_by":[]}]}
`, func(w io.Writer) error { return report.ListenersJSON(w, small, list) })
}

// As many processes as a cell names are named; root and descriptor 0 are known.
func TestListenerCells(t *testing.T) {
	workers := func(n int) []sockets.Process {
		var list []sockets.Process
		for i := range n {
			list = append(list, sockets.Process{Name: "nginx", PID: 30 + i})
		}
		return list
	}
	for _, tc := range []struct {
		name, pids, uid string
		socket          sockets.Socket
	}{
		{"nobody known", "-", "-", sockets.Socket{UID: -1}},
		{"root", "30", "0", sockets.Socket{Processes: workers(1)}},
		{"three", "30, 31, 32", "1", sockets.Socket{UID: 1, Processes: workers(3)}},
		{"four", "30, 31, 32 and 1 more", "1", sockets.Socket{UID: 1, Processes: workers(4)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.socket.Local = end("0.0.0.0:80")
			print := func(w io.Writer) error {
				return report.Listeners(w, []report.Listener{{Socket: tc.socket, Listener: profile.Listener{Port: appPort}}})
			}
			check(t, "PID\n"+tc.pids+"\n", func(w io.Writer) error { return column(w, "PID", print) })
			check(t, "UID\n"+tc.uid+"\n", func(w io.Writer) error { return column(w, "UID", print) })
		})
	}
	root := []report.Listener{{Socket: sockets.Socket{Local: end("0.0.0.0:80"), Processes: workers(1)}, Listener: profile.Listener{Port: appPort}}}
	check(t, `{"version":1,"mesh":"small","title":"Small mesh","listeners":[{"port":8080,"component":"","protocol":"","purpose":"","scope":"on the wire","shows":"","control":false,"address":"0.0.0.0","owner":"app","processes":[{"name":"nginx","pid":30,"fd":0}],"uid":0,"told_by":[]}]}
`, func(w io.Writer) error { return report.ListenersJSON(w, small, root) })
}
