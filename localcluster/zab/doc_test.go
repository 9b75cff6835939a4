package zab

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedActions holds the table of the paper's actions to the code: the
// methods that it names exist, and on either side one of them, or one that it
// calls, names each packet of its row, or is what that packet is dispatched to.
func TestDocumentedActions(t *testing.T) {
	code := readCode(t)
	actions, named := code.actions(t), 0
	for _, row := range actions {
		for _, side := range [][]string{row.leader, row.follower} {
			has := map[string]bool{}
			for _, name := range side {
				named++
				if !code.methods[name] {
					t.Errorf("%s: there is no Node.%s", row.paper, name)
				}
				for _, f := range slices.Concat(code.calls[name], []string{name}) {
					for _, packet := range code.packets[f] {
						has[packet] = true
					}
				}
			}
			for _, packet := range row.packets {
				if len(side) > 0 && !has[packet] {
					t.Errorf("%s: none of %v has to do with %s", row.paper, side, packet)
				}
			}
		}
	}
	for _, name := range regexp.MustCompile(`Node\.(\w+)`).FindAllStringSubmatch(code.doc, -1) {
		if !code.methods[name[1]] {
			t.Errorf("doc.go names %s, which there is not", name[0])
		}
	}
	if len(actions) != 11 || named < 30 {
		t.Errorf("the table has %d actions and %d names", len(actions), named)
	}
}

// code is what the package's functions do, by their names without receivers.
type code struct {
	doc     string
	methods map[string]bool     // of Node
	calls   map[string][]string // of other functions, directly
	packets map[string][]string // wire.Packet constants in its text, or in its case of a dispatcher
}

func readCode(t *testing.T) *code {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	c := &code{methods: map[string]bool{}, calls: map[string][]string{}, packets: map[string][]string{}}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if name == "doc.go" {
			c.doc = file.Doc.Text()
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				c.read(f)
			}
		}
	}
	return c
}

func (c *code) read(f *ast.FuncDecl) {
	name := f.Name.Name
	if f.Recv != nil {
		if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok && star.X.(*ast.Ident).Name == "Node" {
			c.methods[name] = true
		}
	}
	c.calls[name] = append(c.calls[name], calledIn(f)...)
	if name != "fromLeader" && name != "fromLearner" {
		c.packets[name] = append(c.packets[name], packetsIn(f)...)
		return
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if clause, ok := n.(*ast.CaseClause); ok {
			for _, handler := range calledIn(clause) {
				for _, value := range clause.List {
					c.packets[handler] = append(c.packets[handler], packetsIn(value)...)
				}
			}
		}
		return true
	})
}

func calledIn(n ast.Node) (names []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok {
				names = append(names, f.Sel.Name)
			}
		}
		return true
	})
	return names
}

func packetsIn(n ast.Node) (packets []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if packet, ok := strings.CutPrefix(s.Sel.Name, "Packet"); ok {
				packets = append(packets, strings.ToUpper(packet))
			}
		}
		return true
	})
	return packets
}

// action is a row of the table.
type action struct {
	paper                     string
	packets, leader, follower []string
}

// actions reads the table, whose columns begin where the dashes under its head do. A
// line without anything in the first goes on with the row above.
func (c *code) actions(t *testing.T) (actions []action) {
	t.Helper()
	_, table, found := strings.Cut(c.doc, "\n\tpaper ")
	if !found {
		t.Fatal("there is no table")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	lines := strings.Split(table, "\n\t")
	columns := regexp.MustCompile(`-+`).FindAllStringIndex(lines[1], -1)
	packet, method := regexp.MustCompile(`[A-Z]{3,}`), regexp.MustCompile(`\w+`)
	for _, line := range lines[2:] {
		line += strings.Repeat(" ", len(lines[1]))
		cell := func(i int) string { return line[columns[i][0]:columns[i][1]] }
		if paper := strings.TrimSpace(cell(0)); paper != "" {
			actions = append(actions, action{paper: paper})
		}
		a := &actions[len(actions)-1]
		a.packets = append(a.packets, packet.FindAllString(cell(1), -1)...)
		a.leader = append(a.leader, method.FindAllString(cell(2), -1)...)
		a.follower = append(a.follower, method.FindAllString(cell(3), -1)...)
	}
	return actions
}
