package simulation

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestDocumentedInvariants holds the package's documentation to naming every invariant,
// and every promise of package history, as a failure prints it.
func TestDocumentedInvariants(t *testing.T) {
	files := token.NewFileSet()
	page, err := parser.ParseFile(files, "doc.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	text, found := page.Doc.Text(), 0
	for _, name := range []string{"oracle.go", "../../inject/history/verdict.go"} {
		code, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(code, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			found++
			name, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, name) {
				t.Errorf("doc.go does not name the invariant %q", name)
			}
			return true
		})
	}
	if found < 20 {
		t.Errorf("found only %d invariants", found)
	}
}
