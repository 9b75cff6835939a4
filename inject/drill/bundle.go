package drill

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"zkctl/inject/history"
	"zkctl/inject/scenario"
)

// A bundle is a directory with all that a judge needs, so that a verdict can be given again later and elsewhere:
//
//	manifest.json        what it is of, and the SHA-256 of every other file; written first as incomplete, and again last
//	scenario.yaml        the scenario
//	history.jsonl        what the clients saw, written as it happened
//	run.json             faults, phases, the quorum system, what went wrong: type runFile
//	events.jsonl         what the members did, an Event a line
//	result.json          the verdict as zkctl drill printed it: type Document
//	supervisor.jsonl     the ensemble's own timeline
//	logs/N.log           what member N wrote to its log
//	data/N/version-2/    the transaction logs and snapshots of member N
const (
	manifestFile   = "manifest.json"
	scenarioFile   = "scenario.yaml"
	historyFile    = "history.jsonl"
	runFileName    = "run.json"
	eventsFile     = "events.jsonl"
	resultFile     = "result.json"
	supervisorFile = "supervisor.jsonl"
	logsFolder     = "logs"
	dataFolder     = "data"
)

// Manifest is manifest.json. The digests make an edited bundle visible.
type Manifest struct {
	Version  int               `json:"version"`
	Zkctl    string            `json:"zkctl"` // the version that wrote it
	Seed     uint64            `json:"seed"`
	World    string            `json:"world"`
	Complete bool              `json:"complete"`
	Verdict  string            `json:"verdict,omitempty"`
	Files    map[string]string `json:"files"` // name -> SHA-256
}

const bundleVersion = 1

// runFile is run.json: what a Case has beside the history, the events and the disks.
type runFile struct {
	Began    time.Time     `json:"began"`
	Phases   []Mark        `json:"phases"`
	Faults   []FaultRecord `json:"faults"`
	Skipped  int           `json:"skipped"`
	Problems []string      `json:"problems"`
	Windows  []windowDoc   `json:"windows"`
	Voters   []int64       `json:"voters"`
	Quorums  [][]int64     `json:"minimal_quorums"` // those of which no part is a quorum
	Tick     time.Duration `json:"tick"`
	Foreign  bool          `json:"foreign"`
	Workload *WorkloadEnd  `json:"workload,omitempty"`
}

type windowDoc struct {
	From    int64   `json:"from"`
	To      int64   `json:"to"`
	Members []int64 `json:"members"`
	Cut     bool    `json:"cut,omitempty"`
	Clock   bool    `json:"clock,omitempty"`
}

// bundle is one that is being written. The first error of the history's file is the recorder's.
type bundle struct {
	dir      string
	manifest Manifest
	history  *os.File
	writer   *history.Writer
}

// createBundle makes the directory, which must be new or empty.
func createBundle(dir string, m Manifest, s *scenario.Scenario) (*bundle, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("bundle: %s is not empty (it has %s): give a new directory", dir, entries[0].Name())
	}
	m.Version, m.Files = bundleVersion, map[string]string{}
	b := &bundle{dir: dir, manifest: m}
	if err := b.writeJSON(manifestFile, m); err != nil {
		return nil, err
	}
	if err := b.write(scenarioFile, s.Marshal()); err != nil {
		return nil, err
	}
	if b.history, err = os.Create(filepath.Join(dir, historyFile)); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return b, nil
}

// discard takes back what createBundle made: there was no run, and the next one may use the name.
func (b *bundle) discard() error {
	errs := []error{b.history.Close()}
	for _, name := range []string{historyFile, scenarioFile, manifestFile, ""} {
		errs = append(errs, os.Remove(filepath.Join(b.dir, name)))
	}
	return errors.Join(errs...)
}

// begin has the history written as it happens.
func (b *bundle) begin(r *recorder, root string) {
	b.writer = history.NewWriter(b.history, r.began, root)
	r.stream(func(one history.Record) error {
		if err := b.writer.Write(one); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
		return nil
	})
}

