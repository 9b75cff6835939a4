package zoocfg

import (
	"fmt"
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

// Parse reads a properties text: key=value, key:value or "key value"; # and !
// start comments; a backslash at the end of a line continues it; \t \n \r \f
// \uXXXX are escapes and any other escaped character stands for itself. That is
// java.util.Properties, except that bytes beyond ASCII are taken as UTF-8 (Java
// takes Latin-1).
//
// The only unreadable thing in this syntax is a malformed \uXXXX.
func Parse(text []byte) (*Config, error) {
	c := &Config{last: map[string]int{}}
	lines := splitLines(string(text))
	for i := 0; i < len(lines); i++ {
		first := i
		line := strings.TrimLeft(lines[i], " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		for continues(line) && i+1 < len(lines) {
			i++
			line = line[:len(line)-1] + strings.TrimLeft(lines[i], " \t\f")
		}
		if continues(line) { // a backslash at the very end of the text
			line = line[:len(line)-1]
		}
		rawKey, rawValue := splitPair(line)
		key, err := unescape(rawKey)
		if err != nil {
			return nil, &Error{Line: first + 1, Text: err.Error()}
		}
		value, err := unescape(rawValue)
		if err != nil {
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

// splitLines cuts at \n, \r and \r\n.
func splitLines(s string) []string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(s, "\r", "\n"), "\n")
}

// continues reports whether a line ends in an odd number of backslashes.
func continues(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// splitPair cuts a logical line at the first unescaped separator: white space,
// '=' or ':', where one '=' or ':' may have white space around it.
func splitPair(line string) (key, value string) {
	end := len(line)
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("=: \t\f", line[i]) >= 0 {
			end = i
			break
		}
	}
	key, value = line[:end], strings.TrimLeft(line[end:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return key, value
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			break
		}
		if at := strings.IndexByte("tnrf", s[i]); at >= 0 {
			b.WriteByte("\t\n\r\f"[at])
			continue
		}
		if s[i] != 'u' {
			b.WriteByte(s[i])
			continue
		}
		units, width, err := unicodeEscapes(s[i-1:])
		if err != nil {
			return "", err
		}
		b.WriteString(string(utf16.Decode(units)))
		i += width - 2
	}
	return b.String(), nil
}

// unicodeEscapes reads a run of \uXXXX, so that surrogate pairs meet.
func unicodeEscapes(s string) (units []uint16, width int, err error) {
	for strings.HasPrefix(s[width:], `\u`) {
		digits := s[width+2:]
		digits = digits[:min(4, len(digits))]
		v, err := strconv.ParseUint(digits, 16, 16)
		if err != nil || len(digits) < 4 {
			return nil, 0, fmt.Errorf(`malformed escape \u%s: four hexadecimal digits must follow \u`, digits)
		}
		units = append(units, uint16(v))
		width += 6
	}
	return units, width, nil
}
