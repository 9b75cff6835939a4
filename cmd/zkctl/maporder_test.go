package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Go visits a map in random order. In a pure package that order must not get
// out: the same input has to give the same bytes, or a simulation could not be
// replayed. So each walk over a map there must be of a kind that cannot tell the
// order, or say in a comment why it does not matter:
//
//   - it collects keys or values into a slice that the same function sorts;
//   - it only fills or empties maps, counts, adds up, or takes minima and maxima;
//   - it only looks whether something is there (returns constants);
//   - a comment on the line, or right above, has the word "order".

// mapWalks returns the walks over maps in one package that could let the order out.
func mapWalks(files []*ast.File, fset *token.FileSet) []string {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	config := types.Config{
		Importer: nothing{},
		Error:    func(error) {}, // other packages are not there; what is declared here is enough
	}
	// The error says that imports are missing, which is known.
	_, _ = config.Check("x", fset, files, info)
	var found []string
	for _, file := range files {
		excused := commentsWith(file, fset, "order")
		for _, decl := range file.Decls {
			function, ok := decl.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			ast.Inspect(function.Body, func(n ast.Node) bool {
				walk, ok := n.(*ast.RangeStmt)
				if !ok || !overMap(info, walk) {
					return true
				}
				at := fset.Position(walk.Pos())
				if excused[at.Line] || excused[at.Line-1] || orderless(walk, function) {
					return true
				}
				found = append(found, fmt.Sprintf("%s:%d: a walk over a map could let its random order out; sort, or say in a comment why the order does not matter", at.Filename, at.Line))
				return true
			})
		}
	}
	return found
}

// nothing is an importer that knows no packages.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	p := types.NewPackage(path, filepath.Base(path))
	p.MarkComplete()
	return p, nil
}

// overMap reports whether a range statement walks a map, or maps.Keys and the
// like of one.
func overMap(info *types.Info, walk *ast.RangeStmt) bool {
	if call, ok := walk.X.(*ast.CallExpr); ok {
		if s, ok := call.Fun.(*ast.SelectorExpr); ok {
			x, ok := s.X.(*ast.Ident)
			return ok && x.Name == "maps"
		}
	}
	t := info.Types[walk.X].Type
	if t == nil {
		return false
	}
	_, isMap := t.Underlying().(*types.Map)
	return isMap
}

func commentsWith(file *ast.File, fset *token.FileSet, word string) map[int]bool {
	lines := map[int]bool{}
	for _, group := range file.Comments {
		if strings.Contains(group.Text(), word) {
			for line := fset.Position(group.Pos()).Line; line <= fset.Position(group.End()).Line; line++ {
				lines[line] = true
			}
		}
	}
	return lines
}

// orderless recognises the kinds of walks that cannot tell the order.
func orderless(walk *ast.RangeStmt, function *ast.FuncDecl) bool {
	for _, s := range walk.Body.List {
		if !harmless(s, function) {
			return false
		}
	}
	return true
}

func harmless(s ast.Stmt, function *ast.FuncDecl) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return harmlessAssign(s, function)
	case *ast.IncDecStmt:
		return true
	case *ast.BranchStmt:
		return s.Tok == token.CONTINUE
	case *ast.ReturnStmt:
		for _, r := range s.Results {
			if !constant(r) {
				return false
			}
		}
		return true
	case *ast.ExprStmt:
		call, ok := s.X.(*ast.CallExpr)
		if !ok {
			return false
		}
		name, ok := call.Fun.(*ast.Ident)
		return ok && (name.Name == "delete" || name.Name == "clear")
	case *ast.IfStmt:
		for _, inner := range s.Body.List {
			if !harmless(inner, function) {
				return false
			}
		}
		return s.Else == nil || harmless(s.Else, function)
	case *ast.BlockStmt:
		for _, inner := range s.List {
			if !harmless(inner, function) {
				return false
			}
		}
		return true
	case *ast.RangeStmt:
		return orderless(s, function)
	}
	return false
}

