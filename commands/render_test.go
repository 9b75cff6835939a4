package commands

import (
	"strings"
	"testing"
)

// TestColoursTakeNoRoom draws the same page with and without colours: but for
// them it is the same text, broken into the same lines.
func TestColoursTakeNoRoom(t *testing.T) {
	draw := func(coloured bool) string {
		pg := &page{color: coloured, width: 80}
		pg.fields([2]string{"name", pg.good("é") + " and more"}, [2]string{"left out", ""}, [2]string{"n", "1"})
		pg.table([]column{left("what"), right("how many"), left("why")}, [][]string{
			{pg.bad("nothing"), "7", "é"}, {"x", pg.warn("1000"), ""}})
		pg.para("%s %s", pg.warn("even-ensemble:"), strings.Repeat("word ", 14)+"end")
		return pg.buf.String()
	}
	want := "name  é and more\nn     1\n\n" +
		"WHAT     HOW MANY  WHY\nnothing         7  é\nx            1000\n\n" +
		"even-ensemble: " + strings.TrimSpace(strings.Repeat("word ", 13)) + "\nword end\n"
	if got := draw(false); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	coloured := draw(true)
	plain := strings.NewReplacer("\x1b[32m", "", "\x1b[33m", "", "\x1b[31m", "", "  \x1b[0m\n", "\n", "\x1b[0m", "").Replace(coloured)
	if plain != want || coloured == want {
		t.Errorf("coloured:\n%s\nwant\n%s", plain, want)
	}
}
