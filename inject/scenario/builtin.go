package scenario

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Builtin is a scenario that comes with zkctl.
type Builtin struct {
	Name, Summary string
	Source        string // the file with its comments
}

//go:embed builtin/*.yaml
var builtinFiles embed.FS

// Builtins are all of them, sorted by name.
func Builtins() []Builtin {
	files, err := builtinFiles.ReadDir("builtin")
	if err != nil {
		panic(fmt.Sprintf("the embedded scenarios cannot be listed: %v", err))
	}
	var all []Builtin
	for _, file := range files {
		source, err := builtinFiles.ReadFile(path.Join("builtin", file.Name()))
		if err != nil {
			panic(fmt.Sprintf("the embedded scenario %s cannot be read: %v", file.Name(), err))
		}
		b := Builtin{Name: strings.TrimSuffix(file.Name(), ".yaml"), Source: string(source)}
		for line := range strings.Lines(b.Source) {
			if summary, ok := strings.CutPrefix(line, "summary: "); ok {
				b.Summary = strings.TrimSpace(summary)
			}
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b Builtin) int { return strings.Compare(a.Name, b.Name) })
	return all
}
