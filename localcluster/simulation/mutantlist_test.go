package simulation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Every mutant can be put into the source as it is now, and every test that is
// here because of a defect has a mutant with which it must fail.
func TestMutantsAreComplete(t *testing.T) {
	challenged := map[string]bool{}
	for _, test := range slices.Concat(knownDefects(t), corpusTests(t)) {
		challenged[test] = false
	}
	names := map[string]bool{}
	for i := range mutants {
		m := &mutants[i]
		m.applied(t)
		mutantNamed(t, m.with)
		if names[m.name] {
			t.Errorf("two mutants are named %s", m.name)
		}
		names[m.name] = true
		if m.runs == 0 && len(m.tests) == 0 {
			t.Errorf("%s: nothing is expected to find it", m.name)
		}
		for _, test := range m.tests {
			name := test
			if _, known := challenged[name]; !known {
				name, _, _ = strings.Cut(test, "/") // of which it is one case
			}
			if _, known := challenged[name]; !known {
				t.Errorf("%s: there is no %s", m.name, test)
			}
			challenged[name] = true
		}
	}
	for test, by := range challenged {
		if !by {
			t.Errorf("%s: no mutant shows that it can fail", test)
		}
	}
}

// knownDefects are the tests of the files known_*.
func knownDefects(t *testing.T) []string {
	t.Helper()
	var names []string
	files, err := filepath.Glob("known_*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}

func corpusTests(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, path := range corpusFiles(t) {
		names = append(names, "TestCorpus/"+corpusName(path))
	}
	return names
}
