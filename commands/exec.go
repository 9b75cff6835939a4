package commands

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"zkctl/localcluster"
)

// environment has the variables that describe an ensemble to clients. Most of them read
// ZOOKEEPER_CONNECT or ZK_HOSTS; ZKCTL_NAME makes a zkctl inside use the same ensemble.
func environment(spec *localcluster.Spec) [][2]string {
	return [][2]string{{"ZOOKEEPER_CONNECT", spec.Connect()}, {"ZK_HOSTS", spec.Connect()}, {"ZKCTL_NAME", spec.Name}}
}

type envOptions struct {
	*program
	shell string
}

func newEnvCommand(p *program) *cli.Command {
	o := &envOptions{program: p}
	p.completeFlag("shell", constant("sh", "fish", "powershell"))
	return &cli.Command{
		Name:        "env",
		Category:    categoryEnsemble,
		Usage:       "print an ensemble's environment variables, for eval",
		Description: "Prints the commands that set ZOOKEEPER_CONNECT, ZK_HOSTS and ZKCTL_NAME in a shell.",
		UsageText:   `eval "$(zkctl env)"` + "\nzkctl env --shell fish | source\nzkctl env -o json",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "shell", Usage: "sh, fish or powershell", Value: "sh", Destination: &o.shell},
		},
		Action: func(*cli.Context) error { return o.run() },
	}
}

// exports are the lines that set a variable, by shell. Names and values need no quoting: a connect
// string is made of digits, dots, colons and commas, and an ensemble's name has no character that
// a shell treats specially.
var exports = map[string]string{
	"sh":         "export NAME=VALUE\n",
	"fish":       "set -gx NAME VALUE;\n",
	"powershell": "$Env:NAME = \"VALUE\"\n",
}

func (o *envOptions) run() error {
	line, ok := exports[o.shell]
	if !ok {
		return usagef("--shell %q is none of sh, fish, powershell", o.shell)
	}
	folder, spec, err := o.folder()
	if err != nil {
		return err
	}
	if _, err := localcluster.Dial(folder); err != nil {
		o.hint("%s is not running: zkctl up --name %s starts it at these addresses", spec.Name, spec.Name)
	}
	doc := map[string]string{}
	for _, v := range environment(spec) {
		doc[v[0]] = v[1]
	}
	return o.print(doc, func(pg *page) {
		for _, v := range environment(spec) {
			pg.raw(strings.NewReplacer("NAME", v[0], "VALUE", v[1]).Replace(line))
		}
	})
}

func newExecCommand(p *program) *cli.Command {
	o := &execOptions{program: p}
	return &cli.Command{
		Name:        "exec",
		Category:    categoryEnsemble,
		Usage:       "run a command with an ensemble's environment",
		ArgsUsage:   "-- COMMAND [ARG…]",
		Description: "Runs the command with ZOOKEEPER_CONNECT, ZK_HOSTS and ZKCTL_NAME set, and exits as it does.",
		UsageText:   "zkctl exec -- go test ./...\nzkctl exec -- sh -c 'zkCli.sh -server $ZOOKEEPER_CONNECT'",
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("exec wants a command: zkctl exec -- COMMAND [ARG…]")
			}
			if err := o.only(c, "what the command prints", formatTable); err != nil {
				return err
			}
			o.command = c.Args().Slice()
			return o.run(c.Context)
		},
	}
}

type execOptions struct {
	*program
	command []string
}

func (o *execOptions) run(ctx context.Context) error {
	folder, spec, err := o.folder()
	if err != nil {
		return err
	}
	if _, err := localcluster.Dial(folder); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, o.command[0], o.command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.In, o.Out, o.Err
	// A terminal's Ctrl-C reaches the command by itself; a TERM that only zkctl got is passed on.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = os.Environ()
	for _, v := range environment(spec) {
		cmd.Env = append(cmd.Env, v[0]+"="+v[1])
	}
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return reported(128 + int(status.Signal()))
		}
		return reported(ended.ExitCode())
	}
	return err
}
