package member

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"zkctl/localcluster/storage"
	"zkctl/probe/wire"
)

func TestRestartRecoversEverything(t *testing.T) {
	m := standalone(t, func(c *Config) { c.SnapCount, c.Purge, c.ForceSync = 20, true, true })
	c := connectRaw(t, m.addr)
	createEphemeral(c, "/e")
	for i := range 200 {
		c.create(fmt.Sprintf("/n%d", i), fmt.Sprint(i))
	}
	digest, zxid := m.stat("zk_tree_digest"), m.stat("zk_last_zxid")
	m.stop()
	if m.err != nil {
		t.Fatalf("stopped with %v", m.err)
	}
	// Snapshots were taken, and what they made superfluous was removed.
	snapshots, _ := filepath.Glob(filepath.Join(m.cfg.DataDir, "version-2", "snapshot.*"))
	if len(snapshots) != minSnapRetain {
		t.Errorf("%d snapshots, want %d: %q", len(snapshots), minSnapRetain, snapshots)
	}

	m = m.again()
	m.awaitServing(1)
	if got := m.stat("zk_last_zxid"); got != zxid {
		t.Errorf("last zxid %s, want %s", got, zxid)
	}
	if got := m.stat("zk_tree_digest"); got != digest {
		t.Errorf("digest %s, want %s", got, digest)
	}
	// The session and its ephemeral nodes are there as well.
	c = c.resume(m.addr)
	if c.response.SessionID == 0 {
		t.Fatal("the session did not survive the restart")
	}
	for i := range 200 {
		if got := c.data(fmt.Sprintf("/n%d", i)); got != fmt.Sprint(i) {
			t.Fatalf("/n%d is %q", i, got)
		}
	}
	c.mustCall(wire.OpCloseSession, nil, nil)
	if code := connectRaw(t, m.addr).call(wire.OpExists, &wire.PathWatchRequest{Path: "/e"}, nil); code != wire.ErrNoNode {
		t.Errorf("the ephemeral node outlived its session: %v", code)
	}
}

func TestSecondServerOnTheSameFolderIsRefused(t *testing.T) {
	m := standalone(t)
	cfg := m.cfg
	cfg.ClientAddress = "127.0.0.1:0"
	second := startMember(t, cfg, seams{})
	second.wait()
	if second.err == nil || !strings.Contains(second.err.Error(), m.cfg.DataDir) || !strings.Contains(second.err.Error(), "in use") {
		t.Errorf("the second server ended with %v", second.err)
	}
	connectRaw(t, m.addr).create("/n", "")
}

func TestTakenClientPort(t *testing.T) {
	m := standalone(t)
	cfg := testConfig(t)
	cfg.Standalone, cfg.ClientAddress = true, m.addr
	err := Run(t.Context(), cfg, newLogbook(t, "second").logger())
	var bad *ConfigError
	if !errors.As(err, &bad) || !strings.Contains(err.Error(), m.addr) || !strings.Contains(bad.Hint, "clientPort") {
		t.Errorf("ended with %v", err)
	}
}

