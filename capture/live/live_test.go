//go:build linux

package live_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/live"
)

func TestOpenLiveOfNoInterface(t *testing.T) {
	if _, err := live.Open("no such interface"); err == nil {
		t.Error("no error")
	}
}
