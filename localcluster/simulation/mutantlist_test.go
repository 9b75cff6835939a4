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

// unchallenged are the known defects and cases of the corpus that no mutant
// brings about, and why.
var unchallenged = map[string]string{}

// Every mutant can be put into the source as it is now, and every test that is
// here because of a defect has shown that it can fail.
func TestMutantsAreComplete(t *testing.T) {
	tests := map[string]bool{} // challenged
	for _, name := range append(knownDefects(t), corpusTests(t)...) {
		tests[name] = false
	}
	names := map[string]bool{}
	for i := range mutants {
		m := &mutants[i]
		m.applied(t)
		if names[m.name] {
			t.Errorf("two mutants are named %s", m.name)
		}
		names[m.name] = true
		if m.runs == 0 && len(m.tests) == 0 {
			t.Errorf("%s: nothing is expected to find it", m.name)
		}
		for _, test := range m.tests {
			if _, ok := tests[test]; !ok {
				t.Errorf("%s: there is no %s", m.name, test)
			}
			tests[test] = true
		}
	}
	for test, challenged := range tests {
		if strings.HasPrefix(test, "TestZOO") {
			continue
		}
		if reason, listed := unchallenged[test]; challenged == listed {
			t.Errorf("%s: failed by a mutant: %v, listed as unchallenged: %q", test, challenged, reason)
		}
	}
	for test := range unchallenged {
		if _, ok := tests[test]; !ok {
			t.Errorf("unchallenged: there is no %s", test)
		}
	}
}

// knownDefects are the tests named after issues of ZooKeeper.
func knownDefects(t *testing.T) []string {
	t.Helper()
	var names []string
	files, err := filepath.Glob("known*_test.go")
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
	return slices.Sorted(slices.Values(names))
}
