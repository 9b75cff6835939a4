package quorum

import (
	"errors"
	"fmt"
)

// ErrInvalid is wrapped by every error that says a system, a probability or
// another argument cannot be what the caller says it is. ErrRefused is wrapped,
// beside it, by the errors for which Apache ZooKeeper would refuse to start.
var (
	ErrInvalid = errors.New("invalid")
	ErrRefused = errors.New("refused by zookeeper")
)

// ErrTooLarge is wrapped by the errors of questions that are inherently
// exponential in the number of voters, or in the spread of their weights, and
// too large to answer exactly. Nothing here estimates silently.
var ErrTooLarge = errors.New("too large to compute exactly")

// ErrUnreachable is wrapped by the errors of goals that no ensemble reaches.
var ErrUnreachable = errors.New("out of reach")

// ConfigError says what is wrong with a system's declaration, or another argument, and which
// configuration key is to blame, so that whoever read it from a file can name
// the line.
type ConfigError struct {
	Key     string // "server.3", "group.1", "weight.2"; "" for none
	Text    string
	Refused bool // ZooKeeper itself would refuse it
}

func (e *ConfigError) Error() string { return e.Text }

// Unwrap makes errors.Is find ErrInvalid, and ErrRefused when it applies.
func (e *ConfigError) Unwrap() []error {
	if e.Refused {
		return []error{ErrInvalid, ErrRefused}
	}
	return []error{ErrInvalid}
}

func invalid(key, format string, args ...any) error {
	return &ConfigError{Key: key, Text: fmt.Sprintf(format, args...)}
}

func invalidf(format string, args ...any) error { return invalid("", format, args...) }

func refused(key, format string, args ...any) error {
	return &ConfigError{Key: key, Text: fmt.Sprintf(format, args...), Refused: true}
}

func groupKey(id int64) string  { return fmt.Sprintf("group.%d", id) }
func weightKey(id int64) string { return fmt.Sprintf("weight.%d", id) }
