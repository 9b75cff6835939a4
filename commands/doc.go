// Package commands is zkctl's command tree: what the words on the command line
// mean, how results look, and which number the process exits with. It holds no
// knowledge about quorums or ensembles; each verb fills an options struct, asks
// the package that knows, and renders the answer.
//
//	args --> parseArgs --> urfave/cli --> verb: options.run(ctx)
//	          |    |                              |        |
//	          |    flags in any place         p.print   error
//	          |                                   |        |
//	     usage errors, --help              table, JSON,  exitCode: the one place
//	     and __complete                    YAML, lines   that maps errors to 0..6
//
// # Adding a verb
//
// A verb is one file (or shares one with the verbs of its group) with
// three parts, and one line in program.verbs:
//
//	type pauseOptions struct {
//		*program            // streams, --name, --output, print, progress
//		selector string
//		timeout  time.Duration
//	}
//
//	func newPauseCommand(p *program) *cli.Command {
//		o := &pauseOptions{program: p}
//		p.completeMembers("pause", "") // optional: candidates for the arguments
//		return &cli.Command{
//			Name:        "pause",
//			Category:    categoryFaults,
//			Usage:       "stop members' processes without killing them",
//			ArgsUsage:   "SELECTOR",                 // "" refuses arguments
//			Description: "What it does, in a paragraph.",
//			UsageText:   "zkctl pause leader\nzkctl pause 1,3 --name test", // the examples of --help
//			Flags:       []cli.Flag{&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "…", Destination: &o.timeout}},
//			Action: func(c *cli.Context) error {
//				if err := oneArg(c, "SELECTOR", &o.selector); err != nil {
//					return err
//				}
//				return o.run(c.Context)
//			},
//		}
//	}
//
//	func (o *pauseOptions) run(ctx context.Context) error { … return o.print(doc, func(pg *page) { … }) }
//
// # Output
//
// print takes the document, which JSON and YAML show, and a function that draws
// it as a page for people: page.table, page.fields, page.para. The document is a
// struct with the field names of the command-line contract; print adds "version": 1 in front.
// A table never wraps: on a narrow terminal the columns with the highest rank, as in
// right("up").ranked(7), are left out first; what a row is about has no rank. The cells of a list,
// as in left("links").cut(), are shortened before another column is left out.
// Streams use printLine. progress and hint go to stderr, wrapped at the terminal's width,
// and -q silences them. Colour comes from page.good, page.warn and page.bad and
// appears on a terminal only.
//
// # Errors
//
// Return usagef, unhealthyf or notFoundf for exits 2, 3 and 6, exitf for others,
// and any other error for 1. withHint adds what to do next. When the
// page already says what is wrong (an unhealthy status, say), return reported(code).
//
// # Tests
//
// testdata/script/*.txtar are testscript scripts; "exec zkctl …" in them runs
// this package in a process of its own.
package commands