func TestDamagedLogIsRefusedWithAReason(t *testing.T) {
	m := standalone(t)
	c := connectRaw(t, m.addr)
	for i := range 10 {
		c.create(fmt.Sprintf("/n%d", i), "some data to flip a bit in")
	}
	m.stop()
	logs, _ := filepath.Glob(filepath.Join(m.cfg.DataDir, "version-2", "log.*"))
	if len(logs) != 1 {
		t.Fatalf("logs: %q", logs)
	}
	content, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(logs[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	again := m.again()
	again.wait()
	if again.err == nil || !strings.Contains(again.err.Error(), logs[0]) {
		t.Errorf("started with a damaged log: %v", again.err)
	}
}

// brokenFS is a disk whose writes fail from some moment on.
type brokenFS struct {
	storage.FS
	broken atomic.Bool
}

func (f *brokenFS) Open(path string, mode storage.Mode) (storage.File, error) {
	file, err := f.FS.Open(path, mode)
	if err != nil {
		return nil, err
	}
	return &brokenFile{File: file, disk: f}, nil
}

type brokenFile struct {
	storage.File
	disk *brokenFS
}

func (f *brokenFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.broken.Load() {
		return 0, syscall.ENOSPC
	}
	return f.File.WriteAt(p, off)
}

func (f *brokenFile) Sync() error {
	if f.disk.broken.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

func TestBrokenDiskEndsTheServer(t *testing.T) {
	disk := &brokenFS{FS: storage.OS()}
	cfg := testConfig(t)
	cfg.Standalone, cfg.ClientAddress, cfg.ForceSync = true, "127.0.0.1:0", true
	m := startMember(t, cfg, seams{fs: disk})
	m.awaitServing(1)
	c := connectRaw(t, m.addr)
	c.create("/before", "x")
	disk.broken.Store(true)
	c.start(wire.OpCreate, &wire.CreateRequest{Path: "/after", ACL: wire.OpenACL()})
	if f, err := c.tryNext(); err == nil {
		t.Errorf("a write that is not on the disk was answered: %+v", f.ReplyHeader)
	}
	m.wait()
	if !errors.Is(m.err, storage.ErrFailed) || !errors.Is(m.err, syscall.ENOSPC) && !errors.Is(m.err, syscall.EIO) {
		t.Errorf("the server ended with %v", m.err)
	}
	m.log.await(1, "level=ERROR", "the server cannot go on")
	// On a good disk everything that was acknowledged is there.
	m = m.again()
	m.awaitServing(1)
	if got := connectRaw(t, m.addr).data("/before"); got != "x" {
		t.Errorf("data %q", got)
	}
}

func TestStopIsPromptAndAnswersWhatIsDone(t *testing.T) {
	m := standalone(t)
	idle, busy := connectRaw(t, m.addr), connectRaw(t, m.addr)
	for i := range 50 {
		busy.startAs(int32(i), wire.OpCreate, &wire.CreateRequest{Path: fmt.Sprintf("/n%d", i), ACL: wire.OpenACL()})
	}
	busy.reply(0)
	m.stop()
	idle.awaitEnd()
	acknowledged := 1
	for {
		if _, err := busy.tryNext(); err != nil {
			break
		}
		acknowledged++
	}
	m = m.again()
	m.awaitServing(1)
	c := connectRaw(t, m.addr)
	for i := range acknowledged {
		c.data(fmt.Sprintf("/n%d", i))
	}
}

// A recorded digest that is not the tree's, in a history that is whole, is logged and counted in mntr. It does
// not keep the server from starting, unless zoo.cfg says so.
func TestStartsOnDigestsOfAnother(t *testing.T) {
	cfg := testConfig(t)
	txn := wire.Txn{
		Header: wire.TxnHeader{ClientID: 0x1000, Zxid: 1, Type: wire.OpCreate},
		Body:   &wire.CreateTxn{Path: "/c", ACL: wire.OpenACL(), ParentCVersion: 1},
		Digest: &wire.TxnDigest{Version: wire.DigestVersion, Digest: 42},
	}
	store, _, err := storage.Open(storage.Options{DataDir: cfg.DataDir})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(store.Append([]wire.Proposal{{Zxid: 1, Data: txn.Marshal()}}), store.Close())
	if err != nil {
		t.Fatal(err)
	}
	m := standalone(t, func(c *Config) { c.DataDir, c.DataLogDir = cfg.DataDir, cfg.DataDir })
	m.log.await(1, "a recorded digest is not that of the tree", "zxid=0x1", "recorded=42")
	if got := m.stat("zk_digest_mismatches_count"); got != "1" {
		t.Errorf("zk_digest_mismatches_count %s, want 1", got)
	}
	c := connectRaw(t, m.addr)
	if c.data("/c") != "" {
		t.Error("/c has data")
	}
	m.stop()

	strict := m.cfg
	strict.DigestsMustMatch = true
	refused := startMember(t, strict, seams{})
	refused.wait()
	if refused.err == nil || !strings.Contains(refused.err.Error(), "42 was recorded") {
		t.Errorf("with digest.mustMatch it ends with %v", refused.err)
	}
}

// prepared is a data folder of a member of an ensemble, in epoch 1, that ends with a transaction.
func prepared(t *testing.T, last wire.Zxid) string {
	t.Helper()
	dir := t.TempDir()
	store, found, err := storage.Open(storage.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	found.Tree.SetLastZxid(last)
	if err := store.SetAcceptedEpoch(last.Epoch()); err != nil {
		t.Fatal(err)
	}
	_, err = store.InstallSnapshot(found.Tree.Snapshot())
	if err = errors.Join(err, store.SetCurrentEpoch(last.Epoch()), store.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A standalone server goes on behind the end of the counter, and starts again there.
func TestStandaloneCountsOn(t *testing.T) {
	dir := prepared(t, 0x1fffffffd)
	m := standalone(t, func(c *Config) { c.DataDir, c.DataLogDir, c.SnapCount, c.ForceSync = dir, dir, 3, true })
	c := connectRaw(t, m.addr)
	for i := range 10 {
		c.create(fmt.Sprintf("/n%d", i), fmt.Sprint(i))
	}
	if got := m.stat("zk_last_zxid"); got != decimal(0x200000008) {
		t.Errorf("last zxid %s, want 0x200000008", got)
	}
	m.stop()
	if m.err != nil {
		t.Fatalf("stopped with %v", m.err)
	}
	m = m.again()
	m.awaitServing(1)
	c = c.resume(m.addr)
	for i := range 10 {
		if got := c.data(fmt.Sprintf("/n%d", i)); got != fmt.Sprint(i) {
			t.Errorf("/n%d is %q", i, got)
		}
	}
	c.create("/after", "")
	if got := m.stat("zk_last_zxid"); got <= decimal(0x200000008) {
		t.Errorf("last zxid %s, want one behind 0x200000008", got)
	}
}

// The snapshot of an ensemble, put into the folder of a standalone server, is what it serves.
func TestStandaloneTakesASnapshotOfAnEnsemble(t *testing.T) {
	m := standalone(t)
	m.stop()
	from, to := filepath.Join(prepared(t, 0x100000005), "version-2"), filepath.Join(m.cfg.DataDir, "version-2")
	old, err := filepath.Glob(filepath.Join(to, "*"))
	if err != nil || len(old) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	// As earlier versions of this server have written them.
	writeFile(t, to, "acceptedEpoch", "0")
	writeFile(t, to, "currentEpoch", "0")
	snapshot, err := os.ReadFile(filepath.Join(from, "snapshot.100000005"))
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, "snapshot.100000005", string(snapshot))
	m = m.again()
	m.awaitServing(1)
	connectRaw(t, m.addr).create("/a", "")
	if got := m.stat("zk_last_zxid"); got != decimal(0x100000007) {
		t.Errorf("last zxid %s, want 0x100000007", got)
	}
}

func decimal(z wire.Zxid) string { return strconv.FormatInt(int64(z), 10) }
