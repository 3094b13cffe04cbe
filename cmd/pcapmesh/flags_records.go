package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pcapmesh/pcapmesh/mesh/accesslog"
	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// recordFlags name what else a pod left beside captures.
type recordFlags struct {
	conntrack  []string
	accessLogs []string
	logFormat  string
	rules      []string
	sockets    []string
}

// register adds the flags to a set.
func (f *recordFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.conntrack, "conntrack", nil, "`FILE` with the output of conntrack -L or -E, or /proc/net/nf_conntrack")
	fs.StringArrayVar(&f.accessLogs, "access-log", nil, "`FILE` with the proxy's access log, text or JSON, as from kubectl logs")
	fs.StringVar(&f.logFormat, "access-log-format", "", "`FORMAT` of the access log as Envoy is given it, if it is not Istio's")
	fs.StringArrayVar(&f.rules, "rules", nil, "`FILE` with iptables-save, nft list ruleset or the arguments of istio-iptables")
	fs.StringArrayVar(&f.sockets, "sockets", nil, "`FILE` with the output of ss -tnp, lsof -nPi or netstat -tnp, or /proc/net/tcp")
}

// records puts the files together. One may be given as POD=FILE, with a name
// that --pod gives.
func (f *recordFlags) records(pods []string) (record.Files, error) {
	if f.logFormat != "" {
		if _, err := accesslog.ParseFormat(f.logFormat); err != nil {
			return record.Files{}, usagef("--access-log-format wants what the proxy is given as text or JSON format", "%w", err)
		}
	}
	files := func(args []string) []record.File {
		var out []record.File
		for _, arg := range args {
			pod, file, ok := strings.Cut(arg, "=")
			if !ok || !slices.Contains(pods, pod) {
				pod, file = "", arg
			}
			out = append(out, record.File{Name: file, Pod: pod})
		}
		return out
	}
	return record.Files{Conntrack: files(f.conntrack), AccessLogs: files(f.accessLogs), AccessLogFormat: f.logFormat,
		Rules: files(f.rules), Sockets: files(f.sockets)}, nil
}

// args repeats the flags as arguments.
func (f *recordFlags) args() string {
	var out strings.Builder
	add := func(name string, values ...string) {
		for _, v := range values {
			if strings.ContainsAny(v, " \"%$") {
				v = "'" + v + "'"
			}
			fmt.Fprintf(&out, " --%s %s", name, v)
		}
	}
	add("conntrack", f.conntrack...)
	add("access-log", f.accessLogs...)
	if f.logFormat != "" {
		add("access-log-format", f.logFormat)
	}
	add("rules", f.rules...)
	add("sockets", f.sockets...)
	return out.String()
}
