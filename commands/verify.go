package commands

import (
	"github.com/urfave/cli/v2"

	"zkctl/inject/drill"
	"zkctl/localcluster"
)

type verifyOptions struct {
	*program
	dir, report, junit string
}

func newVerifyCommand(p *program) *cli.Command {
	o := &verifyOptions{program: p}
	return &cli.Command{
		Name:      "verify",
		Category:  categoryRecovery,
		Usage:     "judge the evidence of a drill again",
		ArgsUsage: "DIR",
		Description: "Reads the bundle that zkctl drill --bundle has made, and gives the verdict that follows from it. A bundle from which a file " +
			"is missing, or in which one was edited, is refused (exit 1); one that was never completed has no verdict but violated or unknown.",
		UsageText: "zkctl verify evidence\nzkctl verify evidence -o json\nzkctl verify evidence --report report.html --junit verdicts.xml",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "report", Usage: "`FILE` write what happened when as a page of HTML", Destination: &o.report},
			&cli.StringFlag{Name: "junit", Usage: "`FILE` write the verdicts as JUnit XML", Destination: &o.junit},
		},
		Action: func(c *cli.Context) error {
			if err := oneArg(c, "DIR", &o.dir); err != nil {
				return err
			}
			return o.run()
		},
	}
}

func (o *verifyOptions) run() error {
	bundle, _, err := drill.ReadBundle(o.dir, localcluster.ReadMember)
	if err != nil {
		return err
	}
	var options drill.Options
	// The scenario in a bundle says what the ensemble was.
	if timing, err := localcluster.DrillTiming(localcluster.DrillOptions{Name: "verify", Fresh: true}, bundle.Scenario); err == nil {
		options.Predict = predictor(timing, bundle.Scenario.Workload.Session)
	}
	result := drill.Judge(bundle, options)
	again := "zkctl verify " + shellQuote(o.dir)
	if err := writeReport(o.report, result, []string{again}); err != nil {
		return err
	}
	if o.junit != "" {
		if err := writeJUnit(o.junit, result, again); err != nil {
			return err
		}
	}
	doc := drill.NewDocument(result)
	doc.Bundle = o.dir
	if err := o.print(doc, func(pg *page) { drawVerdict(pg, doc, []string{again}) }); err != nil {
		return err
	}
	return verdictError(result)
}
