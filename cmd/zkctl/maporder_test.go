package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Go visits a map in random order. In a pure package the same input has to give
// the same bytes, or a simulation could not be replayed. So a pure package goes
// over a map's keys as slices.Sorted(maps.Keys(m)), and in no other way, unless a
// comment on the line, or right above it, says why the order does not matter.
//
// The rule does not look at what a walk does: too much that looks harmless shows
// the order, such as a sum of floats, or a search that returns what it found.

// mapWalks returns the places of one package at which the order of a map shows.
// Lookup opens the export data of an imported package.
func mapWalks(files []*ast.File, fset *token.FileSet, lookup importer.Lookup) ([]string, error) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", lookup)}
	if _, err := config.Check("x", fset, files, info); err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		excused := map[int]bool{}
		for _, group := range file.Comments {
			if strings.Contains(group.Text(), "order") {
				last := fset.Position(group.End()).Line
				excused[last], excused[last+1] = true, true
			}
		}
		complain := func(n ast.Node) {
			if at := fset.Position(n.Pos()); !excused[at.Line] {
				found = append(found, fmt.Sprintf("%s:%d: the random order of a map may show: use slices.Sorted(maps.Keys(m)), or say in a comment why the order does not matter", at.Filename, at.Line))
			}
		}
		sorted := map[ast.Node]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.RangeStmt:
				switch info.TypeOf(n.X).Underlying().(type) {
				case *types.Map, *types.Interface: // the latter is a type parameter
					complain(n)
				}
			case *ast.CallExpr:
				if name := functionOf(info, n.Fun); strings.HasPrefix(name, "slices.Sorted") {
					if call, ok := n.Args[0].(*ast.CallExpr); ok {
						sorted[call.Fun] = true
					}
				}
			case *ast.SelectorExpr:
				switch name := functionOf(info, n); name {
				case "maps.Clone", "maps.Copy", "maps.Equal":
				default:
					if strings.HasPrefix(name, "maps.") && !sorted[n] {
						complain(n)
					}
				}
			}
			return true
		})
	}
	return found, nil
}

// functionOf names the package's function that an expression is, such as "maps.Keys".
func functionOf(info *types.Info, e ast.Expr) string {
	if s, ok := e.(*ast.SelectorExpr); ok {
		if f, ok := info.Uses[s.Sel].(*types.Func); ok && f.Pkg() != nil {
			return f.Pkg().Path() + "." + f.Name()
		}
	}
	return ""
}

// exportData asks the go command for the export data of packages and what they import.
func exportData(t *testing.T, packages ...string) importer.Lookup {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, packages...)...)
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[name] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

func TestPurePackagesDoNotShowTheOrderOfMaps(t *testing.T) {
	var packages []string
	for folder, r := range layout {
		if r.pure {
			packages = append(packages, "zkctl/"+folder)
		}
	}
	lookup := exportData(t, packages...)
	for _, name := range packages {
		found, err := filepath.Glob(filepath.Join("..", "..", strings.TrimPrefix(name, "zkctl/"), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		var files []*ast.File
		for _, path := range found {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		walks, err := mapWalks(files, fset, lookup)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", name, len(files), err)
		}
		for _, w := range walks {
			t.Error(w)
		}
	}
}

// TestMapWalksAreFound checks the checker.
func TestMapWalksAreFound(t *testing.T) {
	lookup := exportData(t, "slices", "maps", "strings")
	for _, c := range []struct {
		body string
		bad  bool
	}{
		{`for _, v := range m { send(v) }`, true},
		{`for _, v := range m { if send(v) { list = nil } }`, true},
		{`for _, v := range n.inner { n.last = v }`, true},
		{`for _, v := range make2() { send(v) }`, true},
		{`for k := range m { list = append(list, k) }`, true},
		{`for range m { if send(len(m)) { break } }`, true},
		{`func() { for k := range m { send(k) } }()`, true},
		{`for k := range maps.Keys(m) { send(k) }`, true},
		{`list = slices.Collect(maps.Values(m))`, true},
		{`list = slices.Sorted(strange(maps.Keys(m)))`, true},
		{`list = slices.Sorted(maps.Keys(m)); list = slices.Collect(mm.Keys(m))`, true},
		{`maps.DeleteFunc(m, func(k, v int) bool { return send(k) })`, true},
		{`keys := maps.Keys[map[int]int]; keys(m)`, true},
		{"// The order does not matter: send ignores it.\n\nfor _, v := range m { send(v) }", true},
		{"// The order does not matter: send ignores it.\nfor _, v := range m { send(v) }", false},
		{`for _, k := range slices.Sorted(maps.Keys(m)) { send(k) }`, false},
		{`for _, v := range list { send(v) }`, false},
		{`for s := range strings.SplitSeq("a b", " ") { send(len(s)) }`, false},
		{`clear(m); delete(m, 1); m = maps.Clone(m); maps.Copy(m, n.inner)`, false},
	} {
		source := "package x\nimport (\"iter\"; \"maps\"; mm \"maps\"; \"slices\"; \"strings\")\n" +
			"type named map[int]int\ntype node struct { inner named; last int }\n" +
			"var _, _, _, _ = mm.Equal[named, named], slices.Sorted[int], strings.Fields, maps.Clone[named]\n" +
			"func make2() named { return nil }\nfunc send(int) bool { return true }\n" +
			"func strange(i iter.Seq[int]) iter.Seq[int] { for k := range i { send(k) }; return i }\n" +
			"func f(m map[int]int, n node, list []int) []int {\n" + c.body + "\nreturn list }\n"
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", source, parser.ParseComments)
		if err != nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		found, err := mapWalks([]*ast.File{file}, fset, lookup)
		if err != nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		if (len(found) > 0) != c.bad {
			t.Errorf("%s: %v, want a complaint: %v", c.body, found, c.bad)
		}
	}
}
