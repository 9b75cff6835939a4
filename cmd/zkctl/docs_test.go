package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// markdownLink matches [text](target) where the target is a path in this repository.
var markdownLink = regexp.MustCompile(`\[([^\]]+)\]\(([^)\s]+)\)`)

var updateLinks = flag.Bool("update.links", false, "have the documents' links lead to the lines where the code is now")

// TestDocumentLinks follows every relative link of the documents that people read: the
// file exists, and a link to a line (#L12) leads to a line that has the name in the link's
// text. When code has moved, this mends the numbers:
//
//	go test ./cmd/zkctl -run TestDocumentLinks -update.links
func TestDocumentLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"))
	followed := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		mended := markdownLink.ReplaceAllStringFunc(string(text), func(found string) string {
			link := markdownLink.FindStringSubmatch(found)
			if strings.Contains(link[2], "://") || strings.HasPrefix(link[2], "#") {
				return found
			}
			followed++
			problem, line := followLink(filepath.Dir(page), link[1], link[2])
			if line > 0 && *updateLinks {
				path, _, _ := strings.Cut(link[2], "#")
				return "[" + link[1] + "](" + path + "#L" + strconv.Itoa(line) + ")"
			}
			if problem != "" {
				t.Errorf("%s: [%s](%s): %s", page, link[1], link[2], problem)
			}
			return found
		})
		if mended != string(text) {
			if err := os.WriteFile(page, []byte(mended), 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	if followed < 20 {
		t.Errorf("followed %d links; the documents have more", followed)
	}
}

// followLink says what is wrong with a link on a page in dir; empty when it is right. line
// is where the name in its text is declared, when that is another line.
func followLink(dir, text, target string) (problem string, line int) {
	path, anchor, _ := strings.Cut(target, "#")
	content, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		if info, statErr := os.Stat(filepath.Join(dir, path)); statErr != nil || !info.IsDir() {
			return err.Error(), 0
		}
		return "", 0
	}
	number, isLine := strings.CutPrefix(anchor, "L")
	if !isLine {
		return "", 0
	}
	name := strings.Trim(text, "`")
	before := `^(func (\([^)]*\) )?|type |\t)`
	if receiver, method, ok := strings.Cut(name, "."); ok {
		name, before = method, `^func \(\w+ \*?`+regexp.QuoteMeta(receiver)+`\) `
	}
	declaration := regexp.MustCompile(before + regexp.QuoteMeta(name) + `\b`)
	at := 0
	for i, l := range strings.Split(string(content), "\n") {
		if declaration.MatchString(l) {
			if strconv.Itoa(i+1) == number {
				return "", 0
			}
			if at == 0 {
				at = i + 1
			}
		}
	}
	if at == 0 {
		return "no line of the file declares " + name, 0
	}
	return "that line does not declare it; line " + strconv.Itoa(at) + " does", at
}

// TestBrokenLinks makes sure that TestDocumentLinks can fail.
func TestBrokenLinks(t *testing.T) {
	for _, c := range []struct{ text, target, wrong string }{
		{"`TestBrokenLinks`", "docs_test.go#L1", "that line does not declare it"},
		{"`absent`", "docs_test.go#L1", "no line of the file declares absent"},
		{"`main`", "main.go#L100000", "that line does not declare it"},
		{"x", "missing.go", "no such file"},
		{"x", "testdata", ""},
		{"x", "docs_test.go", ""},
	} {
		got, _ := followLink(".", c.text, c.target)
		if (got == "") != (c.wrong == "") || !strings.Contains(got, c.wrong) {
			t.Errorf("[%s](%s): %q, expected %q", c.text, c.target, got, c.wrong)
		}
	}
}

// TestDocumentedTestsExist looks up every test that a document names.
func TestDocumentedTestsExist(t *testing.T) {
	root := filepath.Join("..", "..")
	declared := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func (Test[A-Z]\w*)\(`)
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declaration.FindAllStringSubmatch(string(text), -1) {
			declared[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d documents, %v", len(pages), err)
	}
	named := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
		}
		for _, name := range regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(string(text), -1) {
			named++
			if !declared[name] {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
	if named < 40 {
		t.Errorf("%d tests are named; the documents have more", named)
	}
}

// TestLaterReleasesAreDocumented: docs/compatibility.md has a line for each answer that
// testdata/requests attributes to a later release of ZooKeeper, with the same release and the
// same issues.
func TestLaterReleasesAreDocumented(t *testing.T) {
	document, err := os.ReadFile(filepath.Join("..", "..", "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(document), "\n")
	release := regexp.MustCompile(`^3\.\d+\.\d+`)
	issues := regexp.MustCompile(`ZOOKEEPER-\d+`)
	checked := 0
	eachConversation(t, func(file string, c *conversation) {
		since := release.FindString(c.because)
		if since == "" {
			return
		}
		checked++
		found := issues.FindAllString(c.because, -1)
		if len(found) == 0 {
			t.Errorf("%s: %q names no issue", file, c.because)
		}
		for _, issue := range found {
			if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, issue) && strings.Contains(l, since) }) {
				t.Errorf("%s: docs/compatibility.md has no line with %s and %s", file, since, issue)
			}
		}
	})
	if checked < 10 {
		t.Errorf("%d conversations are of a later release; the files have more", checked)
	}
}
