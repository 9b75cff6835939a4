package commands

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"zkctl/localcluster"
	"zkctl/probe"
)

type statusOptions struct{ *program }

func newStatusCommand(p *program) *cli.Command {
	o := &statusOptions{program: p}
	return &cli.Command{
		Name:     "status",
		Category: categoryEnsemble,
		Usage:    "show the members, their roles and the verdict",
		Description: "Asks every member what it is doing. Exits 0 when the ensemble is healthy, 3 when it is not, 4 when members that " +
			"run could not be asked and it cannot be told without them, and 6 when it is not running. A narrow terminal shows fewer columns; -o json has all.",
		UsageText: "zkctl status\nzkctl status -o json\nzkctl status --name test && echo fine",
		Action:    func(c *cli.Context) error { return o.run(c.Context) },
	}
}

func (o *statusOptions) run(ctx context.Context) error {
	folder, _, err := o.folder()
	if err != nil {
		return err
	}
	status, err := localcluster.StatusOf(ctx, folder)
	if err != nil {
		return err
	}
	if err := o.print(status, func(pg *page) { drawStatus(pg, status) }); err != nil {
		return err
	}
	switch {
	case status.State != localcluster.StateRunning:
		o.hint("zkctl up --name %s starts it", status.Name)
		return reported(exitNotFound)
	case status.Health == probe.HealthUnknown:
		return reported(exitUnknown)
	case status.Health != probe.HealthHealthy:
		return reported(exitUnhealthy)
	}
	return nil
}

// drawStatus shows an ensemble to people.
func drawStatus(pg *page, s localcluster.Status) {
	health := s.Health.String()
	switch s.Health {
	case probe.HealthHealthy:
		health = pg.good(health)
	case probe.HealthDegraded, probe.HealthUnknown:
		health = pg.warn(health)
	default:
		health = pg.bad(health)
	}
	if s.State != localcluster.StateRunning {
		health = s.State
	}
	leader, serve := "no leader", "serve"
	if s.Health == probe.HealthUnknown || s.Health == probe.HealthDegraded {
		leader = "leader not known"
	}
	if s.Health == probe.HealthUnknown {
		serve = "are known to serve"
	}
	if s.Leader != nil {
		leader = fmt.Sprintf("leader %d, epoch %d", *s.Leader, s.Epoch)
	}
	pg.para("%s: %s, %d of %d voters %s (%d needed), %s", s.Name, health, s.Quorum.Have, s.Quorum.Size, serve, s.Quorum.Needed, leader)
	var rows [][]string
	for _, m := range s.Members {
		rows = append(rows, memberRow(pg, m))
	}
	pg.table([]column{right("id"), left("role"), left("engine").ranked(6), right("zxid").ranked(2), right("epoch").ranked(3),
		right("conns").ranked(4), left("client").ranked(1).uncut(), right("pid").ranked(5), right("up").ranked(7)}, rows)
	pg.block()
	if s.Killed != nil {
		pg.line("- %s", s.Killed)
	}
	if s.State == localcluster.StateRunning {
		for _, f := range s.Reasons {
			pg.line("- %s", f.Text)
		}
	}
	for _, f := range s.Faults {
		pg.line("- fault %s", faultLine(f))
	}
	pg.raw("connect: " + s.Connect + "\n") // never wrapped: it is there to be copied
}

func memberRow(pg *page, m localcluster.MemberStatus) []string {
	role, pid, up, zxid, conns := m.Role, "-", "-", "-", "-"
	switch m.Role {
	case "leader":
		role = pg.good(role)
	case "looking", "down", "paused":
		role = pg.bad(role)
	}
	if m.PID != 0 {
		pid, up = strconv.Itoa(m.PID), short(m.Uptime)
	}
	if m.Reason == "" {
		zxid, conns = m.Zxid, strconv.FormatInt(m.Connections, 10)
	}
	return []string{strconv.FormatInt(m.ID, 10), role, strings.TrimSpace(m.Engine.String() + " " + m.Version), zxid,
		strconv.FormatInt(m.Epoch, 10), conns, m.Client, pid, up}
}

// short writes a number of seconds as a duration.
func short(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Minute {
		return d.Round(time.Second / 10).String()
	}
	return d.Round(time.Second).String()
}

type lsOptions struct{ *program }

func newLsCommand(p *program) *cli.Command {
	o := &lsOptions{program: p}
	return &cli.Command{
		Name:        "ls",
		Category:    categoryEnsemble,
		Usage:       "list the local ensembles, running or not",
		Description: "Lists every ensemble of the state directory with its health and its connect string.",
		UsageText:   "zkctl ls\nzkctl ls -o json",
		Action:      func(c *cli.Context) error { return o.run(c.Context) },
	}
}

type lsDoc struct {
	Ensembles []localcluster.Summary `json:"ensembles"`
}

func (o *lsOptions) run(ctx context.Context) error {
	home, err := localcluster.FindHome(o.getenv)
	if err != nil {
		return err
	}
	list, listErr := localcluster.List(ctx, home)
	if listErr != nil && len(list) == 0 {
		return listErr // the state directory could not be read
	}
	err = o.print(lsDoc{append([]localcluster.Summary{}, list...)}, func(pg *page) {
		if len(list) == 0 {
			pg.para("There is no ensemble in %s.", home)
			return
		}
		drawSummaries(pg, list)
	})
	if err != nil {
		return err
	}
	return listErr
}

func drawSummaries(pg *page, list []localcluster.Summary) {
	var rows [][]string
	for _, s := range list {
		health := "-"
		if s.Health != nil {
			health = s.Health.String()
		}
		rows = append(rows, []string{s.Name, s.State, health, strconv.Itoa(s.Members), s.Connect})
	}
	pg.table([]column{left("name").uncut(), left("state").ranked(2), left("health"), right("members").ranked(3),
		left("connect").ranked(1).uncut()}, rows)
}
