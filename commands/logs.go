package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/inject"
	"zkctl/localcluster"
)

type logsOptions struct {
	*program
	selector string
	follow   bool
	lines    int
}

func newLogsCommand(p *program) *cli.Command {
	o := &logsOptions{program: p}
	p.completeMembers("logs", "")
	p.completeFlag("tail", constant("10", "100"))
	return &cli.Command{
		Name:      "logs",
		Category:  categoryEnsemble,
		Usage:     "print a member's log",
		ArgsUsage: "SELECTOR",
		Description: "Prints what the members' processes wrote: all of it, or the newest 4 to 8 MB where it is more. Lines of more " +
			"than one member begin with the member's id. With -f it goes on until the ensemble stops." + selectorHelp,
		UsageText: "zkctl logs leader\nzkctl logs 2 -f\nzkctl logs 1,3 --tail 20",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on as the log grows", Destination: &o.follow},
			&cli.IntFlag{Name: "tail", Usage: "only the last N lines of what is there", Value: -1, DefaultText: "all", Destination: &o.lines},
		},
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "SELECTOR", &o.selector); err != nil {
				return err
			}
			if c.IsSet("tail") && o.lines < 0 {
				return usagef("--tail %d: expected a number of lines", o.lines)
			}
			if err := o.only(c, "a member's own lines", formatTable); err != nil {
				return err
			}
			return o.run(c.Context)
		},
	}
}

func (o *logsOptions) run(ctx context.Context) error {
	// A selector that cannot be read is refused whether or not there is an ensemble.
	selector, err := inject.ParseSelector(o.selector)
	if err != nil {
		return usagef("%w", err)
	}
	folder, spec, err := o.folder()
	if err != nil {
		return err
	}
	ids, err := choose(ctx, selector, folder, spec)
	if err != nil {
		return err
	}
	var more func() bool
	if o.follow {
		more = folder.Running
	}
	out := &lineWriter{out: o.Out}
	errs := make(chan error)
	for _, id := range ids {
		prefix := ""
		if len(ids) > 1 {
			prefix = fmt.Sprintf("%d | ", id)
		}
		path := folder.Member(id).LogFile()
		if !o.follow {
			// Without -f the logs are printed one after the other.
			if err := o.copy(ctx, path, nil, out, prefix); err != nil {
				return err
			}
			continue
		}
		go func() { errs <- o.copy(ctx, path, more, out, prefix) }()
	}
	var first error
	for range ids {
		if !o.follow {
			break
		}
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

// copy prints one log.
func (o *logsOptions) copy(ctx context.Context, path string, more func() bool, out *lineWriter, prefix string) error {
	var wanted func([]byte) bool
	if left := o.lines; left >= 0 {
		wanted = func([]byte) bool { left--; return left >= 0 }
	}
	return localcluster.TailFrom(ctx, path, wanted, more, func(line []byte) error { return out.write(prefix, line) })
}

// choose resolves the selector. If it names roles and the ensemble runs, the supervisor is asked for the
// present roles; ids and sizes need no supervisor.
func choose(ctx context.Context, selector inject.Selector, folder localcluster.Folder, spec *localcluster.Spec) ([]int64, error) {
	var members []inject.Member
	for _, m := range spec.Members {
		members = append(members, inject.Member{ID: m.ID, Observer: m.Observer})
	}
	if selector.NeedsRoles() {
		// The supervisor is asked before its lock is looked at: if the lock was removed, the
		// supervisor soon makes it anew.
		client, err := localcluster.Dial(folder)
		switch {
		case err == nil:
			if members, err = client.Members(ctx); err != nil {
				return nil, err
			}
		case localcluster.CodeOf(err) != localcluster.CodeMissing || folder.Running():
			return nil, err
		}
	}
	ids, err := selector.Resolve(members, rand.New(rand.NewPCG(rand.Uint64(), 0)))
	if err != nil {
		return nil, notFoundf("%w", err)
	}
	return ids, nil
}

// lineWriter keeps the lines of several logs whole.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lineWriter) write(prefix string, line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.out.Write(slices.Concat([]byte(prefix), line, []byte("\n")))
	return wrapOutput(err)
}

type eventsOptions struct {
	*program
	follow bool
	since  time.Duration
	after  time.Time // zero is from the beginning
}

func newEventsCommand(p *program) *cli.Command {
	o := &eventsOptions{program: p}
	return &cli.Command{
		Name:     "events",
		Category: categoryEnsemble,
		Usage:    "print an ensemble's timeline, a JSON object a line",
		Description: "Every line has a time and a kind: up, down, started, exited, signal, paused, resumed, role, election, fault, " +
			"heal, overdue, lost, continued, data-gone, blocked. The newest 4 to 8 MB are kept. With -f it goes on until the ensemble stops.",
		UsageText: "zkctl events\nzkctl events -f --since 10s\nzkctl events | jq 'select(.kind == \"role\")'",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on as things happen", Destination: &o.follow},
			&cli.DurationFlag{Name: "since", Usage: "only what happened within this time", Destination: &o.since},
		},
		Action: func(c *cli.Context) error {
			if err := o.only(c, "JSON Lines", formatJSON); err != nil {
				return err
			}
			if c.IsSet("since") {
				o.after = time.Now().Add(-o.since)
			}
			return o.run(c.Context)
		},
	}
}

func (o *eventsOptions) run(ctx context.Context) error {
	folder, _, err := o.folder()
	if err != nil {
		return err
	}
	var more func() bool
	if o.follow {
		more = folder.Running
	}
	var wanted func([]byte) bool
	if !o.after.IsZero() {
		wanted = func(line []byte) bool {
			var e localcluster.Event
			return json.Unmarshal(line, &e) != nil || !e.Time.Before(o.after)
		}
	}
	return localcluster.TailFrom(ctx, folder.EventsFile(), wanted, more, func(line []byte) error {
		if !json.Valid(line) {
			return nil // torn by a crash or a full disk
		}
		return o.printLine(json.RawMessage(line))
	})
}
