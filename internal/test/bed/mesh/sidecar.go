//go:build linux

package mesh

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"text/template"

	"github.com/pcapmesh/pcapmesh/internal/test/bed/world"
)

// Sidecar is the configuration of the HAProxy that stands in for Envoy.
type Sidecar struct {
	Inbound, Outbound string // "http", "tcp"
	Reuse             string // of upstream connections: "always", "never"
	NoIDs             bool   // sets no x-request-id
	Gateway           bool   // sets x-forwarded-for
	RetryOn           string // statuses of the application that are retried
	Routes            []Route
	Retries           int    // of a connection that is refused
	Patience          string // for a connection, and between retries of one server; "": five seconds
	TLSIn             string // certificate file of an inbound mTLS listener
	Permissive        bool   // with TLSIn: plaintext is served on the same port
	ALPN              string // what TLSIn offers; "": Istio's for HTTP/1.1
	MaxTLS            string // highest version of TLS anywhere, such as "TLSv1.2"
	CA                string
	App               string // where the application is dialled; "": the original destination from 127.0.0.6
	Workers           int    // threads, each with upstream connections of its own; 0: one
	AppH2             bool   // the application is spoken to in HTTP/2
	Strip             bool   // takes x-app-instance from responses
	Burn              string // Lua file that spends time on each request and response, or ""
	Fair              bool   // with Burn: takes things up nearly in the order in which they come, as an event loop does that handles each to its end

	Name, Pass string // set by Inject
	UID        int
	In, Out    int
	AddrIn     string
	AddrOut    string
}

// Route sends what was dialled to one address to an endpoint, as Envoy's
// clusters do; everything else goes where it was dialled.
type Route struct {
	VIP, Endpoint netip.AddrPort
	TLS           string // certificate file for mTLS, or ""
	// Spare is tried where Endpoint refuses, if it is valid.
	Spare netip.AddrPort
}

const (
	commonFields = `"ci":"%ci","cp":%cp,"fi":"%fi","fp":%fp,"bi":"%bi","bp":"%bp","si":"%si","sp":"%sp","backend":"%b","retries":"%rc","state":"%tsc","up":%U,"down":%B,"t":%Ts%ms,"total":%Tt`

	// httpFields need variables: at the end of an exchange, when the log is
	// written, its messages are gone. The quantities are explained at LogLine.
	httpFields = `,"shake":%Th,"idle":%Ti,"active":%Ta,"rid":"%[var(txn.rid)]","method":"%HM","target":"%HU","version":"%HV","status":%ST,` +
		`"start":"%[var(txn.start)]","host":"%[var(txn.host)]","agent":"%[var(txn.agent)]","xff":"%[var(txn.xff)]","spent":"%[var(txn.spent)]",` +
		`"asked":"%[var(txn.asked)]","answered":"%[var(txn.answered)]","length":"%[var(txn.length)]","unit":"%[var(txn.unit)]"`

	sniField = `,"sni":"%[ssl_fc_sni]"`
)

