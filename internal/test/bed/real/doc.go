// Package real has the scenarios whose proxies are real ones: Envoys, configured as
// Istio does. They need what package envoy finds.
//
// What they look like on the wire is Envoy's own affair; a scenario only arranges who
// calls whom. Those of the stand-ins are in package scene.
package real
