package localcluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

// folderOf copies a data folder that ZooKeeper 3.8.0 has written into memory.
func folderOf(t *testing.T, name string) *storage.MemFS {
	t.Helper()
	m := storage.NewMemFS(1)
	paths, err := filepath.Glob(filepath.Join("storage/testdata/java", name, "version-2", "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of %s: %v", name, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m.WriteFile("/data/version-2/"+filepath.Base(path), b)
	}
	return m
}

func fileOf(t *testing.T, m *storage.MemFS, name string) []byte {
	t.Helper()
	b, err := m.ReadFile("/data/version-2/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is read of a folder is what a server that starts on it has: its last transaction, its nodes and sessions.
func TestReadMember(t *testing.T) {
	for _, name := range []string{"killed", "rolled", "leader", "rejoined"} {
		m := folderOf(t, name)
		log, tree, err := readMember(m, "/data")
		if err != nil || log.Problem != "" {
			t.Fatalf("%s: %v, %s", name, err, log.Problem)
		}
		store, r, err := storage.Open(storage.Options{FS: m, DataDir: "/data", Standalone: name == "killed" || name == "rolled"})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		n := len(log.Txns)
		if n == 0 || log.Txns[n-1].Zxid != r.LastZxid || log.Snapshot != r.Snapshot || tree.Sessions() != r.Tree.Counts().Sessions {
			t.Errorf("%s: %d transactions, snapshot %s, %d sessions; a server starts with %+v", name, n, log.Snapshot, tree.Sessions(), r)
		}
		for i, txn := range log.Txns[1:] {
			if txn.Zxid <= log.Txns[i].Zxid {
				t.Errorf("%s: %s behind %s", name, txn.Zxid, log.Txns[i].Zxid)
			}
		}
		_, again, err := readMember(m, "/data") // the folder as the server has repaired it
		if err != nil || again.Nodes() != tree.Nodes() {
			t.Errorf("%s: %d nodes, and %d after a start: %v", name, tree.Nodes(), again.Nodes(), err)
		}
	}
}

// The older snapshots and the logs behind them make the same tree.
func TestReadMemberWithDamagedSnapshots(t *testing.T) {
	m := folderOf(t, "rolled")
	_, want, err := readMember(m, "/data")
	if err != nil {
		t.Fatal(err)
	}
	_, snapshots, err := storage.Files(m, "/data", "")
	if err != nil || len(snapshots) < 3 {
		t.Fatalf("%d snapshots: %v", len(snapshots), err)
	}
	for i := len(snapshots) - 1; i >= 0; i-- {
		b := fileOf(t, m, filepath.Base(snapshots[i].Path))
		m.WriteFile(snapshots[i].Path, b[:len(b)/2])
		log, tree, err := readMember(m, "/data")
		if i == 0 {
			if err == nil || !strings.Contains(err.Error(), snapshots[0].Path) {
				t.Errorf("no snapshot is whole: %v", err)
			}
			break
		}
		if err != nil || log.Snapshot != snapshots[i-1].Zxid || len(log.Snapshots) != len(snapshots) || tree.Nodes() != want.Nodes() {
			t.Errorf("from %s of %s: %d nodes of %d: %v", log.Snapshot, log.Snapshots, tree.Nodes(), want.Nodes(), err)
		}
	}
}

// A member that runs may be in the middle of a write: wherever the log ends, what is whole is read, and it is no problem.
func TestReadMemberWhileItWrites(t *testing.T) {
	m := folderOf(t, "leader")
	logs, _, err := storage.Files(m, "/data", "")
	if err != nil {
		t.Fatal(err)
	}
	last := logs[len(logs)-1]
	whole := fileOf(t, m, filepath.Base(last.Path))
	read := 0
	for n := range len(whole) + 1 {
		m.WriteFile(last.Path, whole[:n])
		log, _, err := readMember(m, "/data")
		if err != nil || log.Problem != "" || len(log.Txns) < read || len(log.Txns) > read+1 && n > 0 {
			t.Fatalf("%d bytes of %d: %d transactions after %d, %v, %s", n, len(whole), len(log.Txns), read, err, log.Problem)
		}
		read = len(log.Txns)
	}
	if read == 0 {
		t.Error("no transaction was read")
	}
}

// A log that was changed is read up to that place, and says so.
func TestReadMemberWithDamagedLog(t *testing.T) {
	m := folderOf(t, "rejoined")
	logs, _, err := storage.Files(m, "/data", "")
	if err != nil {
		t.Fatal(err)
	}
	whole, _, err := readMember(m, "/data")
	if err != nil {
		t.Fatal(err)
	}
	first := logs[0].Path
	b := fileOf(t, m, filepath.Base(first))
	b[100] ^= 1
	m.WriteFile(first, b)
	log, tree, err := readMember(m, "/data")
	if err != nil || tree == nil || !strings.Contains(log.Problem, first) || len(log.Txns) >= len(whole.Txns) {
		t.Errorf("%d transactions of %d, problem %q, %v", len(log.Txns), len(whole.Txns), log.Problem, err)
	}
}

// One zxid that stands for two transactions is a problem, and the same one twice is not.
func TestReadMemberWithRepeats(t *testing.T) {
	m := folderOf(t, "killed")
	logs, _, err := storage.Files(m, "/data", "")
	if err != nil || len(logs) != 1 {
		t.Fatalf("%d logs: %v", len(logs), err)
	}
	whole, _, err := readMember(m, "/data")
	if err != nil {
		t.Fatal(err)
	}
	m.WriteFile("/data/version-2/log.2", fileOf(t, m, filepath.Base(logs[0].Path)))
	log, _, err := readMember(m, "/data")
	if err != nil || log.Problem != "" || len(log.Txns) != len(whole.Txns) {
		t.Errorf("twice the same: %d transactions of %d, %q, %v", len(log.Txns), len(whole.Txns), log.Problem, err)
	}
	r := &memberReader{log: whole}
	other := append([]byte{}, whole.Txns[3].Data...)
	other[0] ^= 1
	if err := r.add(wire.Proposal{Zxid: whole.Txns[3].Zxid, Data: other}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("other bytes at the same zxid: %v", err)
	}
}

// A folder without data is an error: nothing can be said of such a member.
func TestReadMemberWithoutData(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, _, err := ReadMember(dir); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