// sidecarConfig has one thread if possible: with more, 2.6 loses log lines under
// load, and the log is part of the truth.
var sidecarConfig = template.Must(template.New("haproxy").Parse(`global
  nbthread {{if .Workers}}{{.Workers}}
  tune.idle-pool.shared off{{else}}1{{end}}
  maxconn 4000
  log stdout len 4096 format raw local0
  tune.ssl.keylog on
  ssl-server-verify none
{{- if .MaxTLS}}
  ssl-default-bind-options ssl-max-ver {{.MaxTLS}}
  ssl-default-server-options ssl-max-ver {{.MaxTLS}}
{{- end}}
{{- if .Burn}}
  tune.lua.forced-yield 100000000
{{- if .Fair}}
  tune.sched.low-latency on
  tune.runqueue-depth 16
{{- end}}
  lua-load {{.Burn}}
{{- end}}
defaults
  log global
  timeout connect {{.Patience}}
  retries {{.Retries}}
  timeout client 60s
  timeout server 60s
  unique-id-format %[uuid()]
{{- define "format"}}
  log-format '{"kind":"{{.Kind}}","dir":"{{.Dir}}",{{.Common}}{{.Keys}}}'
{{- end}}
{{- define "request"}}
  http-request set-var(txn.start) date(0,ms)
  http-request set-var-fmt(txn.asked) "%[internal.htx_blk.size(head)] %[req.hdrs,length] %[req.fhdr_cnt] %[req.fhdr_cnt(transfer-encoding)] %[req.fhdr_cnt(content-length)] %[req.fhdr_cnt(trailer)] %[req.ver]"
  http-request set-var(txn.host) req.hdr(host)
  http-request set-var(txn.unit) req.hdr(x-size)
  http-request set-var(txn.agent) req.hdr(user-agent)
{{- if not .NoIDs}}
  http-request set-header x-request-id %[unique-id] unless { req.hdr(x-request-id) -m found }
{{- end}}
  http-request set-header x-forwarded-proto {{if .TLS}}https{{else}}http{{end}}
{{- if .Gateway}}
  http-request set-header x-forwarded-for %[src]
  http-request set-var(txn.xff) req.hdr(x-forwarded-for)
{{- end}}
  http-request set-var(txn.rid) req.hdr(x-request-id)
  http-response set-var-fmt(txn.answered) "%[internal.htx_blk.size(head)] %[res.hdrs,length] %[res.fhdr_cnt] %[res.fhdr_cnt(transfer-encoding)] %[res.fhdr_cnt(content-length)] %[res.fhdr_cnt(trailer)] %[res.ver]"
  http-after-response set-var(txn.length) res.hdr(content-length)
  http-response set-var(txn.spent) date(0,ms),sub(txn.start)
  http-response set-header x-envoy-upstream-service-time %[var(txn.spent)]
  http-response set-header server istio-envoy
{{- if .Strip}}
  http-response del-header x-app-instance
{{- end}}
{{- if .Burn}}
  http-request lua.burn
  http-response lua.burnt
{{- end}}
{{- end}}
{{- range .Fronts}}
frontend {{.Name}}
  mode {{.Inbound}}
  bind {{.Bind}}
{{- if eq .Inbound "http"}}{{template "request" .}}
{{- if .TLS}}
  http-request set-header x-forwarded-client-cert By=spiffe://cluster.local/ns/default/sa/{{.Name}};Subject=\"%[ssl_c_s_dn]\"
{{- end}}{{end}}{{template "format" .Format}}
  default_backend {{if .Gateway}}route0{{else}}app{{end}}
{{- end}}
{{- if .Permissive}}
frontend inbound
  mode tcp
  no log
  bind {{.AddrIn}}
  tcp-request inspect-delay 5s
  tcp-request content accept if { req.len gt 0 }
  use_backend mtls if { req.ssl_hello_type 1 }
  default_backend plain
backend mtls
  mode tcp
  server mtls {{.Inner "mtls"}} send-proxy-v2
backend plain
  mode tcp
  server plain {{.Inner "plain"}} send-proxy-v2
{{- end}}
backend app
  mode {{.Inbound}}
{{- if eq .Inbound "http"}}
  http-reuse {{.Reuse}}
{{- if .RetryOn}}
  option http-buffer-request
  retries 3
  retry-on {{.RetryOn}}
{{- end}}{{end}}
  server app {{if .App}}{{.App}}{{else}}0.0.0.0:0 source {{.Pass}}{{end}} pool-purge-delay 60s{{if .AppH2}} proto h2{{end}}
{{- if .Out}}
frontend outbound
  mode {{.Outbound}}
  bind {{.AddrOut}}
{{- if eq .Outbound "http"}}{{template "request" .Front}}
  http-request set-header x-envoy-attempt-count 1
  http-request set-header x-envoy-decorator-operation {{.Name}}.default.svc.cluster.local:80/*
  http-request set-header x-envoy-peer-metadata-id sidecar~{{.Name}}~default.svc.cluster.local
  http-request set-header x-envoy-peer-metadata ChQKDkFQUF9DT05UQUlORVJTEgIaAAoaCgpDTFVTVEVSX0lEEgwaCkt1YmVybmV0ZXM=
{{- end}}{{template "format" .FormatOut}}
{{- range $i, $r := .Routes}}
  use_backend route{{$i}} if { dst {{$r.VIP.Addr}} } { dst_port {{$r.VIP.Port}} }
{{- end}}
  default_backend passthrough
{{- end}}
backend passthrough
  mode {{.Outbound}}
{{- if eq .Outbound "http"}}
  http-reuse {{.Reuse}}
{{- end}}
  server orig 0.0.0.0:0 pool-purge-delay 60s
{{- $s := .}}
{{- range $i, $r := .Routes}}
backend route{{$i}}
  mode {{$s.Outbound}}
{{- if eq $s.Outbound "http"}}
  http-reuse {{$s.Reuse}}
{{- end}}
  server endpoint {{$r.Endpoint}} pool-purge-delay 60s{{if $r.TLS}} ssl crt {{$r.TLS}} ca-file {{$s.CA}} verify required sni str(` + ServerName + `) alpn istio{{end}}
{{- if $r.Spare.IsValid}}
  option redispatch 1
  server spare {{$r.Spare}} pool-purge-delay 60s
{{- end}}
{{- end}}

`))

