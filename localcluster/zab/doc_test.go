package zab

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedActions holds the table of the paper's actions to functions that
// there are.
func TestDocumentedActions(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	files, methods, doc := token.NewFileSet(), map[string]bool{}, ""
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if name == "doc.go" {
			doc = file.Doc.Text()
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
				methods[star.X.(*ast.Ident).Name+"."+f.Name.Name] = true
			}
		}
	}
	named := regexp.MustCompile(`Node\.\w+`).FindAllString(doc, -1)
	if len(named) < 15 {
		t.Errorf("the documentation names only %d functions", len(named))
	}
	for _, name := range named {
		if !methods[name] {
			t.Errorf("doc.go names %s, which there is not", name)
		}
	}
}
