package commands

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"zkctl/localcluster/simulation"
)

// statusLine is one line on stderr that changes in place while something goes on. It
// appears on a terminal only: in a file it would be noise, and what stderr holds
// would depend on how fast the machine is.
type statusLine struct {
	out   io.Writer // nil: not a terminal
	width int       // columns of the terminal
	long  int       // columns that the line has now
}

func (p *program) statusLine() *statusLine {
	f, ok := p.Err.(*os.File)
	if !ok || p.quiet || !term.IsTerminal(int(f.Fd())) {
		return &statusLine{}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return &statusLine{out: f, width: width}
}

func (l *statusLine) show(text string) {
	if l.out == nil {
		return
	}
	text = text[:min(len(text), l.width-1)] // a line that wraps could not be taken back
	fmt.Fprintf(l.out, "\r%-*s", l.long, text)
	l.long = len(text)
}

// end erases the line, so that only the result stays.
func (l *statusLine) end() {
	if l.long > 0 {
		fmt.Fprintf(l.out, "\r%s\r", strings.Repeat(" ", l.long))
	}
}

// tallyLine shows how many runs have been simulated.
type tallyLine struct {
	statusLine
	shown time.Duration
}

// tallyPause is how long a line stays before it changes.
const tallyPause = 200 * time.Millisecond

func (p *program) tallyLine() *tallyLine { return &tallyLine{statusLine: *p.statusLine()} }

func (l *tallyLine) show(t simulation.Tally, elapsed time.Duration) {
	if l.out == nil || elapsed < l.shown+tallyPause {
		return
	}
	l.shown = elapsed
	l.statusLine.show(fmt.Sprintf("%d runs, %v simulated, %.0f runs a minute", t.Runs, t.Simulated.Round(time.Second), float64(t.Runs)/elapsed.Minutes()))
}
