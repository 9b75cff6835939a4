package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strconv"

	"zkctl/inject/drill"
)

//go:embed page.html page.css page.js
var files embed.FS

var page = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"css":     func() template.CSS { return template.CSS(source("page.css")) },
	"js":      func() template.JS { return template.JS(source("page.js")) },
	"seconds": secondsText,
	"number":  numberText,
}).ParseFS(files, "page.html"))

// source is a file of the page. They are embedded, so there is no other error than a wrong name.
func source(name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("the report lacks its own %s: %v", name, err))
	}
	return string(text)
}

// secondsText is a measured time, or a dash where there was nothing to measure.
func secondsText(s *float64) string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%.3f s", *s)
}

// numberText is what was measured for a limit.
func numberText(n *float64) string {
	if n == nil {
		return "–"
	}
	return strconv.FormatFloat(*n, 'g', 4, 64)
}

// Write writes the report. again are the command lines that make the run and the verdict once more.
func Write(w io.Writer, r *drill.Result, again []string) error {
	if err := page.Execute(w, newData(r, again)); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}
