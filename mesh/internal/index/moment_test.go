package index_test

import (
	"testing"

	"github.com/pcapmesh/pcapmesh/capture"
	"github.com/pcapmesh/pcapmesh/mesh/internal/index"
)

// moments stand in their order.
var moments = []index.Moment{
	moment(1, 1, 9), moment(2, 0, 5), moment(2, 0, 6), moment(2, 1, 1), moment(2, 1, 2), moment(3, 0, 0),
}

func moment(nanos int64, input, packet uint32) index.Moment {
	return index.Moment{Nanos: nanos, Ref: capture.Ref{Input: input, Packet: packet}}
}

func TestMoments(t *testing.T) {
	for i, a := range moments {
		for j, b := range moments {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%+v compared to %+v is %d, want %d", a, b, got, want)
			}
			if a.Nanos == 2 && b.Nanos == 2 { // of one moment
				if got := index.Before(a.Ref, b.Ref); got != (i < j) {
					t.Errorf("%+v before %+v: %v, want %v", a.Ref, b.Ref, got, i < j)
				}
			}
		}
	}
}
