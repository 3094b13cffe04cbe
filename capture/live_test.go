//go:build linux

package capture_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
)

func TestOpenLiveOfNoInterface(t *testing.T) {
	if _, err := capture.OpenLive("no such interface"); err == nil {
		t.Error("no error")
	}
}
