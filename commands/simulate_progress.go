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

// tallyLine is one line on stderr that changes in place while runs go on. It
// appears on a terminal only: in a file it would be noise, and what stderr holds
// would depend on how fast the machine is.
type tallyLine struct {
	out   io.Writer // nil: not a terminal
	width int       // columns of the terminal
	shown time.Duration
	long  int // columns that the line has now
}

// tallyPause is how long a line stays before it changes.
const tallyPause = 200 * time.Millisecond

func (p *program) tallyLine() *tallyLine {
	f, ok := p.Err.(*os.File)
	if !ok || p.quiet || !term.IsTerminal(int(f.Fd())) {
		return &tallyLine{}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return &tallyLine{out: f, width: width}
}

func (l *tallyLine) show(t simulation.Tally, elapsed time.Duration) {
	if l.out == nil || elapsed < l.shown+tallyPause {
		return
	}
	l.shown = elapsed
	text := fmt.Sprintf("%d runs, %v simulated, %.0f runs a minute", t.Runs, t.Simulated.Round(time.Second), float64(t.Runs)/elapsed.Minutes())
	text = text[:min(len(text), l.width-1)] // a line that wraps could not be taken back
	fmt.Fprintf(l.out, "\r%-*s", l.long, text)
	l.long = len(text)
}

// end erases the line, so that only the result stays.
func (l *tallyLine) end() {
	if l.long > 0 {
		fmt.Fprintf(l.out, "\r%s\r", strings.Repeat(" ", l.long))
	}
}
