package localcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// DefaultName is the ensemble that is meant when none is named and there is not exactly one.
const DefaultName = "default"

// Home is the directory that holds every ensemble of one user, a folder each.
type Home string

// FindHome is the home that the environment asks for: $ZKCTL_HOME, else $XDG_STATE_HOME/zkctl,
// else ~/.local/state/zkctl.
func FindHome(getenv func(string) string) (Home, error) {
	dir := getenv("ZKCTL_HOME")
	if dir == "" {
		if state := getenv("XDG_STATE_HOME"); state != "" {
			dir = filepath.Join(state, "zkctl")
		} else if home := getenv("HOME"); home != "" {
			dir = filepath.Join(home, ".local", "state", "zkctl")
		} else {
			return "", fail(CodeFailed, "set ZKCTL_HOME to a directory", "no place for state: neither ZKCTL_HOME, XDG_STATE_HOME nor HOME is set")
		}
	}
	// A supervisor changes its working directory, so a relative home must be made absolute here.
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("state directory %s: %w", dir, err)
	}
	return Home(abs), nil
}

// A name becomes a folder and is typed in shells: nothing that would need quoting, and no leading
// dot or dash, since the home keeps files of its own under dotted names.
var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// CheckName refuses a name that no ensemble may have.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fail(CodeUsage, "use up to 64 letters, digits, '.', '_' and '-', beginning with a letter or a digit",
			"%q cannot be the name of an ensemble", name)
	}
	return nil
}

// Folder is where the named ensemble is, or would be.
func (h Home) Folder(name string) Folder { return Folder(filepath.Join(string(h), name)) }

// Names lists the ensembles of this home, sorted. A home that does not exist has none.
func (h Home) Names() ([]string, error) {
	entries, err := os.ReadDir(string(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(CodeFailed, homeHint, "state directory: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() || !validName.MatchString(e.Name()) {
			continue
		}
		// An ensemble that may not be looked at is listed, too.
		if _, err := os.Stat(h.Folder(e.Name()).SpecFile()); !errors.Is(err, fs.ErrNotExist) {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names, nil
}

// Pick decides which ensemble is meant: the one that was named; when none was, the only one there
// is; else the default one.
func (h Home) Pick(name string) (string, error) {
	if name != "" {
		return name, CheckName(name)
	}
	names, err := h.Names()
	if err != nil {
		return "", err
	}
	if len(names) == 1 {
		return names[0], nil
	}
	for _, n := range names {
		if n == DefaultName {
			return n, nil
		}
	}
	if len(names) > 1 {
		return "", fail(CodeUsage, "choose one with --name or ZKCTL_NAME",
			"there are several ensembles: %s", strings.Join(names, ", "))
	}
	return DefaultName, nil
}

const homeHint = "make it a directory that you can write to, or set ZKCTL_HOME to another"

// create makes the home itself, readable by its owner only.
func (h Home) create() error {
	if err := os.MkdirAll(string(h), 0o700); err != nil {
		return fail(CodeFailed, homeHint, "state directory: %w", err)
	}
	return nil
}
