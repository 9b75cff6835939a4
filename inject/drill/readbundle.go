package drill

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"zkctl/inject/history"
	"zkctl/inject/scenario"
)

// ReadBundle reads what Options.Bundle has made. read reads a member's data directory. The error says what is wrong with
// the bundle: a file that is missing, or was edited. One that was never completed, because the run ended in the middle, is
// read as far as it goes, and its Case says so: no verdict on it can be ok.
func ReadBundle(dir string, read func(dataDir string) (history.MemberLog, history.View, error)) (Case, Manifest, error) {
	var m Manifest
	if err := readJSON(dir, manifestFile, &m); err != nil {
		return Case{}, m, err
	}
	if m.Version != bundleVersion {
		return Case{}, m, fmt.Errorf("bundle %s is of version %d, and this zkctl reads version %d", dir, m.Version, bundleVersion)
	}
	if m.Complete {
		if err := checkDigests(dir, m); err != nil {
			return Case{}, m, err
		}
	}
	c := Case{Seed: m.Seed, World: m.World}
	text, err := os.ReadFile(filepath.Join(dir, scenarioFile))
	if err != nil {
		return c, m, fmt.Errorf("bundle: %w", err)
	}
	if c.Scenario, err = scenario.Parse(scenarioFile, text); err != nil {
		return c, m, fmt.Errorf("bundle %s: %w", dir, err)
	}
	if c.Evidence.History, err = readHistory(dir, &c); err != nil {
		return c, m, err
	}
	if !m.Complete {
		c.Problems = append(c.Problems, "the bundle is incomplete: the run ended before all of it was written")
	}
	var f runFile
	if err := readJSON(dir, runFileName, &f); err != nil {
		if m.Complete {
			return c, m, err
		}
		c.Timeline.Began = c.Evidence.History.Began
		return c, m, nil
	}
	f.into(&c)
	if err := readEvents(dir, &c); err != nil && m.Complete {
		return c, m, err
	}
	if err := readDisks(dir, f, &c, read); err != nil && m.Complete {
		return c, m, err
	}
	return c, m, nil
}

// into puts what the file has in its place.
func (f *runFile) into(c *Case) {
	c.Problems = append(c.Problems, f.Problems...)
	c.Workload = f.Workload
	c.Timeline = Timeline{Began: f.Began, Faults: f.Faults, Phases: f.Phases, Skipped: f.Skipped}
	c.Evidence.Tick, c.Evidence.Foreign = f.Tick, f.Foreign
	c.Evidence.Quorum = func(has func(int64) bool) bool {
		return slices.ContainsFunc(f.Quorums, func(q []int64) bool {
			return !slices.ContainsFunc(q, func(id int64) bool { return !has(id) })
		})
	}
	for _, w := range f.Windows {
		c.Evidence.Faults = append(c.Evidence.Faults, history.Window(w))
	}
}

// checkDigests compares every file with the manifest: none is missing, none was edited, and none was added.
func checkDigests(dir string, m Manifest) error {
	names, err := filesBelow(dir)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	for _, name := range names {
		want, known := m.Files[name]
		if !known {
			return fmt.Errorf("bundle %s: %s is not in its manifest: the file was added later", dir, name)
		}
		got, err := digest(filepath.Join(dir, name))
		if err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
		if got != want {
			return fmt.Errorf("bundle %s: %s was edited: its SHA-256 is %s, and the manifest says %s", dir, name, got, want)
		}
	}
	var missing []string
	for name := range m.Files {
		if !slices.Contains(names, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("bundle %s: %s is missing", dir, missing[0])
	}
	return nil
}

func readJSON(dir, name string, into any) error {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("bundle: %s: %w", filepath.Join(dir, name), err)
	}
	return nil
}

func readHistory(dir string, c *Case) (*history.History, error) {
	f, err := os.Open(filepath.Join(dir, historyFile))
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	defer f.Close()
	h, err := history.Read(f)
	var torn *history.Truncated
	if errors.As(err, &torn) {
		c.Problems = append(c.Problems, fmt.Sprintf("%s: %v", historyFile, err))
		return h, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bundle: %s: %w", filepath.Join(dir, historyFile), err)
	}
	return h, nil
}

func readEvents(dir string, c *Case) error {
	f, err := os.Open(filepath.Join(dir, eventsFile))
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer f.Close()
	decoder := json.NewDecoder(bufio.NewReader(f))
	for {
		var e Event
		err := decoder.Decode(&e)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("bundle: %s: %w", filepath.Join(dir, eventsFile), err)
		}
		c.Timeline.Events = append(c.Timeline.Events, e)
	}
}

func readDisks(dir string, f runFile, c *Case, read func(string) (history.MemberLog, history.View, error)) error {
	entries, err := os.ReadDir(filepath.Join(dir, dataFolder))
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	c.Evidence.Trees = map[int64]history.View{}
	for _, e := range entries {
		id, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil {
			return fmt.Errorf("bundle %s: %s/%s is no member", dir, dataFolder, e.Name())
		}
		log, tree, err := read(filepath.Join(dir, dataFolder, e.Name()))
		if err != nil {
			return fmt.Errorf("bundle %s: data of member %d: %w", dir, id, err)
		}
		log.Member, log.Voter = id, slices.Contains(f.Voters, id)
		c.Evidence.Logs = append(c.Evidence.Logs, log)
		if tree != nil {
			c.Evidence.Trees[id] = tree
		}
	}
	slices.SortFunc(c.Evidence.Logs, func(a, b history.MemberLog) int { return int(a.Member - b.Member) })
	return nil
}
