package commands

import (
	"cmp"
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Stdio returns the streams of the process.
func Stdio() Streams { return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr} }

// program is what every verb shares: the streams, the environment and the
// global flags. There is one for each Run, and no state outside it.
type program struct {
	Streams
	getenv func(string) string

	// The global flags, valid once a verb runs.
	name    string // --name or ZKCTL_NAME; empty when neither is given
	output  format
	quiet   bool
	color   bool
	width   int  // where text is wrapped
	edge    int  // where tables must end; 0, off a terminal, is nowhere
	errEdge int  // where lines on stderr are wrapped; 0, off a terminal, is nowhere
	noColor bool // as given; color is what holds

	completions completions
}

// Categories of the top-level help.
const (
	categorySizing   = "Sizing"
	categoryEnsemble = "A local ensemble"
	categoryFaults   = "Faults"
	categoryRecovery = "Recovery, proven"
	categoryZkctl    = "zkctl"
)

// verbs lists the top-level commands, in the order of the help.
func (p *program) verbs() []*cli.Command {
	return slices.Concat([]*cli.Command{newQuorumCommand(p)}, p.ensembleVerbs(), p.faultVerbs(), []*cli.Command{
		newDrillCommand(p),
		newVerifyCommand(p),
		newSimulateCommand(p),
		newVersionCommand(p),
		newCompletionCommand(p),
	})
}

// Run executes one command line, without the program's name, and returns the
// exit code. It ends early when ctx is done or the process is asked to stop.
func Run(ctx context.Context, args []string, streams Streams, getenv func(string) string) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{Streams: streams, getenv: getenv}
	err := p.run(ctx, args)
	if err != nil {
		p.reportError(err)
	}
	return exitCode(err)
}

func (p *program) run(ctx context.Context, args []string) error {
	p.measure()
	app := p.app()
	if len(args) > 0 && args[0] == completeCommand {
		return p.complete(ctx, app, args[1:])
	}
	line, err := parseArgs(app, args)
	if err != nil {
		return err
	}
	if line.help {
		return p.printHelp(app, line.path)
	}
	return app.RunContext(ctx, line.canonical(app.Name))
}

// app builds the command tree. urfave/cli routes to the verb and fills the flags;
// parsing in any order, help, suggestions and exit codes are ours, because its own
// parser ends at the first argument, and its own handlers exit the process.
func (p *program) app() *cli.App {
	var output string
	app := &cli.App{
		Name:                      "zkctl",
		Usage:                     "size, run, probe and break ZooKeeper ensembles",
		Writer:                    p.Out,
		ErrWriter:                 p.Err,
		HideHelp:                  true,
		HideVersion:               true,
		DisableSliceFlagSeparator: true, // a comma belongs to the value
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              usageError,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "which ensemble (env ZKCTL_NAME); when only one exists, it is the one", Destination: &p.name},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: string(formatTable), Usage: "`FORMAT` table, json or yaml", Destination: &output},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "no progress and no hints on stderr", Destination: &p.quiet},
			&cli.BoolFlag{Name: "no-color", Usage: "no colour, even on a terminal (env NO_COLOR)", Destination: &p.noColor},
		},
		Before: func(*cli.Context) error { return p.readGlobals(output) },
	}
	p.completeFlag("output", constant("table", "json", "yaml"))
	app.Commands = p.verbs()
	setOnUsageError(app.Commands)
	return app
}

// usageError gives what urfave/cli finds wrong with a flag the right exit code.
func usageError(_ *cli.Context, err error, _ bool) error { return usagef("%w", err) }

func setOnUsageError(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = usageError
		c.HideHelp = true
		setOnUsageError(c.Subcommands)
	}
}

// readGlobals decides what the global flags and the environment mean together.
func (p *program) readGlobals(output string) error {
	var err error
	if p.output, err = parseFormat(output); err != nil {
		return err
	}
	if p.name == "" {
		p.name = p.getenv("ZKCTL_NAME")
	}
	if f, ok := p.Out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.color = !p.noColor && p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
	}
	return nil
}

// textWidth is how wide text is at most: longer lines are hard to read.
const textWidth = 80

// measure finds out how wide a page may be: COLUMNS, where it is set, or what the terminal
// says. Off a terminal a table has all its columns, since what is pasted into a review should not
// depend on a window. For the same reason a message is one line there, so that a program can search it.
func (p *program) measure() {
	p.edge, p.errEdge = p.columns(p.Out), p.columns(p.Err)
	p.width = cmp.Or(p.edge, textWidth)
}

// columns is the width of a stream; 0 off a terminal.
func (p *program) columns(stream io.Writer) int {
	if w, err := strconv.Atoi(p.getenv("COLUMNS")); err == nil && w > 0 {
		return w
	}
	if f, ok := stream.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	return 0
}

// only refuses an --output other than the one form that a verb prints.
func (p *program) only(c *cli.Context, what string, f format) error {
	if c.IsSet("output") && p.output != f {
		return usagef("%s prints %s and has no --output %s", c.Command.HelpName, what, p.output)
	}
	return nil
}

// oneArg checks the arguments of a verb that takes one.
func oneArg(c *cli.Context, what string, into *string) error {
	if c.NArg() != 1 {
		return usagef("%s wants one argument, %s; got %d", c.Command.HelpName, what, c.NArg())
	}
	*into = c.Args().First()
	return nil
}
