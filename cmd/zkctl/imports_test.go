package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule says what one folder may use.
type rule struct {
	// imports are the folders of this module it may import; "x/..." is x and all below.
	imports []string
	// pure folders compute and nothing else: only the standard packages of
	// purePackages, no goroutines, no clock.
	pure bool
	// tests folders may be imported by tests only.
	tests bool
	// also names what a pure folder may import beyond purePackages and pure folders.
	also []string
}

// layout is the one place that says which folder may import which:
//
//	quorum <- probe <- inject <- localcluster <- commands <- cmd
//
// Each folder may import only folders to its left, and among the sub-folders
// only what their sentence in the design needs. A folder that is not here fails the test.
var layout = map[string]rule{
	"quorum":        {pure: true},
	"quorum/zoocfg": {pure: true, imports: []string{"quorum"}},
	"probe":         {imports: []string{"quorum/...", "probe/..."}},
	"probe/wire":    {pure: true},
	"probe/peers":   {tests: true},
	"inject":        {imports: []string{"quorum/...", "probe/...", "inject/..."}},
	"inject/link":   {imports: []string{"probe/wire"}},
	// Of inject and link it uses what reads text, and no link.
	"inject/scenario": {pure: true, imports: []string{"inject", "inject/link"}, also: []string{"inject", "inject/link", "go.yaml.in/yaml/v3"}},

	"inject/report":  {imports: []string{"probe/wire", "inject/..."}},
	"inject/history": {pure: true, imports: []string{"probe/wire"}},
	"inject/drill":   {imports: []string{"quorum/...", "probe/...", "inject/..."}},

	"localcluster":          {imports: []string{"quorum/...", "probe/...", "inject/...", "localcluster/..."}},
	"localcluster/zab":      {pure: true, imports: []string{"quorum", "probe/wire"}},
	"localcluster/datatree": {pure: true, imports: []string{"probe/wire"}, also: []string{"github.com/tidwall/btree"}},
	"localcluster/storage":  {imports: []string{"probe/wire", "localcluster/datatree", "localcluster/zab"}},
	"localcluster/peer":     {imports: []string{"probe/wire"}},
	"localcluster/replica":  {pure: true, imports: []string{"probe/wire", "localcluster/zab", "localcluster/datatree"}},
	"localcluster/member": {imports: []string{"quorum/...", "probe/wire", "localcluster/zab", "localcluster/datatree",
		"localcluster/replica", "localcluster/storage", "localcluster/peer"}},
	"localcluster/simulation": {imports: []string{"quorum/...", "probe/wire", "inject", "inject/scenario", "inject/history", "inject/drill",
		"localcluster/zab", "localcluster/datatree", "localcluster/replica", "localcluster/storage"}},

	"commands":  {imports: []string{"quorum/...", "probe/...", "inject/...", "localcluster/..."}},
	"cmd/zkctl": {imports: []string{"commands"}},
}

// purePackages are the standard packages that cannot reach outside the
// process, wait, or depend on anything but their arguments.
var purePackages = []string{
	"bufio", "bytes", "cmp", "container/heap", "container/list", "crypto/md5", "crypto/sha1", "crypto/sha256", "crypto/subtle", "embed",
	"encoding/base64", "encoding/binary", "encoding/hex", "encoding/json", "errors", "fmt", "hash", "hash/adler32",
	"hash/crc32", "hash/fnv", "io", "iter", "maps", "math", "math/big", "math/bits", "path", "regexp", "slices", "sort", "strconv",
	"strings", "text/tabwriter", "time", "unicode", "unicode/utf16", "unicode/utf8",
}

// impure are the functions of pure packages that are not: they read the clock,
// wait, or let a map's random order out.
var impure = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"fmt":  {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
}

// checkFile returns what is wrong with one source file of a folder.
func checkFile(folder string, r rule, file *ast.File, fset *token.FileSet) []string {
	var wrong []string
	complain := func(at token.Pos, format string, args ...any) {
		p := fset.Position(at)
		wrong = append(wrong, fmt.Sprintf("%s:%d: ", p.Filename, p.Line)+fmt.Sprintf(format, args...))
	}
	named := map[string]string{} // local name -> import path
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			complain(spec.Pos(), "unreadable import %s", spec.Path.Value)
			continue
		}
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		named[local] = imported
		if ours, ok := strings.CutPrefix(imported, "zkctl/"); ok {
			if !allowed(r.imports, ours) || layout[ours].tests {
				complain(spec.Pos(), "%s must not import %s", folder, ours)
			}
			continue
		}
		if r.pure && !slices.Contains(purePackages, imported) && !slices.Contains(r.also, imported) {
			complain(spec.Pos(), "%s is pure and must not import %s", folder, imported)
		}
	}
	if !r.pure {
		return wrong
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			complain(n.Pos(), "%s is pure and must not start goroutines", folder)
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && slices.Contains(impure[named[x.Name]], n.Sel.Name) {
				complain(n.Pos(), "%s is pure and must not use %s.%s", folder, named[x.Name], n.Sel.Name)
			}
		}
		return true
	})
	return wrong
}

