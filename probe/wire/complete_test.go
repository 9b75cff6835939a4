package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryRecordIsListed reads this package's source for types with a Decode method,
// so that a record added tomorrow is tested or the test fails.
func TestEveryRecordIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, construct := range records {
		listed[nameOf(construct())] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no source files: %v", err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Decode" {
				continue
			}
			star, ok := fn.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				t.Errorf("%s: Decode on something that is not a pointer", name)
				continue
			}
			found++
			if record := star.X.(*ast.Ident).Name; !listed[record] {
				t.Errorf("%s is a record that no test knows: add it to records", record)
			}
		}
	}
	if found != len(listed) {
		t.Errorf("%d records in the source, %d in the list", found, len(listed))
	}
}
