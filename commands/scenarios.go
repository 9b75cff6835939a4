package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zkctl/inject/scenario"
)

// readScenario reads a scenario that comes with zkctl, by its name, or one from a file. A file has a
// slash in it, ends in .yaml or .yml, or is - for standard input. The caller checks it once the flags
// have changed it.
func (p *program) readScenario(name string) (*scenario.Scenario, error) {
	var text []byte
	file := name + ".yaml"
	if name == "-" || strings.Contains(name, "/") || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		var err error
		if text, err = p.readInput(name); err != nil {
			return nil, fmt.Errorf("read the scenario: %w", err)
		}
		file = inputName(name)
	} else {
		b, err := builtinScenario(name)
		if err != nil {
			return nil, err
		}
		text = []byte(b.Source)
	}
	s, err := scenario.Parse(file, text)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return s, nil
}

// builtinNames completes the name of a scenario that comes with zkctl.
func builtinNames(context.Context) (names []string) {
	for _, b := range scenario.Builtins() {
		names = append(names, b.Name)
	}
	return names
}

func builtinScenario(name string) (scenario.Builtin, error) {
	all := scenario.Builtins()
	if i := slices.IndexFunc(all, func(b scenario.Builtin) bool { return b.Name == name }); i >= 0 {
		return all[i], nil
	}
	names := builtinNames(context.Background())
	err := usagef("no scenario %q comes with zkctl", name)
	if s := closest(name, names); s != "" {
		return scenario.Builtin{}, withHint(err, "did you mean %q? a file is given with a / or the ending .yaml", s)
	}
	return scenario.Builtin{}, withHint(err, "those that do are %s; a file is given with a / or the ending .yaml", strings.Join(names, ", "))
}
