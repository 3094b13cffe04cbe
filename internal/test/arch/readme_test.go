package arch

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what README.md's commands print into README.md")

// A console is a block of README.md: commands after "$ ", each with what it
// prints.
var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// The commands of README.md print what stands below them.
func TestReadmeShowsRealRuns(t *testing.T) {
	readme := readFile(t, "README.md")
	dir := playground(t)
	build(t, filepath.Join(dir, "pcapmesh"), "./cmd/pcapmesh")
	got := console.ReplaceAllStringFunc(readme, func(block string) string {
		shown := console.FindStringSubmatch(block)[1]
		return "```console\n" + rerun(t, dir, shown) + "```"
	})
	if got == readme {
		return
	}
	if *update {
		if err := os.WriteFile(filepath.Join(root, "README.md"), []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("README.md differs from real runs (- shown, + real); -update writes them:\n%s", cmp.Diff(readme, got))
}

// rerun runs the commands of a block, and returns it with what they print. What
// cannot be run here stays as it is.
func rerun(t *testing.T, dir, block string) string {
	t.Helper()
	var out strings.Builder
	for part := range strings.SplitAfterSeq("\n"+block, "\n$ ") {
		part = strings.TrimSuffix(part, "\n$ ")
		command, shown, _ := strings.Cut(part, "\n")
		if command == "" {
			continue
		}
		out.WriteString("$ " + command + "\n")
		if tool, _, _ := strings.Cut(command, " "); tool != "go" && tool != "pcapmesh" && !has(tool) {
			t.Run(tool, func(t *testing.T) { t.Skip("needs " + tool) })
			out.WriteString(shown)
			if shown != "" && !strings.HasSuffix(shown, "\n") {
				out.WriteByte('\n')
			}
			continue
		}
		out.Write(shell(t, dir, strings.Replace(command, "go run ./cmd/pcapmesh", "pcapmesh", 1)))
	}
	return out.String()
}

func has(tool string) bool {
	_, err := exec.LookPath(tool)
	return err == nil
}

// shell runs a command line and returns what it prints.
func shell(t *testing.T, dir, command string) []byte {
	t.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return out
}

// playground returns a directory that has the shipped captures where the root
// of the module has them.
func playground(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pcaps, err := filepath.Abs(filepath.Join(root, "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(pcaps, filepath.Join(dir, "testdata")); err != nil {
		t.Skip("needs symbolic links: ", err)
	}
	return dir
}

// build builds a command of this module.
func build(t *testing.T, out, what string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", out, what)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", what, err, text)
	}
}

// The program in README.md builds and works.
func TestReadmeProgram(t *testing.T) {
	_, rest, ok := strings.Cut(readFile(t, "README.md"), "```go\n")
	if !ok {
		t.Fatal("README.md has no Go program")
	}
	program, _, _ := strings.Cut(rest, "```")
	dir := playground(t)
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	build(t, filepath.Join(dir, "program"), source)
	for _, point := range []string{"eth0", "lo"} {
		if err := os.Symlink("testdata/pcaps/inbound-plain-"+point+".pcap", filepath.Join(dir, point+".pcap")); err != nil {
			t.Fatal(err)
		}
	}
	out := string(shell(t, dir, "./program"))
	if n := strings.Count(out, "inbound 192.0.2.10:"); n != 5 || strings.Count(out, "\n") != n {
		t.Errorf("want five inbound paths, got:\n%s", out)
	}
}

// What README.md and docs link to is there.
func TestLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, page := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"} {
		for _, m := range link.FindAllStringSubmatch(readFile(t, page), -1) {
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	if n := strings.Count(readFile(t, "README.md"), "\n"); n > 200 {
		t.Errorf("README.md has %d lines, want at most 200", n)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
