package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/quorum"
	"zkctl/quorum/zoocfg"
)

// recoveryOptions are the limits from which a recovery budget follows.
type recoveryOptions struct {
	*program
	config    string
	tick      time.Duration
	initLimit int
	syncLimit int
	session   time.Duration
	isSet     func(flag string) bool
}

// recoveryDoc is the document of "zkctl quorum recovery".
type recoveryDoc struct {
	Tick      float64 `json:"tick_seconds"`
	InitLimit int     `json:"init_limit"`
	SyncLimit int     `json:"sync_limit"`
	Granted   float64 `json:"session_timeout_seconds"` // as granted
	Notices   float64 `json:"client_notices_seconds"`
	quorum.Budgets
}

func newQuorumRecoveryCommand(p *program) *cli.Command {
	o := &recoveryOptions{program: p}
	return &cli.Command{
		Name:  "recovery",
		Usage: "the worst-case time to detect, elect and synchronise, from the configured limits",
		Description: "For the three ways to lose a leader: its process crashes; it hangs, or its machine dies, without a word; " +
			"it is cut off with a minority. From tickTime, initLimit and syncLimit, given or read from a zoo.cfg, and the session " +
			"timeout that clients ask for.",
		UsageText: "zkctl quorum recovery --tick 2s --init-limit 10 --sync-limit 5\n" +
			"zkctl quorum recovery --config zoo.cfg --session-timeout 10s",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "`FILE` read the limits from this zoo.cfg, - for standard input", Destination: &o.config},
			&cli.DurationFlag{Name: "tick", Usage: "tickTime", Value: 2 * time.Second, Destination: &o.tick},
			&cli.IntFlag{Name: "init-limit", Usage: "initLimit, in ticks", Value: 10, Destination: &o.initLimit},
			&cli.IntFlag{Name: "sync-limit", Usage: "syncLimit, in ticks", Value: 5, Destination: &o.syncLimit},
			&cli.DurationFlag{Name: "session-timeout", Usage: "what clients ask for (default: the largest allowed)", Destination: &o.session},
		},
		Action: func(c *cli.Context) error {
			o.isSet = c.IsSet
			return o.run()
		},
	}
}

func (o *recoveryOptions) run() error {
	timing := quorum.Timing{Tick: o.tick, InitLimit: o.initLimit, SyncLimit: o.syncLimit}
	if o.config != "" {
		config, _, err := o.readConfig(o.config)
		if err != nil {
			return err
		}
		o.fromConfig(&timing, config)
	}
	b, err := quorum.RecoveryBudget(timing, o.session)
	switch {
	case err != nil && o.config != "":
		return refusal(err, o.config)
	case err != nil:
		return err
	}
	doc := recoveryDoc{timing.Tick.Seconds(), timing.InitLimit, timing.SyncLimit, b.Session.Seconds(), b.ClientNotices.Seconds(), b}
	return o.print(doc, doc.draw)
}

// fromConfig takes the limits that the file has; a flag given beside it wins.
func (o *recoveryOptions) fromConfig(t *quorum.Timing, config *zoocfg.Config) {
	millis := func(key string, absent int64) time.Duration {
		return time.Duration(config.Number(key, absent)) * time.Millisecond
	}
	if !o.isSet("tick") {
		t.Tick = millis("tickTime", 3000)
	}
	// ZooKeeper has no default for these two; 0 is then refused by its name.
	if !o.isSet("init-limit") {
		t.InitLimit = int(config.Number("initLimit", 0))
	}
	if !o.isSet("sync-limit") {
		t.SyncLimit = int(config.Number("syncLimit", 0))
	}
	// -1 is ZooKeeper's way to say that the default holds.
	t.MinSession, t.MaxSession = max(0, millis("minSessionTimeout", 0)), max(0, millis("maxSessionTimeout", 0))
}

func (doc recoveryDoc) draw(pg *page) {
	ticks := func(n int) string {
		return fmt.Sprintf("%s (%s)", quorum.Plural(n, "tick"), humanSeconds(doc.Tick*float64(n)))
	}
	pg.fields(
		[2]string{"tick", humanSeconds(doc.Tick)},
		[2]string{"initLimit", ticks(doc.InitLimit)},
		[2]string{"syncLimit", ticks(doc.SyncLimit)},
		[2]string{"election", spanText(doc.Crash.Elect)},
		[2]string{"session", fmt.Sprintf("%s granted; a client gives up a silent server after %s", humanSeconds(doc.Granted), humanSeconds(doc.Notices))},
	)
	var rows [][]string
	for i, b := range []quorum.Budget{doc.Crash, doc.Hang, doc.Partition} {
		rows = append(rows, []string{[]string{"crashes", "hangs, host dies", "is cut off"}[i], spanText(b.Detect), spanText(b.Sync), spanText(b.Total)})
	}
	pg.table([]column{left("the leader"), right("detect").ranked(2), right("sync").ranked(3), right("no writes for").ranked(1)}, rows)
	pg.para("A leader that is cut off serves reads, and believes in itself, for %s.", spanText(doc.Partition.StepDown))
	drawList(pg, "assumes: ", []string{
		"a follower gives its leader up syncLimit ticks after the last word, and hears from it every half tick",
		"an election takes the 200 ms that it waits for a better vote, once more if one comes; when votes are lost, " +
			"nothing bounds it (they are repeated after 0.2 s, doubling up to 60 s)",
		"synchronisation that takes more than initLimit ticks is given up, and a new election begins",
	})
}

func spanText(s quorum.Span) string {
	least, most := humanSeconds(s.Least.Seconds()), humanSeconds(s.Most.Seconds())
	number, unit, _ := strings.Cut(least, " ")
	switch {
	case s.Most == 0:
		return "at once"
	case s.Least == s.Most:
		return most
	case s.Least == 0:
		return "up to " + most
	case strings.HasSuffix(most, " "+unit):
		return number + " .. " + most
	}
	return least + " .. " + most
}
