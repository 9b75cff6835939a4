package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestZxid(t *testing.T) {
	for _, c := range []struct {
		zxid    Zxid
		epoch   int64
		counter uint32
		text    string
	}{
		{0, 0, 0, "0x0"},
		{MakeZxid(1, 1), 1, 1, "0x100000001"},
		{MakeZxid(0x28, 0x136), 0x28, 0x136, "0x2800000136"},
		{MakeZxid(7, math.MaxUint32), 7, math.MaxUint32, "0x7ffffffff"},
		{-1, -1, math.MaxUint32, "0xffffffffffffffff"},
		{Zxid(ObserverVote), math.MinInt32, 0, "0x8000000000000000"},
	} {
		if c.zxid.Epoch() != c.epoch || c.zxid.Counter() != c.counter || c.zxid.String() != c.text {
			t.Errorf("%d: epoch %d, counter %d, %s; want %+v", int64(c.zxid), c.zxid.Epoch(), c.zxid.Counter(), c.zxid, c)
		}
		if back, err := ParseZxid(c.text); back != c.zxid || err != nil {
			t.Errorf("%s reads as %d, %v", c.text, int64(back), err)
		}
		text, err := json.Marshal(c.zxid)
		var back Zxid
		if err != nil || string(text) != `"`+c.text+`"` || json.Unmarshal(text, &back) != nil || back != c.zxid {
			t.Errorf("%s in JSON: %s, %v, and back %s", c.zxid, text, err, back)
		}
	}
	for _, text := range []string{"", "0x", "zxid", "0x10000000000000000", "-1"} {
		if z, err := ParseZxid(text); err == nil {
			t.Errorf("%q reads as %s", text, z)
		}
	}
}

// TestNames: every constant has a name of its own, and an unknown value shows its number.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range []fmt.Stringer{
		OpNotification, OpCreate, OpPing, OpMultiRead, OpCreateSession, OpCloseSession, OpError,
		Looking, Following, Leading, Observing,
		EventNone, EventCreated, EventDeleted, EventDataChanged, EventChildrenChanged,
		EventDataWatchRemoved, EventChildWatchRemoved, EventPersistentWatchRemoved,
		StateDisconnected, StateSyncConnected, StateAuthFailed, StateConnectedReadOnly,
		StateSASLAuthenticated, StateClosed, StateExpired,
		WatchPersistent, WatcherChildren, WatcherData, WatcherAny,
		PacketRequest, PacketInformAndActivate,
	} {
		if name := v.String(); name == "" || strings.Contains(name, "(") || seen[name] {
			t.Errorf("%#v is called %q", v, name)
		} else {
			seen[name] = true
		}
	}
	for want, v := range map[string]fmt.Stringer{
		"op(99)": OpCode(99), "STATE(4)": ServerState(4), "event(9)": EventType(9), "state(1)": KeeperState(1),
		"mode(2)": AddWatchMode(2), "watcher(0)": WatcherType(0), "PACKET(0)": PacketType(0), "PACKET(20)": PacketType(20),
		"PACKET(-1)": PacketType(-1), "persistent-recursive": WatchPersistentRecursive, "cdrwa": PermAll, "r": PermRead,
	} {
		if v.String() != want {
			t.Errorf("%#v is called %q, want %q", v, v, want)
		}
	}
	for p := PacketRequest; p <= PacketInformAndActivate; p++ {
		if strings.HasPrefix(p.String(), "PACKET") || p.String() == "" {
			t.Errorf("packet %d has no name", int32(p))
		}
	}
}

func TestOpCodes(t *testing.T) {
	var writes int
	for op := range opNames {
		if !op.Known() {
			t.Errorf("%s is not known", op)
		}
		if op.IsWrite() {
			writes++
		}
		_, request := NewRequest(op)
		_, response := NewResponse(op)
		if internal := op == OpNotification || op == OpError || op == OpCreateSession || op == OpDeleteContainer; request == internal || response != request {
			t.Errorf("%s: request %t, response %t", op, request, response)
		}
	}
	if writes != 12 {
		t.Errorf("%d writes", writes)
	}
	if OpCode(10).Known() || OpCode(10).IsWrite() || OpSync.IsWrite() || OpCheck.IsWrite() {
		t.Error("an operation is taken for what it is not")
	}
}

func TestErrCodes(t *testing.T) {
	if err := OK.Err(); err != nil {
		t.Errorf("OK is the error %v", err)
	}
	err := fmt.Errorf("create %q: %w", "/a", ErrNodeExists.Err())
	if !errors.Is(err, ErrNodeExists) || errors.Is(err, ErrNoNode) {
		t.Errorf("%v is not recognised", err)
	}
	if want := `create "/a": node exists (-110)`; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	if got := ErrCode(-99).Error(); got != "unknown error (-99)" {
		t.Errorf("%q", got)
	}
	texts := map[string]ErrCode{}
	for code, text := range errTexts {
		if other, taken := texts[text]; taken {
			t.Errorf("%d and %d are both %q", code, other, text)
		}
		texts[text] = code
	}
}

func TestValidatePath(t *testing.T) {
	for _, path := range []string{"/", "/a", "/a/b-0000000001", "/a.b", "/...", "/.a", "/ü", "/\u00a0", "/\uffef", "/zookeeper/config"} {
		if err := ValidatePath(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	for path, why := range map[string]string{
		"": "empty", "a": "start with /", "/a/": "end with /", "//": "end with /", "//a": "empty node name",
		"/a//b": "empty node name", "/.": "relative", "/a/../b": "relative", "/..": "relative",
		"/\x00": "U+0000", "/\x1f": "U+001F", "/\x7f": "U+007F", "/\u009f": "U+009F", "/\ue000": "U+E000",
		"/\uf8ff": "U+F8FF", "/\ufff0": "U+FFF0", "/\U0001f600": "U+1F600", "/\xff": "U+FFFD", "/a\xed\xa0\x80": "U+FFFD",
	} {
		if err := ValidatePath(path); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want something about %s", path, err, why)
		}
	}
}
