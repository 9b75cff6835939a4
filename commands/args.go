package commands

import (
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

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
// ones before and after the verb, until "--". Every mistake is a usage error that names
// the word and, if there is one, a similar word that is known.
func parseArgs(app *cli.App, args []string) (*cmdline, error) {
	l := &cmdline{flags: [][]string{nil}}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			l.args, l.dashed = append(l.args, args...), true
			args = nil
		case (arg == "--version" || arg == "-v") && len(l.path) == 0:
			if err := l.addWord(app, "version"); err != nil {
				return nil, err
			}
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
	if !l.help {
		if err := l.checkArgs(); err != nil {
			return nil, err
		}
	}
	return l, l.checkName()
}

// checkArgs refuses empty arguments, as empty values of flags are refused. Behind a command that is to be
// run they are the command's own.
func (l *cmdline) checkArgs() error {
	args := l.args
	if len(args) > 1 && strings.HasPrefix(l.command().ArgsUsage, "-- ") {
		args = args[:1]
	}
	if i := slices.Index(args, ""); i >= 0 {
		return withHint(usagef("%s: argument %d is empty", pathName(l.path), i+1), "a variable that is not set is empty, too; %s --help shows what is wanted", pathName(l.path))
	}
	return nil
}

// checkName refuses a --name that stands in front of a command that is about no ensemble.
func (l *cmdline) checkName() error {
	for _, f := range l.flags[0] {
		if strings.HasPrefix(f, "--name=") && len(l.path) > 0 && !aboutEnsemble(l.path[0]) {
			return usagef("%s is about no ensemble: it has no --name", pathName(l.path))
		}
	}
	return nil
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
	if c := l.command(); c != nil && strings.HasPrefix(c.ArgsUsage, "-- ") && len(l.args) > 0 {
		return nil, withHint(usagef("%s: is %s a flag of zkctl's or of %s?", pathName(l.path), arg, l.args[0]),
			"what belongs to the command comes behind --: %s -- %s %s …", pathName(l.path), strings.Join(l.args, " "), arg)
	}
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
		if _, swallowed := l.find(app, strings.TrimLeft(value, "-")); swallowed != nil && strings.HasPrefix(value, "--") {
			return nil, withHint(usagef("--%s wants a value, got the flag %s", canonical, value), "a value that looks so: --%s=%s", canonical, value)
		}
	}
	value, err := readValue(flag, canonical, value)
	if err != nil {
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
	for _, f := range globalFlags(app, l.path) {
		if slices.Contains(f.Names(), name) {
			return 0, f
		}
	}
	return 0, nil
}

// globalFlags are those of every command. A command that is about no ensemble has no --name, as it
// would have no use for it.
func globalFlags(app *cli.App, path []*cli.Command) []cli.Flag {
	if len(path) == 0 || aboutEnsemble(path[0]) {
		return app.Flags
	}
	return slices.DeleteFunc(slices.Clone(app.Flags), func(f cli.Flag) bool { return f.Names()[0] == "name" })
}

func aboutEnsemble(c *cli.Command) bool {
	return (c.Category == categoryEnsemble || c.Category == categoryFaults) && c.Name != "ls" && c.Name != "serve" ||
		c.Name == "drill" || c.Category == ""
}

// readValue refuses values of the wrong type in words, before the flag package does it with a parse
// error, and returns the others in a form that the flag package reads: it knows no days, and takes 010
// for eight. An empty value is refused: it usually comes of a variable that is not set.
func readValue(flag cli.Flag, name, value string) (canonical string, err error) {
	if value == "" {
		return "", usagef("--%s wants a value, and it is empty", name)
	}
	want := ""
	switch flag.(type) {
	case *cli.IntFlag, *cli.Int64Flag:
		var n int64
		n, err = strconv.ParseInt(value, 10, 64)
		canonical, want = strconv.FormatInt(n, 10), "a whole number"
	case *cli.UintFlag, *cli.Uint64Flag:
		var n uint64
		n, err = strconv.ParseUint(value, 10, 64)
		canonical, want = strconv.FormatUint(n, 10), "a whole number, zero or more"
	case *cli.Float64Flag:
		var x float64
		x, err = strconv.ParseFloat(value, 64)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			err = strconv.ErrRange
		}
		canonical, want = value, "a number"
	case *cli.BoolFlag:
		var yes bool
		yes, err = strconv.ParseBool(value)
		canonical, want = strconv.FormatBool(yes), "true or false"
	case *cli.DurationFlag:
		d, err := parseDuration(name, value)
		return d.String(), err
	default:
		return value, nil
	}
	if err != nil {
		return "", usagef("--%s wants %s, got %q", name, want, value)
	}
	return canonical, nil
}

func unknownCommand(app *cli.App, path []*cli.Command, word string) error {
	known := app.Commands
	where := app.Name
	if len(path) > 0 {
		known, where = path[len(path)-1].Subcommands, pathName(path)
	}
	err := usagef("unknown command %q for %s", word, where)
	if s := suggestCommand(word, names(known)); s != "" {
		return withHint(err, "did you mean %s?", s)
	}
	return withHint(err, "%s --help lists the commands", where)
}

func unknownFlag(app *cli.App, path []*cli.Command, given string) error {
	where := app.Name
	flags := app.Flags
	if len(path) > 0 {
		where = pathName(path)
		flags = slices.Concat(path[len(path)-1].Flags, globalFlags(app, path))
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

// readInput reads a file, or standard input for "-".
func (p *program) readInput(path string) ([]byte, error) {
	if path == "-" {
		text, err := io.ReadAll(p.In)
		if err != nil {
			return nil, fmt.Errorf("read standard input: %w", err)
		}
		return text, nil
	}
	return os.ReadFile(path)
}

// inputName is what readInput's path is called in messages.
func inputName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}