type logFormat struct{ Kind, Dir, Common, Keys string }

// front is one of the proxy's listeners.
type front struct {
	Sidecar
	Name, Bind string
	TLS        bool
}

// Front is the plaintext listener's part of a front end.
func (s Sidecar) Front() front { return front{Sidecar: s} }

// Fronts are the inbound front ends: one, or in permissive mode one for TLS
// and one for plaintext behind a listener that looks at the first bytes.
func (s Sidecar) Fronts() []front {
	secure := " ssl crt " + s.TLSIn + " ca-file " + s.CA + " verify required alpn " + cmp.Or(s.ALPN, "istio-peer-exchange,istio,http/1.1")
	switch {
	case s.TLSIn == "":
		return []front{{s, "inbound", s.AddrIn, false}}
	case !s.Permissive:
		return []front{{s, "inbound", s.AddrIn + secure, true}}
	}
	return []front{{s, "inbound-mtls", s.Inner("mtls") + " accept-proxy" + secure, true},
		{s, "inbound-plain", s.Inner("plain") + " accept-proxy", false}}
}

// Inner names a listener inside the proxy; UNIX sockets show in no capture.
func (s Sidecar) Inner(name string) string { return "abns@" + name }

// Format is the log format of a front end.
func (f front) Format() logFormat {
	l := logFormat{Kind: f.Inbound, Dir: "in", Common: fieldsOf(f.Inbound)}
	switch {
	case f.TLS && f.MaxTLS == "TLSv1.2":
		l.Keys = sniField + masterKey
	case f.TLS:
		l.Keys = sniField + frontKeys
	}
	return l
}

func fieldsOf(kind string) string {
	if kind == "http" {
		return commonFields + httpFields
	}
	return commonFields
}

// FormatOut is the log format of the outbound front end.
func (s Sidecar) FormatOut() logFormat {
	return logFormat{Kind: s.Outbound, Dir: "out", Common: fieldsOf(s.Outbound)}
}

func (s *Sidecar) ready(h *world.Host) bool {
	if strings.HasPrefix(s.AddrIn, "abns@") {
		return h.Bound(s.AddrIn) && h.Bound(s.AddrOut)
	}
	return h.Listens(s.In) && (s.Out == 0 || h.Listens(s.Out))
}

// fill puts the defaults of Istio where nothing was said.
func (s *Sidecar) fill() {
	or := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	or(&s.Inbound, "http")
	or(&s.Outbound, "http")
	or(&s.Reuse, "always")
	or(&s.Pass, "127.0.0.6")
	or(&s.Patience, "5s")
	or(&s.AddrIn, fmt.Sprintf(":%d", s.In))
	or(&s.AddrOut, fmt.Sprintf(":%d", s.Out))
}
