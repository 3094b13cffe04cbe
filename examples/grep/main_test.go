package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pcapmesh/pcapmesh/mesh"
)

const pcaps = "../../testdata/pcaps/"

func TestRun(t *testing.T) {
	var out strings.Builder
	files := []string{pcaps + "inbound-plain-eth0.pcap", pcaps + "inbound-plain-lo.pcap"}
	if err := run(t.Context(), &out, regexp.MustCompile(`^GET .*delay=3|^HTTP/1.1 2`), files...); err != nil {
		t.Fatal(err)
	}
	if asked, answered := strings.Count(out.String(), ` > "GET `), strings.Count(out.String(), ` < "HTTP/1.1 200 OK"`); asked < 2 || answered < 10 ||
		strings.Count(out.String(), "\n") != asked+answered || !strings.HasPrefix(out.String(), "stream 0 ") {
		t.Errorf("%d requests and %d responses in\n%s", asked, answered, out.String())
	}
	out.Reset()
	if err := run(t.Context(), &out, regexp.MustCompile("x-request-id"), "nowhere.pcap", files[0]); err == nil || out.Len() == 0 {
		t.Errorf("with a file that is missing: %v, and\n%s", err, out.String())
	}
	if err := run(t.Context(), &out, regexp.MustCompile("x"), "nowhere.pcap"); err == nil {
		t.Error("a file that is missing is no error")
	}
}

// Lines are found though packets cut them, and what is missing joins nothing.
func TestText(t *testing.T) {
	var out strings.Builder
	said := text{who: ">"}
	pattern := regexp.MustCompile("ab|cd")
	for _, c := range []mesh.Chunk{{Data: []byte("xa")}, {Data: []byte("b\r\nc")}, {Missing: 5}, {Data: []byte("d\nno\n")}, {Data: []byte("cd")}} {
		said.add(c)
		said.print(&out, 7, pattern)
	}
	if got, want := out.String(), "stream 7 > \"xab\"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if string(said.rest) != "cd" {
		t.Errorf("left %q, want what is no whole line", said.rest)
	}
}
