package record_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh/record"
)

// What ztunnel says went wrong is said in fewer words where it is known what they mean.
func TestReason(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"connection closed due to policy rejection: explicitly denied by: demo/deny-9001", "denied by policy demo/deny-9001"},
		{"connection closed due to policy rejection: allow policies exist, but none allowed", "denied: allow policies exist, but none allowed"},
		{"connection failed: Connection refused (os error 111)", "Connection refused (os error 111)"},
		{"http status: 401 Unauthorized", "http status: 401 Unauthorized"},
		{"no healthy upstream: 10.96.10.1:81", "no healthy upstream: 10.96.10.1:81"},
	} {
		if got := (&record.Logged{Error: tt.text}).Reason(); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
