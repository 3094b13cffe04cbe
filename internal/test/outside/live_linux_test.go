package outside

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture/live"
)

// An interface that is not there cannot be listened to.
func TestLive(t *testing.T) {
	var s *live.Source
	if _, err := live.Open("no such interface"); err == nil || s != nil {
		t.Error("no error")
	}
}
