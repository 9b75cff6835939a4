package simulation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestDocumentedInvariants holds the package's documentation to naming every invariant
// as a failure prints it.
func TestDocumentedInvariants(t *testing.T) {
	files := token.NewFileSet()
	page, err := parser.ParseFile(files, "doc.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	code, err := parser.ParseFile(files, "oracle.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, found := page.Doc.Text(), 0
	ast.Inspect(code, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "inv") {
			return true
		}
		found++
		name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, name) {
			t.Errorf("doc.go does not name the invariant %q", name)
		}
		return true
	})
	if found < 20 {
		t.Errorf("found only %d invariants in oracle.go", found)
	}
}
