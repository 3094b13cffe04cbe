// Package accesslog reads the access logs of Envoy, Istio and ztunnel.
//
// A [Reader] takes a log and gives its lines as values: when the exchange
// began, the addresses of both legs, what was asked and how it ended. It finds
// out per line what it is: one of Istio's default text formats of any version,
// Istio's default JSON, or ztunnel's line as text or JSON, each also behind
// what kubectl logs, the container runtime or docker put before it. Other log
// lines are counted and passed over. What looks like an access log and cannot
// be read is counted as malformed, and the rest of the file is used.
//
// Logs of another shape are read with a [Format], compiled from the same
// format string that Envoy was given.
//
// One line names both legs of one exchange: DownstreamRemote to
// DownstreamLocal, and UpstreamLocal to UpstreamHost. The package knows no
// captures; what a line ties together is decided elsewhere.
package accesslog
