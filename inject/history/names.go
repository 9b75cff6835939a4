package history

import (
	"fmt"
	"strconv"
	"strings"

	"zkctl/probe/wire"
)

// errNames are ZooKeeper's own names of what a server answers, without "Exception".
var errNames = map[wire.ErrCode]string{
	wire.ErrSystem: "SystemError", wire.ErrRuntimeInconsistency: "RuntimeInconsistency", wire.ErrMarshalling: "MarshallingError",
	wire.ErrUnimplemented: "Unimplemented", wire.ErrOperationTimeout: "OperationTimeout", wire.ErrBadArguments: "BadArguments",
	wire.ErrNoNode: "NoNode", wire.ErrNoAuth: "NoAuth", wire.ErrBadVersion: "BadVersion",
	wire.ErrNoChildrenForEphemerals: "NoChildrenForEphemerals", wire.ErrNodeExists: "NodeExists", wire.ErrNotEmpty: "NotEmpty",
	wire.ErrSessionExpired: "SessionExpired", wire.ErrInvalidACL: "InvalidACL", wire.ErrAuthFailed: "AuthFailed",
	wire.ErrSessionMoved: "SessionMoved", wire.ErrNotReadOnly: "NotReadOnly", wire.ErrNoWatcher: "NoWatcher",
	wire.ErrQuotaExceeded: "QuotaExceeded", wire.ErrThrottled: "ThrottledOp",
}

var (
	errCodes = inverse(errNames)
	opCodes  = map[string]wire.OpCode{}
	events   = map[string]wire.EventType{}
)

func init() {
	for code := wire.OpCloseSession; code <= wire.OpWhoAmI; code++ {
		if code.Known() {
			opCodes[code.String()] = code
		}
	}
	for _, t := range []wire.EventType{
		wire.EventNone, wire.EventCreated, wire.EventDeleted, wire.EventDataChanged, wire.EventChildrenChanged,
		wire.EventDataWatchRemoved, wire.EventChildWatchRemoved, wire.EventPersistentWatchRemoved,
	} {
		events[t.String()] = t
	}
}

func inverse(names map[wire.ErrCode]string) map[string]wire.ErrCode {
	codes := map[string]wire.ErrCode{}
	for code, name := range names { // names are distinct, so the order does not matter
		codes[name] = code
	}
	return codes
}

// errName is an error's name, or its number where it has none.
func errName(code wire.ErrCode) string {
	if name, ok := errNames[code]; ok {
		return name
	}
	return strconv.Itoa(int(code))
}

func parseErr(name string) (wire.ErrCode, error) {
	if code, ok := errCodes[name]; ok {
		return code, nil
	}
	n, err := strconv.ParseInt(name, 10, 32)
	if err != nil || n >= 0 {
		return 0, fmt.Errorf("err %q is no error of ZooKeeper: give a name such as BadVersion, or a negative number", name)
	}
	return wire.ErrCode(n), nil
}

// parseHex reads a session or zxid.
func parseHex(name, text string) (int64, error) {
	digits, ok := strings.CutPrefix(text, "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	if err != nil || !ok {
		return 0, fmt.Errorf("%s %q is no hexadecimal number such as 0x10000002a", name, text)
	}
	return int64(n), nil
}

// parseName finds the value of an enum by its name.
func parseName(names []string, field, name string) (int, error) {
	for value, known := range names {
		if name != "" && known == name {
			return value, nil
		}
	}
	return 0, fmt.Errorf("%s %q is not known: give one of %s", field, name, strings.Join(names[1:], ", "))
}