// harmlessAssign accepts what fills maps, declares locals, adds up, takes minima
// and maxima, and appends to slices that are sorted.
func harmlessAssign(s *ast.AssignStmt, function *ast.FuncDecl) bool {
	if s.Tok == token.DEFINE {
		return true
	}
	if s.Tok != token.ASSIGN { // +=, |= and so on
		return true
	}
	for i, left := range s.Lhs {
		if _, isIndex := left.(*ast.IndexExpr); isIndex {
			continue
		}
		if constant(s.Rhs[min(i, len(s.Rhs)-1)]) {
			continue
		}
		call, ok := s.Rhs[min(i, len(s.Rhs)-1)].(*ast.CallExpr)
		if !ok {
			return false
		}
		name, ok := call.Fun.(*ast.Ident)
		if !ok {
			return false
		}
		target := types.ExprString(left)
		switch {
		case name.Name == "min" || name.Name == "max":
		case name.Name == "append" && sorted(target, function):
		default:
			return false
		}
	}
	return true
}

// sorted reports whether the function sorts the slice somewhere.
func sorted(slice string, function *ast.FuncDecl) bool {
	found := false
	ast.Inspect(function.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if ok && (strings.HasPrefix(f.Sel.Name, "Sort") || f.Sel.Name == "Slice" || f.Sel.Name == "Strings") && types.ExprString(call.Args[0]) == slice {
			found = true
		}
		return true
	})
	return found
}

func constant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "true" || e.Name == "false" || e.Name == "nil"
	}
	return false
}

func TestPurePackagesDoNotLetTheOrderOfMapsOut(t *testing.T) {
	checked := 0
	for folder, r := range layout {
		if !r.pure {
			continue
		}
		fset := token.NewFileSet()
		var files []*ast.File
		entries, err := os.ReadDir(filepath.Join("..", "..", folder))
		if os.IsNotExist(err) {
			continue // it arrives with the issue that asks for it
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !isSource(e) {
				continue
			}
			file, err := parser.ParseFile(fset, filepath.Join("..", "..", folder, e.Name()), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		checked += len(files)
		for _, w := range mapWalks(files, fset) {
			t.Error(w)
		}
	}
	if checked == 0 {
		t.Error("no source of a pure package was found")
	}
}

func isSource(e fs.DirEntry) bool {
	return !e.IsDir() && strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
}

// TestMapWalkCheckerCatches holds this checker to its word, too.
func TestMapWalkCheckerCatches(t *testing.T) {
	for _, c := range []struct {
		body string
		bad  bool
	}{
		{`for k := range m { out = append(out, k) }`, true},
		{`for k := range m { out = append(out, k) }; slices.Sort(out)`, false},
		{`for k := range m { out = append(out, k) }; slices.SortFunc(out, less)`, false},
		{`for _, v := range m { send(v) }`, true},
		{`for _, v := range n.inner { send(v) }`, true},
		{`for _, v := range m { last = v }`, true},
		{`for _, v := range m { return v }`, true},
		{`for k := range maps.Keys(m) { send(k) }`, true},
		{`for k := range maps.Keys(m) { delete(m, k) }`, false},
		{`for k, v := range m { other[k] = v; total += v; least = min(least, v) }`, false},
		{`for _, v := range m { if v > 3 { return 1 } }`, false},
		{"// in any order: each is told once\nfor _, v := range m { send(v) }", false},
		{`for _, v := range list { send(v) }`, false},
		{`local := map[int]int{}; for k := range local { send(k) }`, true},
	} {
		source := "package x\nimport (\"slices\"; \"maps\")\ntype node struct { inner map[int]int }\n" +
			"func f(m map[int]int, n node, list []int, out []int) int {\n" + c.body + "\nreturn 0 }\n"
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", source, parser.ParseComments)
		if err != nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		if found := mapWalks([]*ast.File{file}, fset); (len(found) > 0) != c.bad {
			t.Errorf("%s: %v, want a complaint: %v", c.body, found, c.bad)
		}
	}
}
