package report_test

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/pcapmesh/pcapmesh/internal/report"
	"github.com/pcapmesh/pcapmesh/mesh"
	"github.com/pcapmesh/pcapmesh/mesh/flow"
)

func TestConfidenceHasFourDecimals(t *testing.T) {
	for _, test := range []struct {
		confidence float64
		want       string
	}{
		{0, "0"},
		{0.00004, "0"},
		{0.5, "0.5"},
		{2.0 / 3, "0.6667"},
		{0.99, "0.99"},
		{0.99996, "0.9999"}, // certainty is proven, and nothing is rounded up to it
		{1, "1"},
	} {
		var out bytes.Buffer
		r := &mesh.Result{Joins: []flow.Join{{Confidence: test.confidence}}}
		if err := report.JSON(&out, r); err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`"confidence":([^,]*)`).FindSubmatch(out.Bytes())
		if m == nil || string(m[1]) != test.want {
			t.Errorf("confidence %v is printed as %s, want %s", test.confidence, m, test.want)
		}
	}
}
