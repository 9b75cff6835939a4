package commands

import (
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// versionDoc is the document of "zkctl version".
type versionDoc struct {
	Zkctl    string `json:"zkctl"`
	Commit   string `json:"commit,omitempty"`
	Modified bool   `json:"modified,omitempty"` // built from a tree with changes not committed
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCommand(p *program) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Category:    categoryZkctl,
		Usage:       "print zkctl's version",
		Description: "Prints the version, the commit it was built from, and the Go release that built it.",
		UsageText:   "zkctl version\nzkctl version -o json",
		Action: func(*cli.Context) error {
			doc := buildVersion()
			return p.print(doc, func(pg *page) {
				commit := doc.Commit
				if doc.Modified {
					commit += " (modified)"
				}
				pg.fields([2]string{"zkctl", doc.Zkctl}, [2]string{"commit", commit},
					[2]string{"go", doc.Go}, [2]string{"platform", doc.Platform})
			})
		},
	}
}

func buildVersion() versionDoc {
	doc := versionDoc{Zkctl: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return doc
	}
	doc.Zkctl = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			doc.Commit = s.Value
		case "vcs.modified":
			doc.Modified = s.Value == "true"
		}
	}
	return doc
}
