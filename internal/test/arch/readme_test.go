package arch

import (
	"flag"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what the commands of README.md and docs print into them")

// A console is a block of a page: commands after "$ ", each with what it prints.
var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// The commands of README.md and docs print what stands below them. Each page has
// a directory of its own, so that it needs no other page to be read first.
func TestReadmeShowsRealRuns(t *testing.T) {
	bin := t.TempDir()
	build(t, filepath.Join(bin, "pcapmesh"), "./cmd/pcapmesh")
	for _, page := range append(docs(t), "README.md") {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			dir := playground(t)
			if err := os.Symlink(filepath.Join(bin, "pcapmesh"), filepath.Join(dir, "pcapmesh")); err != nil {
				t.Fatal(err)
			}
			text := readFile(t, page)
			got := console.ReplaceAllStringFunc(text, func(block string) string {
				shown := console.FindStringSubmatch(block)[1]
				return "```console\n" + rerun(t, dir, shown) + "```"
			})
			if got == text {
				return
			}
			if *update {
				if err := os.WriteFile(filepath.Join(root, page), []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s differs from real runs (- shown, + real); -update writes them:\n%s", page, cmp.Diff(text, got))
		})
	}
}

// docs lists the pages of docs.
func docs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pages in docs: %v", err)
	}
	var pages []string
	for _, f := range files {
		pages = append(pages, "docs/"+filepath.Base(f))
	}
	return pages
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

// build builds a command of this module: a package, or files.
func build(t *testing.T, out string, what ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-buildvcs=false", "-o", out}, what...)...)
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

// What README.md and docs link to is there: the file, and in it the heading.
func TestLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]+))?\)`)
	for _, page := range append(docs(t), "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md") {
		for _, m := range link.FindAllStringSubmatch(readFile(t, page), -1) {
			to := page
			if m[1] != "" {
				to = path.Join(path.Dir(page), m[1])
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if m[2] != "" && !slices.Contains(anchors(readFile(t, to)), m[2]) {
				t.Errorf("%s links to %s#%s: no such heading", page, to, m[2])
			}
		}
	}
}

// anchors lists the headings of a page, as links name them.
func anchors(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\pL\pN _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
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