// collect writes all but the result, while the members' files are still there.
func (b *bundle) collect(c Case, w World) error {
	if err := errors.Join(b.writer.Close(), b.history.Close()); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	if err := b.writeJSON(runFileName, newRunFile(c)); err != nil {
		return err
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, e := range c.Timeline.Events {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	if err := b.write(eventsFile, lines.Bytes()); err != nil {
		return err
	}
	on, ok := w.(interface{ Folder() Folder })
	if !ok {
		return fmt.Errorf("bundle: %s has no files on a disk", c.World)
	}
	folder := on.Folder()
	if folder.Events != "" {
		if err := copyFile(folder.Events, filepath.Join(b.dir, supervisorFile)); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	for _, id := range sortedIDs(folder.Logs) {
		if err := copyFile(folder.Logs[id], filepath.Join(b.dir, logsFolder, memberName(id)+".log")); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	for _, id := range sortedIDs(folder.Data) {
		if err := copyTree(folder.Data[id], filepath.Join(b.dir, dataFolder, memberName(id))); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	return nil
}

// complete writes the result and then, last of all, the digests.
func (b *bundle) complete(r *Result) error {
	if err := b.writeJSON(resultFile, NewDocument(r)); err != nil {
		return err
	}
	names, err := filesBelow(b.dir)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	for _, name := range names {
		if b.manifest.Files[name], err = digest(filepath.Join(b.dir, name)); err != nil {
			return fmt.Errorf("bundle: %w", err)
		}
	}
	b.manifest.Complete, b.manifest.Verdict = true, r.Verdict.String()
	return b.writeJSON(manifestFile, b.manifest)
}

func (b *bundle) writeJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("bundle: %s: %w", name, err)
	}
	return b.write(name, append(text, '\n'))
}

func (b *bundle) write(name string, text []byte) error {
	if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o600); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

func newRunFile(c Case) runFile {
	e := c.Evidence
	f := runFile{
		Began: c.Timeline.Began, Phases: c.Timeline.Phases, Faults: c.Timeline.Faults, Skipped: c.Timeline.Skipped,
		Problems: c.Problems, Workload: c.Workload, Tick: e.Tick, Foreign: e.Foreign,
	}
	for _, l := range e.Logs {
		if l.Voter {
			f.Voters = append(f.Voters, l.Member)
		}
	}
	if e.Quorum != nil {
		f.Quorums = minimalQuorums(f.Voters, e.Quorum)
	}
	for _, w := range e.Faults {
		f.Windows = append(f.Windows, windowDoc(w))
	}
	return f
}

// minimalQuorums are the sets of voters that are a quorum and of which no part is. An ensemble on one machine has so few
// voters that all sets can be tried.
func minimalQuorums(voters []int64, quorum func(has func(int64) bool) bool) [][]int64 {
	in := func(set uint64) func(int64) bool {
		return func(id int64) bool {
			i := slices.Index(voters, id)
			return i >= 0 && set&(1<<i) != 0
		}
	}
	var list [][]int64
	for set := uint64(1); set < 1<<len(voters); set++ {
		if !quorum(in(set)) {
			continue
		}
		minimal := true
		var members []int64
		for i, id := range voters {
			if set&(1<<i) != 0 {
				members = append(members, id)
				minimal = minimal && !quorum(in(set&^(1<<i)))
			}
		}
		if minimal {
			list = append(list, members)
		}
	}
	return list
}

func memberName(id int64) string { return strconv.FormatInt(id, 10) }

// filesBelow are the files of a bundle but the manifest, with slashes, sorted.
func filesBelow(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); name != manifestFile {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// copyTree copies a directory of files and directories.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil || !d.Type().IsRegular() {
			return err // directories are made with their files; locks and sockets are of no use elsewhere
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

// copyFile copies a file. What is zero in it stays a hole: Apache ZooKeeper preallocates its logs by 64 MB.
func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	size, err := copySparse(out, in)
	if err == nil {
		err = out.Truncate(size)
	}
	return errors.Join(err, out.Close())
}

func copySparse(out io.WriterAt, in io.Reader) (size int64, err error) {
	chunk, zeros := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, err := io.ReadFull(in, chunk)
		if !bytes.Equal(chunk[:n], zeros[:n]) {
			if _, err := out.WriteAt(chunk[:n], size); err != nil {
				return size, err
			}
		}
		size += int64(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return size, nil
		case err != nil:
			return size, err
		}
	}
}
