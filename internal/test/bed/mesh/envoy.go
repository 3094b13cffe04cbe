//go:build linux

package mesh

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/envoy"
	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Exact is what only Envoy's own log tells of an attempt.
type Exact struct {
	Conn, UpConn  int  // the proxy's numbers of the client's and of the server's connection, from 1; 0: none
	Attempt       int  // from 1
	Last          bool // it is the attempt that was answered from
	Copy          bool // it is none, but a copy for another service
	Asked, Served int  // the number of the exchange on either connection, from 0
	Multiplexed   bool // the client speaks HTTP/2
	Tried         time.Time
	Host          netip.AddrPort // where the attempt should go
}

// InjectEnvoy makes h a pod whose sidecar is a real Envoy. Of the configuration it
// sets what is the pod's.
func (m *Mesh) InjectEnvoy(h *world.Host, ca *Authority, c envoy.Config) (*Pod, error) {
	rules := IstioDefaults()
	if c.Gateway > 0 {
		rules = Interception{UID: rules.UID, In: c.Gateway}
	}
	program, err := m.envoyProgram()
	if err != nil {
		return nil, err
	}
	if c.Cert, err = ca.Issue(h.Name); err != nil {
		return nil, err
	}
	c.Pod, c.IP, c.Out, c.In, c.CA = h.Name, h.IP, rules.Out, rules.In, ca.File
	if c.Workers == 0 {
		c.Workers = 2 // Istio's default
	}
	for name, f := range map[string]*string{"-access.log": &c.Access, "-envoy.log": &c.Truth, "-envoy-keys.txt": &c.Keys} {
		*f = filepath.Join(m.Tmp, h.Name+name)
		if err := m.lend(*f, rules.UID); err != nil {
			return nil, err
		}
	}
	text, err := c.Bootstrap()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(m.Tmp, h.Name+"-envoy.yaml")
	if err := os.WriteFile(conf, text, 0o644); err != nil {
		return nil, err
	}
	if c.Gateway == 0 {
		err = m.redirect(h, rules)
	}
	if err != nil {
		return nil, err
	}
	p := &Pod{Host: h, Rules: rules, Log: c.Truth, Envoy: &c}
	m.Pods = append(m.Pods, p)
	id := strconv.Itoa(rules.UID)
	p.Process, err = m.Start(h, filepath.Join(m.Tmp, h.Name+"-envoy.out"), "setpriv", "--reuid", id, "--regid", id, "--clear-groups", "--pdeathsig", "KILL",
		program, "-c", conf, "--concurrency", strconv.Itoa(c.Workers), "--disable-hot-restart", "-l", "warning",
		"--drain-time-s", "45", "--drain-strategy", "immediate", "--file-flush-interval-msec", "500")
	if err != nil {
		return nil, err
	}
	return p, m.Wait("envoy of "+h.Name, p.Process, func() bool { return h.Listens(rules.In) && (rules.Out == 0 || h.Listens(rules.Out)) })
}

// lend makes an empty file that the proxy's user may write.
func (m *Mesh) lend(name string, uid int) error {
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		return err
	}
	return os.Chown(name, uid, uid)
}

// envoyProgram is a copy of Envoy where the proxy's user may reach it: the original
// may lie in a home directory.
func (m *Mesh) envoyProgram() (string, error) {
	to := filepath.Join(m.Tmp, "envoy")
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	from, err := envoy.Find()
	if err != nil {
		return "", err
	}
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return "", err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return "", err
	}
	return to, out.Close()
}

// EndEnvoys ends the Envoys when captures are over, so that their logs are whole,
// and takes the secrets that they wrote.
func (m *Mesh) EndEnvoys() error {
	for _, p := range m.Pods {
		if p.Envoy == nil {
			continue
		}
		if err := p.Process.End(syscall.SIGTERM); err != nil {
			return err
		}
		if err := m.Keys.Load(p.Envoy.Keys); err != nil {
			return err
		}
	}
	return nil
}

// readEnvoy reads Envoy's log: what it passed on, and whom it accepted.
func (p *Pod) readEnvoy(text []byte) error {
	lines, err := envoy.Parse(text)
	if err != nil {
		return err
	}
	for i := range lines {
		if l := &lines[i]; l.Kind == envoy.Conn {
			p.Accepted = append(p.Accepted, converted(envoy.Exchange{Line: l}, envoy.Attempt{Line: l}))
		}
	}
	all, err := envoy.Exchanges(lines)
	if err != nil {
		return fmt.Errorf("%w: %w", world.ErrAgain, err)
	}
	for _, x := range all {
		p.Lines = append(p.Lines, attempts(x)...)
	}
	return nil
}

// attempts is a line for each attempt of a request, or for the request alone if it
// had none.
func attempts(x envoy.Exchange) (out []LogLine) {
	for _, t := range x.Copies {
		l := converted(x, t)
		l.Status, l.Exact.Last, l.Exact.Copy = t.Status, false, true
		out = append(out, l)
	}
	if len(x.Tries) == 0 {
		return append(out, converted(x, envoy.Attempt{Line: x.Line}))
	}
	for i, t := range x.Tries {
		l := converted(x, t)
		l.Retries, l.Exact.Attempt, l.Exact.Last = strconv.Itoa(len(x.Tries)-1), i+1, i == len(x.Tries)-1
		if !l.Exact.Last {
			l.Status = t.Status
		}
		out = append(out, l)
	}
	return out
}

// converted is what a request's line and that of one of its attempts say, in the
// form of the other proxies' logs.
func converted(x envoy.Exchange, try envoy.Attempt) LogLine {
	l := LogLine{Kind: "http", Dir: x.Way, Method: x.Method, Target: x.Target, ID: x.ID, Status: x.Status,
		Up: x.Received, Down: x.Sent, T: x.Began().UnixMilli(), Retries: "0",
		Exact: &Exact{Conn: from1(x.Conn), UpConn: from1(try.UpConn), Attempt: 1, Last: true, Asked: x.Asked, Served: try.Served,
			Multiplexed: x.Protocol == "HTTP/2", Tried: try.Tried(), Host: envoy.Address(try.Host)}}
	if x.Kind != envoy.Request {
		l.Kind = "tcp"
	}
	if x.TLS != "" {
		l.Keys = "-"
	}
	if strings.Contains(try.Flags, "UC") {
		l.State = "SD" // HAProxy: server, data
	}
	l.CI, l.CP = split(envoy.Address(x.Client))
	l.FI, l.FP = split(envoy.Address(x.Dialled))
	l.BI, l.BP = ends(envoy.Address(try.From))
	l.SI, l.SP = ends(envoy.Address(try.To))
	return l
}

// from1 counts from 1 what Envoy counts from 0.
func from1(n *int) int {
	if n == nil {
		return 0
	}
	return *n + 1
}

// ends is an address as HAProxy writes it.
func ends(a netip.AddrPort) (ip, port string) {
	if !a.IsValid() {
		return "-", "-"
	}
	return a.Addr().String(), strconv.Itoa(int(a.Port()))
}
