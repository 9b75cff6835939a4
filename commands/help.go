package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// printHelp explains the program or one command on stdout.
func (p *program) printHelp(app *cli.App, path []*cli.Command) error {
	pg := &page{width: p.width}
	if len(path) == 0 {
		programHelp(pg, app)
	} else {
		commandHelp(pg, app, path)
	}
	_, err := p.Out.Write(pg.buf.Bytes())
	return wrapOutput(err)
}

func programHelp(pg *page, app *cli.App) {
	pg.para("%s: %s", app.Name, app.Usage)
	pg.para("usage: zkctl COMMAND [ARGUMENTS] [FLAGS]")
	var categories []string
	for _, c := range app.Commands {
		if !c.Hidden && !slices.Contains(categories, c.Category) {
			categories = append(categories, c.Category)
		}
	}
	for _, category := range categories {
		pg.para("%s:", category)
		for _, c := range app.Commands {
			if c.Category == category && !c.Hidden {
				helpRow(pg, c.Name, c.Usage)
			}
		}
	}
	flagsHelp(pg, "flags of every command", app.Flags)
	helpRow(pg, "-h, --help", "show a command's flags and examples")
	helpRow(pg, "-v, --version", "as zkctl version")
	pg.para("exit codes: 0 done, healthy; 1 failed; 2 wrong usage; 3 unhealthy or a limit missed; 4 unknown; 5 timed out; 6 no such ensemble or member")
}

func commandHelp(pg *page, app *cli.App, path []*cli.Command) {
	c := path[len(path)-1]
	pg.para("%s: %s", pathName(path), c.Usage)
	usage := pathName(path)
	flags := " [FLAGS]"
	if c.ArgsUsage != "" {
		usage += " " + c.ArgsUsage
	}
	if strings.HasPrefix(c.ArgsUsage, "-- ") {
		usage, flags = pathName(path)+flags+" "+c.ArgsUsage, "" // behind --, all belongs to the command
	}
	if len(c.Subcommands) > 0 && c.Action == nil {
		usage += " COMMAND"
	}
	pg.para("usage: %s%s", usage, flags)
	for _, text := range strings.Split(c.Description, "\n\n") {
		if text != "" {
			pg.para("%s", text)
		}
	}
	if c.UsageText != "" {
		pg.para("examples:")
		for _, line := range strings.Split(c.UsageText, "\n") {
			pg.command(line)
		}
	}
	if len(c.Subcommands) > 0 {
		pg.para("commands:")
		for _, s := range c.Subcommands {
			helpRow(pg, s.Name, s.Usage)
		}
	}
	flagsHelp(pg, "flags", c.Flags)
	flagsHelp(pg, "flags of every command", globalFlags(app, path))
}

// isVisible tells whether a flag is for people. A hidden one is for other processes of this program.
func isVisible(f cli.Flag) bool {
	v, ok := f.(cli.VisibleFlag)
	return !ok || v.IsVisible()
}

func flagsHelp(pg *page, title string, flags []cli.Flag) {
	if !slices.ContainsFunc(flags, isVisible) {
		return
	}
	pg.para("%s:", title)
	for _, f := range flags {
		if !isVisible(f) {
			continue
		}
		helpRow(pg, flagSynopsis(f), flagUsage(f))
	}
}

// flagSynopsis is "-o, --output VALUE". A usage text may name the value in
// backquotes, as the flag package does it.
func flagSynopsis(f cli.Flag) string {
	var s []string
	for _, n := range slices.Backward(f.Names()) {
		if len(n) == 1 {
			s = append(s, "-"+n)
		} else {
			s = append(s, "--"+n)
		}
	}
	text := strings.Join(s, ", ")
	if _, isBool := f.(*cli.BoolFlag); !isBool {
		text += " " + placeholder(f)
	}
	return text
}

func placeholder(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok {
		if parts := strings.Split(d.GetUsage(), "`"); len(parts) == 3 {
			return parts[1]
		}
	}
	switch f.(type) {
	case *cli.IntFlag, *cli.Int64Flag, *cli.UintFlag, *cli.Uint64Flag:
		return "N"
	case *cli.DurationFlag:
		return "D"
	}
	return strings.ToUpper(f.Names()[0])
}

func flagUsage(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	usage := d.GetUsage()
	if parts := strings.Split(usage, "`"); len(parts) == 3 && parts[0] == "" {
		usage = strings.TrimSpace(parts[2]) // the name stands beside the flag, once is enough
	}
	usage = strings.ReplaceAll(usage, "`", "")
	if _, isBool := f.(*cli.BoolFlag); isBool {
		return usage
	}
	if v := strings.Trim(d.GetDefaultText(), `"`); v != "" && v != "0" && v != "0s" && v != "[]" {
		usage += fmt.Sprintf(" (default %s)", v)
	}
	return usage
}

// helpRow draws a name and its explanation, wrapped in the second column.
func helpRow(pg *page, name, usage string) { helpRowAt(pg, 24, name, usage) }

// helpRowAt is helpRow with another indent for the second column. Where the page leaves too little
// room beside the names, the explanations stand below them.
func helpRowAt(pg *page, indent int, name, usage string) {
	const narrow = 6
	width := min(pg.width, textWidth)
	first := "  " + name
	if width < indent+30 {
		indent = narrow
	}
	if indent == narrow || visible(first) > indent-2 {
		pg.raw(first + "\n")
		first = ""
	}
	var b strings.Builder
	wrap(&b, usage, width-indent, "")
	for line := range strings.Lines(b.String()) {
		pg.raw(strings.TrimRight(first+strings.Repeat(" ", indent-visible(first))+line, " "))
		first = ""
	}
}

// command draws a command line to be copied. One that is too long for the page goes on behind a
// backslash, as a shell reads it.
func (pg *page) command(line string) {
	const more = ` \`
	width := min(pg.width, textWidth)
	indent := "  "
	for visible(indent+line) > width {
		at := breakable(line, width-len(indent)-len(more))
		if at < 0 {
			break
		}
		pg.raw(indent + line[:at] + more + "\n")
		indent, line = "      ", line[at+1:]
	}
	pg.raw(indent + line + "\n")
}

// breakable is the last blank outside of quotes before a width, or the first behind it; -1 if
// there is none.
func breakable(line string, width int) int {
	found := -1
	var quote rune
	for i, r := range line {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		case r == ' ' && (found < 0 || i <= width):
			found = i
		}
	}
	return found
}
