package history

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// TestMerge has logs of members 1 to 3, of which two are a quorum. A log is its entries by
// epoch.counter; a letter behind an entry tells different contents apart, and "snap" stands before the zxid of a
// snapshot.
func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name      string
		logs      []string
		acked     string // the last zxid at which a client was answered
		committed string
		orphans   string
		gap       string
		finding   string
	}{
		{name: "all agree", logs: []string{"1.1 1.2", "1.1 1.2", "1.1 1.2"}, committed: "1.1 1.2"},
		{name: "a member lags", logs: []string{"1.1 1.2", "1.1 1.2", "1.1"}, committed: "1.1 1.2"},
		{name: "the newest is on one log, and a client was answered", logs: []string{"1.1 1.2", "1.1", "1.1"}, acked: "1.2", committed: "1.1 1.2"},
		{name: "the newest is on one log, and no client was answered", logs: []string{"1.1 1.2", "1.1", "1.1"}, committed: "1.1", gap: "1.2"},
		{name: "an answer in a later epoch says nothing of this one", logs: []string{"1.1 1.2", "1.1", "1.1"}, acked: "2.0", committed: "1.1", gap: "1.2"},
		{name: "a leader dies with a proposal", logs: []string{"1.1 1.2", "1.1 2.1", "1.1 2.1"}, committed: "1.1 2.1", orphans: "1.2"},
		{name: "that member was sent a snapshot afterwards", logs: []string{"1.1 1.2 snap2.1 2.2", "1.1 2.1 2.2", "1.1 2.1 2.2"}, committed: "1.1 2.1 2.2", orphans: "1.2"},
		{
			name: "all but one were sent snapshots", logs: []string{"1.1 1.2 2.1 2.2", "1.1 snap2.1 2.2", "1.1 snap2.1 2.2"}, acked: "2.2",
			committed: "1.1 1.2 2.1 2.2",
		},
		{
			name: "orphans under a snapshot, and the others were sent one, too", logs: []string{"1.1 1.2 snap2.1 2.2", "1.1 snap2.1 2.2", "snap2.1 2.2"},
			acked: "2.2", committed: "1.1 2.2", gap: "1.2",
		},
		{
			name: "a member has not truncated its orphan", logs: []string{"1.1 1.2 2.1", "1.1 2.1", "1.1 2.1"}, committed: "1.1 2.1", orphans: "1.2",
			finding: "the log of member 1 goes on past 0x100000002 with it, and that of member",
		},
		{name: "a member was wiped", logs: []string{"1.1 1.2 1.3", "1.1 1.2 1.3", "snap1.2 1.3"}, committed: "1.1 1.2 1.3"},
		{name: "all logs were purged", logs: []string{"snap1.5 1.6", "snap1.5 1.6", "snap1.5 1.6"}, committed: "1.6", gap: "1.1"},
		{name: "a hole that a snapshot explains", logs: []string{"1.1 snap1.2 1.3", "1.1 1.2 1.3", "1.1 1.2 1.3"}, committed: "1.1 1.2 1.3"},
		{
			name: "a hole", logs: []string{"1.1 1.3", "1.1 1.2 1.3", "1.1 1.2 1.3"}, committed: "1.1 1.2 1.3",
			finding: "member 1 goes from 0x100000001 to 0x100000003",
		},
		{name: "a hole in all logs", logs: []string{"1.1 1.3", "1.1 1.3", "1.1 1.3"}, committed: "1.1 1.3", gap: "1.2", finding: "member 1 goes from"},
		{
			name: "other contents", logs: []string{"1.1 1.2a", "1.1 1.2b", "1.1 1.2b"}, committed: "1.1 1.2",
			finding: "members 1 and 2 have different transactions at 0x100000002",
		},
		{name: "the counter is used up", logs: []string{"1.1 1.ffffffff 2.1", "1.1 1.ffffffff 2.1", ""}, committed: "1.1 1.ffffffff 2.1", gap: "1.2", finding: "goes from"},
		{name: "no logs", logs: nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var logs []MemberLog
			for i, text := range c.logs {
				logs = append(logs, parseLog(t, int64(i+1), text))
			}
			var acked wire.Zxid
			if c.acked != "" {
				acked = parsePlace(t, c.acked)
			}
			order, findings := Merge(logs, majority(logs), func(z wire.Zxid) bool { return z.Epoch() == acked.Epoch() && z <= acked }, false)
			if got := places(order.Txns); got != c.committed {
				t.Errorf("committed: %s, want %s", got, c.committed)
			}
			if got := places(order.Orphans); got != c.orphans {
				t.Errorf("orphans: %s, want %s", got, c.orphans)
			}
			gap := ""
			if order.Gap != 0 {
				gap = place(order.Gap)
			}
			if gap != c.gap {
				t.Errorf("gap: %s, want %s", gap, c.gap)
			}
			switch {
			case c.finding == "" && len(findings) > 0:
				t.Errorf("finding: %s", findings[0].Text)
			case c.finding != "" && (len(findings) == 0 || !strings.Contains(findings[0].Text, c.finding)):
				t.Errorf("findings: %v, want %s", findings, c.finding)
			}
		})
	}
}

