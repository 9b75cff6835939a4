package commands

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// column is the head of a table's column.
type column struct {
	title string
	right bool // numbers are aligned to the right
	// rank orders the columns that a narrow terminal leaves out: the highest goes first, and a column
	// of rank 0 goes last.
	rank int
	// whole is a column that is copied from, such as an address: its cells are never shortened.
	whole bool
	// elastic is a column whose cells still say something without their ends, such as a list of
	// links: it is shortened before another column is left out.
	elastic bool
}

func left(title string) column  { return column{title: title} }
func right(title string) column { return column{title: title, right: true} }

// ranked is a column that a narrow terminal may do without.
func (c column) ranked(rank int) column {
	c.rank = rank
	return c
}

// uncut is a column whose cells are shown whole or not at all.
func (c column) uncut() column {
	c.whole = true
	return c
}

// cut is a column whose cells end in … before another column is left out.
func (c column) cut() column {
	c.elastic = true
	return c
}

// gap is the number of blanks between two columns.
const gap = 2

// table draws rows under a head, two blanks between columns and no lines: it
// reads the same on a terminal, in a pipe and in a design review. Where the page
// has an edge, columns are left out until the rest fits: a row is never wrapped.
func (pg *page) table(columns []column, rows [][]string) {
	pg.block()
	g := grid{columns: columns}
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = strings.ToUpper(c.title)
	}
	g.rows = append([][]string{head}, rows...)
	if pg.edge > 0 {
		g.fit(pg.edge)
	}
	g.write(&pg.buf)
}

// grid is a table that is being laid out: its head is the first row.
type grid struct {
	columns []column
	rows    [][]string
}

// widths are what the columns need, gaps not counted.
func (g *grid) widths() []int {
	widths := make([]int, len(g.columns))
	for _, row := range g.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], visible(cell))
		}
	}
	return widths
}

// span is the width of a line with columns of these widths.
func span(widths []int) int {
	n := -gap
	for _, w := range widths {
		n += w + gap
	}
	return n
}

// shortest is how far the cells of a column are shortened.
const shortest = 12

// fit makes the table as narrow as the edge asks for:
//
//	all columns of rank 0, and of the others the lowest ranks, as many as fit (elastic ones in 12 characters)
//	  --still too wide-->  cells of the widest elastic column end in …, down to 12 characters
//	  --still too wide-->  cells of other columns do
//	  --still too wide-->  the last columns go, too; the first always stays
func (g *grid) fit(edge int) {
	g.choose(edge)
	for _, elastic := range []bool{true, false} {
		for span(g.widths()) > edge && g.shorten(span(g.widths())-edge, elastic) {
		}
	}
	for len(g.columns) > 1 && span(g.widths()) > edge {
		g.keep(func(i int) bool { return i < len(g.columns)-1 })
	}
}

// choose leaves out columns that have a rank and no room.
func (g *grid) choose(edge int) {
	widths, order := g.widths(), make([]int, len(g.columns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.columns[a].rank, g.columns[b].rank) })
	var taken []int
	room := edge + gap
	for _, i := range order {
		need := widths[i] + gap
		if g.columns[i].elastic {
			need = min(need, shortest+gap)
		}
		if g.columns[i].rank == 0 || need <= room {
			taken, room = append(taken, i), room-need
		}
	}
	g.keep(func(i int) bool { return slices.Contains(taken, i) })
}

// keep drops the columns that wanted does not accept.
func (g *grid) keep(wanted func(column int) bool) {
	var columns []column
	rows := make([][]string, len(g.rows))
	for i, c := range g.columns {
		if !wanted(i) {
			continue
		}
		columns = append(columns, c)
		for r, row := range g.rows {
			rows[r] = append(rows[r], row[i])
		}
	}
	g.columns, g.rows = columns, rows
}

// shorten takes up to excess characters from the widest column that may be cut, elastic or not; it
// reports whether there was one.
func (g *grid) shorten(excess int, elastic bool) bool {
	widest, widths := -1, g.widths()
	for i, c := range g.columns {
		if c.elastic == elastic && !c.whole && widths[i] > shortest && (widest < 0 || widths[i] > widths[widest]) {
			widest = i
		}
	}
	if widest < 0 {
		return false
	}
	width := max(widths[widest]-excess, shortest)
	for _, row := range g.rows {
		row[widest] = shortened(row[widest], width)
	}
	return true
}

// shortened is a text cut to a width, with a mark in place of what is missing.
func shortened(text string, width int) string {
	if visible(text) <= width {
		return text
	}
	var b strings.Builder
	n, colour, coloured := 0, false, false
	for _, r := range text {
		if r == '\x1b' {
			colour, coloured = true, true
		}
		if !colour {
			if n++; n == width {
				break
			}
		}
		b.WriteRune(r)
		colour = colour && r != 'm'
	}
	cut := strings.TrimRight(b.String(), " ") + "…"
	if coloured {
		cut += "\x1b[0m"
	}
	return cut
}

// write draws the rows with tablewriter, the library that the project's owner has chosen for
// tables; it stays although the drawing alone is a page of code.
func (g *grid) write(b *bytes.Buffer) {
	align := make([]tw.Align, len(g.columns))
	for i, c := range g.columns {
		align[i] = tw.AlignLeft
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	var drawn bytes.Buffer
	t := tablewriter.NewTable(&drawn,
		tablewriter.WithRendition(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Lines: tw.LinesNone, Separators: tw.SeparatorsNone},
		}),
		tablewriter.WithConfig(tablewriter.Config{Row: tw.CellConfig{
			Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
			Alignment:  tw.CellAlignment{PerColumn: align},
			Padding:    tw.CellPadding{Global: tw.Padding{Left: tw.Empty, Right: strings.Repeat(" ", gap), Overwrite: true}},
		}}),
	)
	// The table writes to memory and is given strings only: it cannot fail.
	_ = t.Bulk(g.rows)
	_ = t.Render()
	for line := range strings.Lines(drawn.String()) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}
