package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completeCommand is the hidden verb that the shells' scripts call with the
// words typed so far, the unfinished one last. It answers with a candidate a
// line, a tab and an explanation behind it where there is one. Without an answer the
// shell completes file names.
const completeCommand = "__complete"

// candidates lists completions, those of running ensembles included. It must be quick, and
// it prints no errors.
type candidates func(ctx context.Context) []string

type completions struct {
	flags map[string]candidates // by flag name, or by command and flag, "wait --for"
	args  map[string]candidates // by command, "quorum explain"
	lists map[string]string     // by command: what separates the members of its argument
}

// completeFlag registers candidates for the values of a flag, wherever it
// appears, or, named "wait --for", of one command.
func (p *program) completeFlag(name string, c candidates) {
	if p.completions.flags == nil {
		p.completions.flags = map[string]candidates{}
	}
	p.completions.flags[name] = c
}

// completeArgs registers candidates for the arguments of a command, named
// without "zkctl".
func (p *program) completeArgs(command string, c candidates) {
	if p.completions.args == nil {
		p.completions.args = map[string]candidates{}
	}
	p.completions.args[command] = c
}

// completeMembers registers the words of a selector for the argument of a command. Members are listed
// with commas; a partition and links have other separators, too, behind which a selector begins anew.
func (p *program) completeMembers(command, separators string) {
	p.completeArgs(command, p.memberNames)
	if p.completions.lists == nil {
		p.completions.lists = map[string]string{}
	}
	p.completions.lists[command] = separators + ",!"
}

// constant is a fixed list of candidates.
func constant(words ...string) candidates {
	return func(context.Context) []string { return words }
}

func (p *program) complete(ctx context.Context, app *cli.App, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	prefix := words[len(words)-1]
	l, pending := walk(app, words[:len(words)-1])
	for _, f := range l.flags[0] {
		if name, ok := strings.CutPrefix(f, "--name="); ok {
			p.name = name
		}
	}
	var found []string
	switch {
	case pending != nil:
		found = p.values(ctx, l, pending)
	case !l.dashed && strings.HasPrefix(prefix, "-") && strings.Contains(prefix, "="):
		name, _, _ := strings.Cut(prefix, "=")
		if _, f := l.find(app, strings.TrimLeft(name, "-")); f != nil {
			for _, v := range p.values(ctx, l, f) {
				found = append(found, name+"="+v)
			}
		}
	case !l.dashed && strings.HasPrefix(prefix, "-"):
		found = flagNames(app, l)
	default:
		found = p.words(ctx, app, l, prefix)
	}
	var out strings.Builder
	for _, c := range found {
		if strings.HasPrefix(c, prefix) {
			fmt.Fprintln(&out, c)
		}
	}
	_, err := p.Out.Write([]byte(out.String()))
	return wrapOutput(err)
}

// walk follows the finished words as far as they make sense. pending is the flag
// that waits for its value.
func walk(app *cli.App, words []string) (l *cmdline, pending cli.Flag) {
	l = &cmdline{flags: [][]string{nil}}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "--" {
			l.args, l.dashed = append(l.args, words...), true
			return l, nil
		}
		if len(word) > 1 && word[0] == '-' {
			name, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
			level, f := l.find(app, name)
			if _, isBool := f.(*cli.BoolFlag); f == nil || isBool {
				continue
			}
			if !hasValue {
				if len(words) == 0 {
					return l, f
				}
				value, words = words[0], words[1:]
			}
			l.flags[level] = append(l.flags[level], "--"+f.Names()[0]+"="+value)
			continue
		}
		if l.addWord(app, word) != nil {
			return l, nil
		}
	}
	return l, nil
}

// values are what a flag can be given; for a duration, common values.
func (p *program) values(ctx context.Context, l *cmdline, f cli.Flag) []string {
	name := f.Names()[0]
	for _, key := range []string{l.commandName() + " --" + name, name} {
		if c := p.completions.flags[key]; c != nil {
			return c(ctx)
		}
	}
	switch f.(type) {
	case *cli.DurationFlag:
		return []string{"500ms", "1s", "10s", "1m", "10m", "1h", "1d"}
	case *cli.BoolFlag:
		return []string{"true", "false"}
	}
	return nil
}

// commandName is the command that has been reached, without "zkctl".
func (l *cmdline) commandName() string { return strings.TrimPrefix(pathName(l.path), "zkctl ") }

func flagNames(app *cli.App, l *cmdline) []string {
	flags := app.Flags
	if c := l.command(); c != nil {
		flags = slices.Concat(c.Flags, globalFlags(app, l.path))
	}
	var ns []string
	for _, f := range flags {
		if !isVisible(f) {
			continue
		}
		n := "--" + f.Names()[0]
		if usage := flagUsage(f); usage != "" {
			n += "\t" + usage
		}
		ns = append(ns, n)
	}
	return append(ns, "--help\tshow flags and examples")
}

// words are the verbs or arguments that can come next, or the flags if neither can.
func (p *program) words(ctx context.Context, app *cli.App, l *cmdline, prefix string) []string {
	subs := app.Commands
	var found []string
	if c := l.command(); c != nil {
		subs = c.Subcommands
		args, full := p.completions.args[l.commandName()], len(l.args) > 0 && !strings.Contains(c.ArgsUsage, "…")
		switch {
		case l.dashed && args == nil:
			return nil // the arguments are another program's
		case len(subs) == 0 && (c.ArgsUsage == "" || full):
			return flagNames(app, l)
		case args != nil:
			found = inList(args(ctx), prefix, p.completions.lists[l.commandName()])
		}
	}
	if len(l.args) > 0 {
		return found
	}
	for _, c := range subs {
		if !c.Hidden {
			found = append(found, c.Name+"\t"+c.Usage)
		}
	}
	return found
}

// inList turns the words that can begin a selector into those that can continue a list: behind "1,"
// and "!" only the ids and roles that are not in it yet, because a size stands alone.
func inList(words []string, typed, separators string) []string {
	at := strings.LastIndexAny(typed, separators)
	if at < 0 || separators == "" {
		return words
	}
	head := typed[:at+1]
	used := strings.FieldsFunc(head, func(r rune) bool { return strings.ContainsRune(separators, r) })
	var found []string
	for _, w := range words {
		fits := !slices.Contains(used, w)
		if slices.Contains(sizeNames, w) {
			fits = head[at] != ',' && head[at] != '!'
		}
		if fits {
			found = append(found, head+w)
		}
	}
	return found
}

func newCompletionCommand(p *program) *cli.Command {
	var shell string
	p.completeArgs("completion", constant("bash", "zsh", "fish", "powershell"))
	return &cli.Command{
		Name:      "completion",
		Category:  categoryZkctl,
		Usage:     "print the completion script for a shell",
		ArgsUsage: "bash|zsh|fish|powershell",
		Description: "The script asks zkctl itself for candidates, so that the names of living ensembles, " +
			"members and faults complete, too.",
		UsageText: "source <(zkctl completion bash)\n" +
			"source <(zkctl completion zsh)\n" +
			"zkctl completion fish | source\n" +
			"zkctl completion powershell | Out-String | Invoke-Expression",
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "the shell", &shell); err != nil {
				return err
			}
			if err := p.only(c, "a script", formatTable); err != nil {
				return err
			}
			script, ok := completionScripts[shell]
			if !ok {
				return usagef("no completion for %q: bash, zsh, fish and powershell are known", shell)
			}
			_, err := p.Out.Write([]byte(script))
			return wrapOutput(err)
		},
	}
}
