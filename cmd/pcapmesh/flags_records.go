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
	files     [len(recordUsage)][]string // by kind
	logFormat string
}

// recordUsage explains the flag of each kind of records, whose name it has.
var recordUsage = [...]string{
	record.Conntrack: "`FILE` with the output of conntrack -L or -E, or /proc/net/nf_conntrack",
	record.AccessLog: "`FILE` with the proxy's access log, text or JSON, as from kubectl logs",
	record.Rules:     "`FILE` with iptables-save, nft list ruleset or the arguments of istio-iptables",
	record.Sockets:   "`FILE` with the output of ss -tnp, lsof -nPi or netstat -tnp, or /proc/net/tcp",
}

// register adds the flags to a set.
func (f *recordFlags) register(fs *pflag.FlagSet) {
	for _, kind := range record.Kinds() {
		fs.StringArrayVar(&f.files[kind], kind.String(), nil, recordUsage[kind])
	}
	fs.StringVar(&f.logFormat, "access-log-format", "", "`FORMAT` of the access log as Envoy is given it, if it is not Istio's")
}

// records puts the files together. One may be given as POD=FILE, with a name
// that --pod gives.
func (f *recordFlags) records(pods []string) (record.Files, error) {
	out := record.Files{AccessLogFormat: f.logFormat}
	if f.logFormat != "" {
		if _, err := accesslog.ParseFormat(f.logFormat); err != nil {
			return out, usagef("--access-log-format wants what the proxy is given as text or JSON format", "%w", err)
		}
	}
	for _, kind := range record.Kinds() {
		for _, arg := range f.files[kind] {
			pod, file, ok := strings.Cut(arg, "=")
			if !ok || !slices.Contains(pods, pod) {
				pod, file = "", arg
			}
			out.Add(kind, record.File{Name: file, Pod: pod})
		}
	}
	return out, nil
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
	for _, kind := range record.Kinds() {
		add(kind.String(), f.files[kind]...)
		if kind == record.AccessLog && f.logFormat != "" {
			add("access-log-format", f.logFormat)
		}
	}
	return out.String()
}
