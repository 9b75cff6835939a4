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
// line, a tab and an explanation behind it where there is one. No answer lets
// the shell complete file names.
const completeCommand = "__complete"

// candidates lists completions, live ones included; it must be quick and must
// not fail loudly.
type candidates func(ctx context.Context) []string

type completions struct {
	flags map[string]candidates // by flag name
	args  map[string]candidates // by command, "quorum explain"
}

// completeFlag registers candidates for the values of a flag, wherever it
// appears.
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
	var found []string
	switch {
	case pending != nil:
		found = p.values(ctx, pending)
	case strings.HasPrefix(prefix, "--") && strings.Contains(prefix, "="):
		name, _, _ := strings.Cut(prefix, "=")
		if _, f := l.find(app, strings.TrimLeft(name, "-")); f != nil {
			for _, v := range p.values(ctx, f) {
				found = append(found, name+"="+v)
			}
		}
	case strings.HasPrefix(prefix, "-"):
		found = flagNames(app, l)
	default:
		found = p.words(ctx, app, l)
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
		if len(word) > 1 && word[0] == '-' {
			name, _, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
			_, f := l.find(app, name)
			if _, isBool := f.(*cli.BoolFlag); f == nil || isBool || hasValue {
				continue
			}
			if len(words) == 0 {
				return l, f
			}
			words = words[1:]
			continue
		}
		if l.addWord(app, word) != nil {
			return l, nil
		}
	}
	return l, nil
}

func (p *program) values(ctx context.Context, f cli.Flag) []string {
	if c := p.completions.flags[f.Names()[0]]; c != nil {
		return c(ctx)
	}
	return nil
}

func flagNames(app *cli.App, l *cmdline) []string {
	flags := app.Flags
	if c := l.command(); c != nil {
		flags = slices.Concat(c.Flags, globalFlags(app, l.path))
	}
	var ns []string
	for _, f := range flags {
		n := "--" + f.Names()[0]
		if usage := flagUsage(f); usage != "" {
			n += "\t" + usage
		}
		ns = append(ns, n)
	}
	return append(ns, "--help\tshow flags and examples")
}

func (p *program) words(ctx context.Context, app *cli.App, l *cmdline) []string {
	subs := app.Commands
	var found []string
	if c := l.command(); c != nil {
		subs = c.Subcommands
		if args := p.completions.args[strings.TrimPrefix(pathName(l.path), "zkctl ")]; args != nil {
			found = args(ctx)
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

func newCompletionCommand(p *program) *cli.Command {
	var shell string
	p.completeArgs("completion", constant("bash", "zsh", "fish", "powershell"))
	return &cli.Command{
		Name:      "completion",
		Category:  categoryZkctl,
		Usage:     "print the completion script for a shell",
		ArgsUsage: "bash|zsh|fish|powershell",
		Description: "The script asks zkctl itself for candidates, so that the names of living ensembles, " +
			"members and scenarios complete, too.",
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

var completionScripts = map[string]string{
	"bash": `# zkctl completion for bash
_zkctl() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("${COMP_WORDS[0]}" ` + completeCommand + ` "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _zkctl zkctl
`,
	"zsh": `#compdef zkctl
# zkctl completion for zsh
_zkctl() {
    local line
    local -a found
    while IFS= read -r line; do
        line=${line//:/\\:}
        found+=("${line/$'\t'/:}")
    done < <("${words[1]}" ` + completeCommand + ` "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#found} )); then
        _describe zkctl found
    else
        _files
    fi
}
compdef _zkctl zkctl
`,
	"fish": `# zkctl completion for fish
function __zkctl_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found ($words[1] ` + completeCommand + ` $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c zkctl -f -a '(__zkctl_complete)'
`,
	"powershell": `# zkctl completion for powershell
Register-ArgumentCompleter -Native -CommandName zkctl -ScriptBlock {
    param($word, $ast, $position)
    $typed = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($word -eq '') { $typed += '""' }
    & zkctl ` + completeCommand + ` @typed 2>$null | ForEach-Object {
        $name, $text = $_ -split "` + "`t" + `", 2
        if (-not $text) { $text = $name }
        [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $text)
    }
}
`,
}
