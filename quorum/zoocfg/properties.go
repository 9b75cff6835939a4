package zoocfg

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"zkctl/quorum"
)

// Entry is one key=value of the text.
type Entry struct {
	Key   string
	Value string // with its trailing white space: ZooKeeper trims some values only
	Line  int    // where the key stands, counting from 1
}

// Error is a line that cannot be read or contradicts another.
type Error struct {
	Line int    // 0 when no single line is to blame
	Text string // what is wrong, naming the offending value
	Err  error  // what it wraps, usually quorum.ErrRefused; may be nil
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

func (e *Error) Unwrap() error { return e.Err }

// Config is a parsed properties text.
type Config struct {
	entries []Entry        // in the order of the text, repeated keys included
	last    map[string]int // key -> index of its last entry, the one that Java keeps
}

// pair is a logical line: a key, then white space, '=' or ':' (which may have white space around
// it), and the value. An escaped separator belongs to the key.
var pair = regexp.MustCompile(`(?s)^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)$`)

// Parse reads a properties text: key=value, key:value or "key value"; # and !
// start comments; a backslash at the end of a line continues it; \t \n \r \f
// \uXXXX are escapes and any other escaped character stands for itself. That is
// java.util.Properties, except that bytes beyond ASCII are taken as UTF-8 (Java
// takes Latin-1).
//
// The only unreadable thing in this syntax is a malformed \uXXXX.
func Parse(text []byte) (*Config, error) {
	c := &Config{last: map[string]int{}}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text)), "\n")
	for i := 0; i < len(lines); i++ {
		first := i
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for continues(line) {
			line = line[:len(line)-1]
			if i+1 < len(lines) {
				i++
				line += strings.TrimLeft(lines[i], " \t\f")
			}
		}
		parts := pair.FindStringSubmatch(line)
		key, err := unescape(parts[1])
		value, err2 := unescape(parts[2])
		if err = cmp.Or(err, err2); err != nil {
			return nil, &Error{Line: first + 1, Text: err.Error()}
		}
		c.last[key] = len(c.entries)
		c.entries = append(c.entries, Entry{key, value, first + 1})
	}
	return c, nil
}

// ParseFile is Parse for a whole zoo.cfg: a text without a key is refused. It usually comes of a
// program that failed in front of a pipe, and ZooKeeper does not start with it either.
func ParseFile(text []byte) (*Config, error) {
	c, err := Parse(text)
	if err == nil && len(c.entries) == 0 {
		return nil, &Error{Text: "the configuration is empty: it sets no key", Err: quorum.ErrRefused}
	}
	return c, err
}

// Get returns the value that ZooKeeper would see for key, white space around it
// removed as QuorumPeerConfig removes it, and whether the key is there.
func (c *Config) Get(key string) (string, bool) {
	e, ok := c.Lookup(key)
	return strings.TrimSpace(e.Value), ok
}

// Lookup returns the entry in force for key: the last one, as in Java.
func (c *Config) Lookup(key string) (Entry, bool) {
	i, ok := c.last[key]
	if !ok {
		return Entry{}, false
	}
	return c.entries[i], true
}

// All returns the entries in force, each key once, in the order of the text.
func (c *Config) All() []Entry {
	var all []Entry
	for i, e := range c.entries {
		if c.last[e.Key] == i {
			all = append(all, e)
		}
	}
	return all
}

// Contradictions lists the keys that are given more than once with
// different values, one error for each entry that a later one overrides.
func (c *Config) Contradictions() []*Error {
	var found []*Error
	for i, e := range c.entries {
		j := c.last[e.Key]
		if i == j || c.entries[j].Value == e.Value {
			continue
		}
		found = append(found, &Error{Line: e.Line, Text: fmt.Sprintf(
			"%s=%s contradicts line %d: %s=%s (zookeeper silently takes the last)",
			e.Key, e.Value, c.entries[j].Line, e.Key, c.entries[j].Value)})
	}
	return found
}

// DynamicFile returns the path that dynamicConfigFile names, if any. The
// servers then stand in that file, see WithDynamic.
func (c *Config) DynamicFile() (string, bool) { return c.Get("dynamicConfigFile") }

// continues reports whether a line ends in an odd number of backslashes.
func continues(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// escape is a backslash and what belongs to it: all of a run of \uXXXX, so that surrogate pairs
// meet.
var escape = regexp.MustCompile(`(?s)(?:\\u[[:xdigit:]]{4})+|\\u.{0,4}|\\.?`)

func unescape(s string) (text string, err error) {
	text = escape.ReplaceAllStringFunc(s, func(found string) string {
		found = found[1:]
		if at := strings.Index("tnrf", found); at >= 0 && found != "" {
			return "\t\n\r\f"[at : at+1]
		}
		if !strings.HasPrefix(found, "u") {
			return found
		}
		var units []uint16
		for digits := range strings.SplitSeq(found[1:], `\u`) {
			v, bad := strconv.ParseUint(digits, 16, 16)
			if bad != nil || len(digits) < 4 {
				err = fmt.Errorf(`malformed escape \u%s: four hexadecimal digits must follow \u`, digits)
			}
			units = append(units, uint16(v))
		}
		return string(utf16.Decode(units))
	})
	return text, err
}