func allowed(list []string, imported string) bool {
	for _, entry := range list {
		tree, isTree := strings.CutSuffix(entry, "/...")
		if imported == tree || isTree && strings.HasPrefix(imported, tree+"/") {
			return true
		}
	}
	return false
}

func TestImportDirections(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); file != root && (strings.HasPrefix(name, ".") && name != ".." || name == "testdata" || name == "docs") {
				return fs.SkipDir
			}
			return nil
		}
		// Tests may use what they need; the rules are about what ships.
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(rel)
		r, known := layout[folder]
		if !known {
			if !seen[folder] {
				t.Errorf("%s is not in the layout table: say there what it may import", folder)
			}
			seen[folder] = true
			return nil
		}
		seen[folder] = true
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, file, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, w := range checkFile(folder, r, parsed, fset) {
			t.Error(w)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"quorum", "commands", "cmd/zkctl"} {
		if !seen[folder] {
			t.Errorf("found no source in %s: does the test look in the right place?", folder)
		}
	}
}

// TestCheckerCatches tests that the checker finds each kind of violation.
func TestCheckerCatches(t *testing.T) {
	for _, c := range []struct{ folder, source, says string }{
		{"quorum", `import "net"`, "must not import net"},
		{"quorum", `import "os"`, "must not import os"},
		{"quorum", `import "sync"`, "must not import sync"},
		{"quorum", `import "math/rand/v2"`, "must not import math/rand/v2"},
		{"quorum", `import "log"`, "must not import log"},
		{"quorum", `import "github.com/fatih/color"`, "must not import github.com/fatih/color"},
		{"quorum", `import _ "zkctl/probe"`, "must not import probe"},
		{"quorum", `import clock "time"; var t = clock.Now()`, "must not use time.Now"},
		{"quorum", `import "time"; func f() { time.Sleep(1) }`, "must not use time.Sleep"},
		{"quorum", `import "fmt"; func f() { fmt.Println() }`, "must not use fmt.Println"},
		{"quorum", `func f() { go f() }`, "must not start goroutines"},
		{"quorum/zoocfg", `import _ "zkctl/quorum"; import _ "zkctl/quorum/other"`, "must not import quorum/other"},
		{"probe/wire", `import _ "zkctl/quorum"`, "must not import quorum"},
		{"probe", `import _ "zkctl/inject"`, "must not import inject"},
		{"localcluster", `import _ "zkctl/probe/peers"`, "must not import probe/peers"},
		{"inject/link", `import _ "zkctl/localcluster"`, "must not import localcluster"},
		{"localcluster/zab", `import _ "zkctl/localcluster/storage"`, "must not import localcluster/storage"},
		{"localcluster", `import _ "zkctl/commands"`, "must not import commands"},
		{"cmd/zkctl", `import _ "zkctl/quorum"`, "must not import quorum"},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x\n"+c.source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		wrong := checkFile(c.folder, layout[c.folder], file, fset)
		if len(wrong) != 1 || !strings.Contains(wrong[0], c.says) {
			t.Errorf("%s with %s: got %q, want one complaint: %s", c.folder, c.source, wrong, c.says)
		}
	}
	for folder, source := range map[string]string{
		"quorum":           `import ("fmt"; "math/big"; "time"); const d = time.Second; var s = fmt.Sprint(big.NewInt(1))`,
		"localcluster/zab": `import ("zkctl/quorum"; "zkctl/probe/wire"; "time"); var _ quorum.System; var _ wire.Zxid; var _ time.Duration`,
		"commands":         `import ("os"; "zkctl/localcluster"); func f() { go localcluster.F(os.Args) }`,
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x\n"+source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := checkFile(folder, layout[folder], file, fset); len(wrong) > 0 {
			t.Errorf("%s: %q should be fine", folder, wrong)
		}
	}
}

// TestLayoutPointsLeft checks the table itself: whatever it allows, no folder
// can reach itself through the folders it may import.
func TestLayoutPointsLeft(t *testing.T) {
	order := []string{"quorum", "probe", "inject", "localcluster", "commands", "cmd"}
	rank := func(folder string) int { top, _, _ := strings.Cut(folder, "/"); return slices.Index(order, top) }
	for folder, r := range layout {
		if rank(folder) < 0 {
			t.Errorf("%s is under none of %v", folder, order)
		}
		if files, err := filepath.Glob(filepath.Join("../..", folder, "*.go")); err != nil || len(files) == 0 {
			t.Errorf("%s has rules but no Go file (%v)", folder, err)
		}
		for _, entry := range r.imports {
			target := strings.TrimSuffix(entry, "/...")
			if rank(target) > rank(folder) || rank(target) < 0 {
				t.Errorf("%s may import %s, which is not to its left", folder, target)
			}
			if _, known := layout[target]; !known {
				t.Errorf("%s may import %s, which does not exist", folder, target)
			}
			if r.pure && !layout[target].pure && !slices.Contains(r.also, target) {
				t.Errorf("%s is pure but may import %s, which is not", folder, target)
			}
		}
	}
}
