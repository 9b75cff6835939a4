package commands

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// cmdline is a command line, taken apart.
type cmdline struct {
	path   []*cli.Command // from the top-level verb down
	flags  [][]string     // canonical "--name=value", those of the program first, then one list a path element
	args   []string       // what is neither verb nor flag
	dashed bool           // the arguments came after "--"
	help   bool
}

// canonical renders the line in the order that urfave/cli understands: flags
// right behind the command that declares them, arguments last.
func (l *cmdline) canonical(program string) []string {
	out := append([]string{program}, l.flags[0]...)
	for i, c := range l.path {
		out = append(append(out, c.Name), l.flags[i+1]...)
	}
	if len(l.path) == 0 {
		return out
	}
	return append(append(out, "--"), l.args...)
}

// parseArgs takes a command line apart. Flags may stand anywhere, the global
// ones before and after the verb, until "--". Everything wrong is a usage
// error that names the offender and, when something similar exists, that.
func parseArgs(app *cli.App, args []string) (*cmdline, error) {
	l := &cmdline{flags: [][]string{nil}}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			l.args, l.dashed = append(l.args, args...), true
			args = nil
		case len(arg) > 1 && arg[0] == '-':
			rest, err := l.addFlag(app, arg, args)
			if err != nil {
				return nil, err
			}
			args = rest
		case arg == "help" && len(l.path) == 0:
			l.help = true
		default:
			if err := l.addWord(app, arg); err != nil {
				return nil, err
			}
		}
	}
	if len(l.path) == 0 && !l.help {
		if len(l.args) > 0 {
			return nil, unknownCommand(app, nil, l.args[0])
		}
		l.help = true
	}
	if c := l.command(); c != nil && c.Action == nil && !l.help {
		return nil, withHint(usagef("%s needs a command: one of %s", pathName(l.path), strings.Join(names(c.Subcommands), ", ")),
			"%s --help explains them", pathName(l.path))
	}
	return l, nil
}

func (l *cmdline) command() *cli.Command {
	if len(l.path) == 0 {
		return nil
	}
	return l.path[len(l.path)-1]
}

// addWord takes a word that is no flag: a verb, while verbs are expected, or an
// argument.
func (l *cmdline) addWord(app *cli.App, word string) error {
	subs, current := app.Commands, l.command()
	if current != nil {
		subs = current.Subcommands
	}
	if len(l.args) == 0 {
		for _, c := range subs {
			if c.HasName(word) {
				if current != nil && len(l.flags[len(l.path)]) > 0 {
					return usagef("%s: put the flags of %s after it: %s belongs to %s", pathName(append(l.path, c)), c.Name,
						l.flags[len(l.path)][0], pathName(l.path))
				}
				l.path = append(l.path, c)
				l.flags = append(l.flags, nil)
				return nil
			}
		}
	}
	if current == nil || (current.ArgsUsage == "" && len(subs) > 0) {
		return unknownCommand(app, l.path, word)
	}
	if current.ArgsUsage == "" {
		return withHint(usagef("%s takes no arguments, got %q", pathName(l.path), word), "%s --help shows what it takes", pathName(l.path))
	}
	l.args = append(l.args, word)
	return nil
}

// addFlag takes a flag and, when it needs one, its value from the rest.
func (l *cmdline) addFlag(app *cli.App, arg string, rest []string) ([]string, error) {
	given, value, hasValue := strings.Cut(arg, "=")
	name := strings.TrimLeft(given, "-")
	if name == "help" || name == "h" {
		l.help = true
		return rest, nil
	}
	level, flag := l.find(app, name)
	if flag == nil {
		return nil, unknownFlag(app, l.path, given)
	}
	canonical := flag.Names()[0]
	if _, isBool := flag.(*cli.BoolFlag); isBool {
		if !hasValue {
			value = "true"
		}
	} else if !hasValue {
		if len(rest) == 0 {
			return nil, usagef("--%s wants a value", canonical)
		}
		value, rest = rest[0], rest[1:]
	}
	if err := checkValue(flag, canonical, value); err != nil {
		return nil, err
	}
	l.flags[level] = append(l.flags[level], "--"+canonical+"="+value)
	return rest, nil
}

// find looks a flag up in the current command first, then among the global ones.
func (l *cmdline) find(app *cli.App, name string) (level int, flag cli.Flag) {
	if c := l.command(); c != nil {
		for _, f := range c.Flags {
			if slices.Contains(f.Names(), name) {
				return len(l.path), f
			}
		}
	}
	for _, f := range app.Flags {
		if slices.Contains(f.Names(), name) {
			return 0, f
		}
	}
	return 0, nil
}

// checkValue refuses values of the wrong type in words, before the flag package
// does it with a parse error.
func checkValue(flag cli.Flag, name, value string) error {
	var err error
	var want string
	switch flag.(type) {
	case *cli.IntFlag, *cli.Int64Flag:
		_, err = strconv.ParseInt(value, 10, 64)
		want = "a whole number"
	case *cli.UintFlag, *cli.Uint64Flag:
		_, err = strconv.ParseUint(value, 10, 64)
		want = "a whole number, zero or more"
	case *cli.Float64Flag:
		_, err = strconv.ParseFloat(value, 64)
		want = "a number"
	case *cli.BoolFlag:
		_, err = strconv.ParseBool(value)
		want = "true or false"
	case *cli.DurationFlag:
		_, err = time.ParseDuration(value)
		want = "a duration such as 500ms, 10s or 2m"
	}
	if err != nil {
		return usagef("--%s wants %s, got %q", name, want, value)
	}
	return nil
}

func unknownCommand(app *cli.App, path []*cli.Command, word string) error {
	known := app.Commands
	where := app.Name
	if len(path) > 0 {
		known, where = path[len(path)-1].Subcommands, pathName(path)
	}
	err := usagef("unknown command %q for %s", word, where)
	if s := closest(word, names(known)); s != "" {
		return withHint(err, "did you mean %q?", s)
	}
	return withHint(err, "%s --help lists the commands", where)
}

func unknownFlag(app *cli.App, path []*cli.Command, given string) error {
	where := app.Name
	flags := app.Flags
	if len(path) > 0 {
		where = pathName(path)
		flags = slices.Concat(path[len(path)-1].Flags, flags)
	}
	var known []string
	for _, f := range flags {
		known = append(known, f.Names()[0])
	}
	err := usagef("unknown flag %s for %s", given, where)
	if s := closest(strings.TrimLeft(given, "-"), known); s != "" {
		return withHint(err, "did you mean --%s?", s)
	}
	return withHint(err, "%s --help lists the flags", where)
}

func pathName(path []*cli.Command) string {
	s := "zkctl"
	for _, c := range path {
		s += " " + c.Name
	}
	return s
}

func names(commands []*cli.Command) []string {
	var ns []string
	for _, c := range commands {
		if !c.Hidden {
			ns = append(ns, c.Name)
		}
	}
	return ns
}

// closest returns the known word that is few edits away from word, or "" when
// none is: a suggestion that is not meant is worse than none.
func closest(word string, known []string) string {
	best, limit := "", len(word)/3+2
	for _, k := range known {
		if strings.HasPrefix(k, word) && len(word) >= 2 {
			return k
		}
		if d := edits(word, k); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
