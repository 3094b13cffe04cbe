package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pcapmesh/pcapmesh/mesh"
)

// Clocks says of pods whose clock differs from that of the pod that counts by how much
// it does, and of files whose clock differs from that of their pod, one line each.
func Clocks(w io.Writer, r *mesh.Result) error {
	var b strings.Builder
	told := make(map[string]bool)
	for i := range r.Inputs {
		in := &r.Inputs[i]
		if in.Clock != nil && !told[in.Pod] {
			told[in.Pod] = true
			b.WriteString(clockText("pod "+in.Pod, in.Clock))
		}
		if in.OwnClock != nil {
			b.WriteString(clockText(in.Name, in.OwnClock))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// clockText is the line about one clock, which is whose, "" if it may be right.
func clockText(whose string, c *mesh.Clock) string {
	shared := strings.Join(c.Contradicts, " and ")
	if !c.Known {
		why := "they share no connection"
		if shared != "" {
			why = "what it shares with " + shared + " contradicts itself"
		}
		return fmt.Sprintf("clock of %s: unknown against %s, %s; nothing is joined between them by time\n", whose, c.Against, why)
	}
	if c.Offset == 0 && len(c.Steps) == 0 && shared == "" {
		return ""
	}
	s := fmt.Sprintf("clock of %s: %+.3f ms ± %.3f against %s, %s", whose, millis(c.Offset), millis(c.Error), c.Against, counted(c.Connections, "connection"))
	if ppm := c.Drift * 1e6; ppm >= 0.5 || ppm <= -0.5 {
		s += fmt.Sprintf(", drift %+.0f ppm", ppm)
	}
	for i, at := range c.Steps {
		s += ", "
		if i == 0 {
			s += "set at "
		}
		s += clock(int64(at))
	}
	if shared != "" {
		s += "; what it shares with " + shared + " contradicts that, and is not used"
	}
	return s + "\n"
}

// millis returns d in milliseconds.
func millis(d time.Duration) float64 { return float64(d) / 1e6 }
