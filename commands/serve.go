package commands

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"zkctl/localcluster"
	"zkctl/localcluster/member"
)

type serveOptions struct {
	*program
	file  string
	words string
}

func newServeCommand(p *program) *cli.Command {
	o := &serveOptions{program: p}
	return &cli.Command{
		Name:      "serve",
		Category:  categoryEnsemble,
		Usage:     "run one embedded server in the foreground, from a zoo.cfg",
		ArgsUsage: "FILE",
		Description: "Runs a server as zkServer.sh start-foreground would, on the configuration file that Apache ZooKeeper reads, with " +
			"a myid file in its dataDir. It speaks ZooKeeper's protocols, also to Java servers of the same ensemble. Keys that it " +
			"does not know are accepted with a warning. It logs to stderr.",
		Flags: []cli.Flag{
			// For the supervisor, whose questions must not count among the clients' connections.
			&cli.StringFlag{Name: localcluster.WordSocketFlag, Hidden: true, Destination: &o.words, Usage: "answer four-letter words on this unix `SOCKET`, too"},
		},
		UsageText: "zkctl serve zoo.cfg\nzkctl serve /etc/zookeeper/conf/zoo.cfg 2>> server.log",
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "FILE", &o.file); err != nil {
				return err
			}
			if err := o.only(c, "a log", formatTable); err != nil {
				return err
			}
			o.errEdge = 0 // stderr is a log, whose lines stay whole
			return o.run(c.Context)
		},
	}
}

func (o *serveOptions) run(ctx context.Context) error {
	config, err := member.LoadConfig(o.file)
	if err != nil {
		// Nothing was done, and ZooKeeper's own start has the same code. That ZooKeeper would refuse the file is the
		// answer of `quorum`, and not of a start.
		return configError(err, exitUsage)
	}
	if config.Control, err = member.ControlFromEnv(o.getenv); err != nil {
		return err
	}
	config.WordSocket = o.words
	return configError(member.Run(ctx, config, slog.New(member.Throttled(slog.NewTextHandler(o.Err, nil)))), exitFailed)
}

// configError gives what is wrong with a configuration a code and its hint. Other errors stay as they are.
func configError(err error, code int) error {
	var bad *member.ConfigError
	if errors.As(err, &bad) {
		return &exitError{code: code, err: err, hint: bad.Hint}
	}
	return err
}

// newSuperviseCommand is what "zkctl up" runs in the background; people do not call it.
func newSuperviseCommand(p *program) *cli.Command {
	return &cli.Command{
		Name: localcluster.SuperviseCommand, Hidden: true, ArgsUsage: "FOLDER",
		Usage: "run an ensemble's supervisor",
		Action: func(c *cli.Context) error {
			var folder string
			if err := oneArg(c, "FOLDER", &folder); err != nil {
				return err
			}
			p.errEdge = 0 // stderr is a log, whose lines stay whole
			return localcluster.Detached(c.Context, localcluster.Folder(filepath.Clean(folder)), programName())
		},
	}
}

// newGuardCommand is what the supervisor runs where the kernel does not end a child with its parent.
func newGuardCommand(p *program) *cli.Command {
	return &cli.Command{
		Name: localcluster.GuardCommand, Hidden: true,
		Usage:  "kill the processes named on stdin when it ends",
		Action: func(*cli.Context) error { return localcluster.Guard(p.In) },
	}
}