// An ensemble that was in use has a history from before its logs.
func TestMergeForeign(t *testing.T) {
	logs := []MemberLog{parseLog(t, 1, "3.7 3.8"), parseLog(t, 2, "3.8")}
	order, findings := Merge(logs, majority(logs), func(wire.Zxid) bool { return true }, true)
	if order.Gap != 0 || places(order.Txns) != "3.7 3.8" || len(findings) > 0 {
		t.Errorf("%s, gap %v, %v", places(order.Txns), order.Gap, findings)
	}
}

// What a transaction does is compared, and not how a log writes it.
func TestSameTxn(t *testing.T) {
	deletion := func(path string, digest *wire.TxnDigest) []byte {
		return (&wire.Txn{Header: wire.TxnHeader{Zxid: 1, Type: wire.OpDelete}, Body: &wire.DeleteTxn{Path: path}, Digest: digest}).Marshal()
	}
	multi := func(kind, last wire.OpCode, path string) []byte {
		body := &wire.MultiTxn{Txns: []wire.SubTxn{
			{Type: kind, Data: wire.Marshal(&wire.DeleteTxn{Path: path})}, {Type: last, Data: wire.Marshal(&wire.ErrorTxn{Err: wire.ErrNoNode})},
		}}
		return (&wire.Txn{Header: wire.TxnHeader{Zxid: 1, Type: wire.OpMulti}, Body: body}).Marshal()
	}
	digest := &wire.TxnDigest{Version: wire.DigestVersion, Digest: 7}
	for _, c := range []struct {
		name string
		a, b []byte
		same bool
	}{
		{"with and without the digest", deletion("/a", nil), deletion("/a", digest), true},
		{"of different nodes", deletion("/a", nil), deletion("/b", nil), false},
		{"what failed, before and after it was applied", multi(wire.OpDelete, wire.OpError, "/a"), multi(wire.OpError, wire.OpError, "/a"), true},
		{"what failed, of different nodes", multi(wire.OpDelete, wire.OpError, "/a"), multi(wire.OpError, wire.OpError, "/b"), false},
		{"failed and not", multi(wire.OpDelete, wire.OpError, "/a"), multi(wire.OpDelete, wire.OpDelete, "/a"), false},
		{"no transactions", []byte("x"), []byte("y"), false},
	} {
		if got := SameTxn(c.a, c.b); got != c.same {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func parseLog(t *testing.T, member int64, text string) MemberLog {
	t.Helper()
	log := MemberLog{Member: member, Voter: true}
	for _, word := range strings.Fields(text) {
		if rest, ok := strings.CutPrefix(word, "snap"); ok {
			log.Snapshot = parsePlace(t, rest)
			log.Snapshots = append(log.Snapshots, log.Snapshot)
			continue
		}
		contents := ""
		if cut := strings.IndexAny(word, "ab"); cut == len(word)-1 {
			word, contents = word[:cut], word[cut:]
		}
		log.Txns = append(log.Txns, Txn{parsePlace(t, word), []byte(contents)})
	}
	return log
}

func parsePlace(t *testing.T, text string) wire.Zxid {
	t.Helper()
	var epoch int64
	var counter uint32
	if _, err := fmt.Sscanf(text, "%d.%x", &epoch, &counter); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return wire.MakeZxid(epoch, counter)
}

func place(z wire.Zxid) string { return fmt.Sprintf("%d.%x", z.Epoch(), z.Counter()) }

func places(txns []Txn) string {
	var all []string
	for _, t := range txns {
		all = append(all, place(t.Zxid))
	}
	if !slices.IsSortedFunc(txns, func(a, b Txn) int { return int(a.Zxid - b.Zxid) }) {
		return "not in order"
	}
	return strings.Join(all, " ")
}
