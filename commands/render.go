package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"
	"go.yaml.in/yaml/v3"
)

// format is a way to show a result.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
)

func parseFormat(s string) (format, error) {
	switch f := format(s); f {
	case formatTable, formatJSON, formatYAML:
		return f, nil
	}
	return "", usagef("--output %q is none of table, json, yaml", s)
}

// schemaVersion stands at the top of every JSON and YAML document. It changes
// when a field changes its meaning or goes away, not when one is added.
const schemaVersion = 1

// print shows a result on stdout: doc as JSON or YAML, or the page that draw
// fills. doc must encode as a JSON object.
func (p *program) print(doc any, draw func(*page)) error {
	if p.output == formatTable {
		pg := &page{color: p.color, width: p.width, edge: p.edge}
		draw(pg)
		_, err := p.Out.Write(pg.buf.Bytes())
		return wrapOutput(err)
	}
	text, err := encodeDocument(doc)
	if err != nil {
		return err
	}
	if p.output == formatYAML {
		text, err = toYAML(text)
	} else {
		var indented bytes.Buffer
		err = json.Indent(&indented, text, "", "  ")
		indented.WriteByte('\n')
		text = indented.Bytes()
	}
	if err != nil {
		return fmt.Errorf("render %T: %w", doc, err)
	}
	_, err = p.Out.Write(text)
	return wrapOutput(err)
}

// toYAML writes a JSON object as YAML, with the fields in the same order.
func toYAML(text []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if err := inBlocks(&doc); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	err := enc.Encode(&doc)
	return b.Bytes(), err
}

// inBlocks takes the brackets and quotes of JSON away, but for those that YAML needs, too.
func inBlocks(n *yaml.Node) error {
	if n.Style&yaml.DoubleQuotedStyle != 0 {
		return n.Encode(n.Value) // which quotes what YAML 1.1 takes for something else: on, 12:30
	}
	if len(n.Content) > 0 { // an empty list has no other form than []
		n.Style = 0
	}
	for _, c := range n.Content {
		if err := inBlocks(c); err != nil {
			return err
		}
	}
	return nil
}

// printLine writes one object of a stream as a line of JSON.
func (p *program) printLine(doc any) error {
	text, err := marshal(doc)
	if err != nil {
		return err
	}
	_, err = p.Out.Write(append(text, '\n'))
	return wrapOutput(err)
}

// encodeDocument puts the schema's version in front of the object's fields.
func encodeDocument(doc any) ([]byte, error) {
	text, err := marshal(doc)
	if err != nil {
		return nil, err
	}
	if len(text) < 2 || text[0] != '{' {
		return nil, fmt.Errorf("render %T: a document must be a JSON object", doc)
	}
	head := fmt.Sprintf(`{"version":%d`, schemaVersion)
	if text[1] != '}' {
		head += ","
	}
	return append([]byte(head), text[1:]...), nil
}

// marshal leaves <, > and & alone: they are read by people and programs, not by browsers.
func marshal(doc any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("render %T: %w", doc, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// wrapOutput says that the result could not be written. The cause is not kept: a full disk behind stdout is not that of
// the state directory, which the advice for it is about.
func wrapOutput(err error) error {
	if err != nil {
		return fmt.Errorf("write the result to standard output: %v", err)
	}
	return nil
}

// printDone is print for the report of what has been done already, which an output that fails does not take back.
func (p *program) printDone(what string, dryRun bool, doc any, draw func(*page)) error {
	err := p.print(doc, draw)
	if err != nil && !dryRun {
		return fmt.Errorf("%s is done, but not its report: %w", what, err)
	}
	return err
}

// progress tells the human on stderr what is going on.
func (p *program) progress(format string, args ...any) {
	if !p.quiet {
		p.say(fmt.Sprintf(format, args...))
	}
}

// hint tells the human on stderr what could be done next.
func (p *program) hint(format string, args ...any) {
	p.progress("hint: "+format, args...)
}

// page is a result drawn for people: blocks separated by blank lines.
type page struct {
	buf   bytes.Buffer
	color bool
	width int // where text is wrapped
	edge  int // where tables must end; 0 is nowhere
}

// block separates what follows from what is there.
func (pg *page) block() {
	if pg.buf.Len() > 0 {
		pg.buf.WriteByte('\n')
	}
}

// fields draws names and values; rows with an empty value are left out, and
// values that do not fit are wrapped, under their names where it is narrow.
func (pg *page) fields(rows ...[2]string) {
	pg.block()
	names := 0
	for _, r := range rows {
		if r[1] != "" {
			names = max(names, visible(r[0]))
		}
	}
	indent := names + gap
	narrow := pg.width-indent < 24
	if narrow {
		indent = gap
	}
	for _, r := range rows {
		if r[1] == "" {
			continue
		}
		name := r[0]
		if narrow {
			pg.buf.WriteString(name + "\n")
			name = ""
		}
		var b strings.Builder
		wrap(&b, r[1], pg.width-indent, "")
		for line := range strings.Lines(b.String()) {
			pg.buf.WriteString(strings.TrimRight(name+strings.Repeat(" ", indent-visible(name))+line, " \n") + "\n")
			name = ""
		}
	}
}

// para writes a paragraph, wrapped to the page's width; later lines are
// indented by as much as the first one's marker, such as "- ".
func (pg *page) para(format string, args ...any) {
	pg.block()
	pg.line(format, args...)
}

// line is para without the blank line in front.
func (pg *page) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	indent := ""
	if strings.HasPrefix(text, "- ") {
		indent = "  "
	}
	wrap(&pg.buf, text, min(pg.width, textWidth), indent)
}

// raw writes text as it is.
func (pg *page) raw(text string) { pg.buf.WriteString(text) }

func wrap(w io.Writer, text string, width int, indent string) {
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case visible(line)+1+visible(word) > width:
			fmt.Fprintln(w, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	fmt.Fprintln(w, line)
}

// visible is how many columns of a terminal a text takes: colours take none.
func visible(text string) int {
	n := 0
	colour := false
	for _, r := range text {
		switch {
		case r == '\x1b':
			colour = true
		case !colour:
			n++
		case r == 'm':
			colour = false
		}
	}
	return n
}

func (pg *page) good(s string) string { return pg.paint(color.FgGreen, s) }
func (pg *page) warn(s string) string { return pg.paint(color.FgYellow, s) }
func (pg *page) bad(s string) string  { return pg.paint(color.FgRed, s) }

func (pg *page) paint(a color.Attribute, s string) string {
	if !pg.color {
		return s
	}
	c := color.New(a)
	c.EnableColor() // whether to colour is settled; the library need not guess from the process's stdout
	return c.Sprint(s)
}
