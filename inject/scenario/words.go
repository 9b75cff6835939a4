package scenario

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// word is a word of a line, without its quotes.
type word struct {
	text   string
	at     int  // byte offset of its first byte, quotes included
	quoted bool // it begins with a quote, so it is no flag
}

// splitWords splits a line at spaces as a shell does: '…' and "…" keep what is between them, and
// what touches belongs to one word. A backslash is a character like others.
func splitWords(line string) ([]word, *mistake) {
	var words []word
	var open byte // the quote that we are in
	inWord, from := false, 0
	for i := range len(line) {
		c := line[i]
		space := c == ' ' || c == '\t' || c == '\n' || c == '\r'
		switch {
		case open != 0 && c != open:
			words[len(words)-1].text += line[i : i+1]
		case open != 0:
			open = 0
		case space:
			inWord = false
		default:
			quotes := c == '\'' || c == '"'
			if !inWord {
				inWord = true
				words = append(words, word{at: i, quoted: quotes})
			}
			if quotes {
				open, from = c, i
			} else {
				words[len(words)-1].text += line[i : i+1]
			}
		}
	}
	if open != 0 {
		return nil, mistaken(from, "the quote %c is not closed", open)
	}
	return words, nil
}

// quote writes a word so that splitWords, and a shell, read it as one.
func quote(text string) string {
	special := func(r rune) bool { return strings.ContainsRune(" \t\r\n|<>!&;()*?$`'\"#~\\", r) }
	switch {
	case text != "" && !strings.ContainsFunc(text, special) && !strings.HasPrefix(text, "--"):
		return text
	case !strings.Contains(text, "'"):
		return "'" + text + "'"
	}
	return "'" + strings.ReplaceAll(text, "'", `'"'"'`) + "'"
}

// mistake is something wrong at a byte of a line.
type mistake struct {
	offset  int
	problem string
}

func mistaken(offset int, format string, args ...any) *mistake {
	return &mistake{offset, fmt.Sprintf(format, args...)}
}

// in makes an error of a mistake in a text that begins at this place of a file.
func (m *mistake) in(text string, line, col int) *Error {
	return &Error{Line: line, Col: col + utf8.RuneCountInString(text[:m.offset]), Problem: m.problem}
}

// Error is a mistake at a place of a text.
type Error struct {
	File      string // "" for a text that is no file
	Line, Col int    // from 1; Col counts characters; 0 where the place is not known
	Problem   string
}

func (e *Error) Error() string {
	switch {
	case e.File == "":
		return fmt.Sprintf("column %d: %s", e.Col, e.Problem)
	case e.Line == 0:
		return fmt.Sprintf("%s: %s", e.File, e.Problem)
	case e.Col == 0:
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Problem)
}
